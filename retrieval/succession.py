"""Which document took the place of an older version: whoever kept the older one's id finds the newer by it.

Every function takes the caller's transaction. Only the last version is named: a chain is shortened as it grows.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select, update

from retrieval.tables import successors

__all__ = ["current", "end_line", "succeed"]


def succeed(conn: Connection, former: int, document: int) -> None:
    """Note that `document` stands for `former` from now on, and for all that `former` stood for."""
    conn.execute(update(successors).where(successors.c.document == former).values(document=document))
    conn.execute(insert(successors).values(former=former, document=document))


def current(conn: Connection, documents: Sequence[int]) -> list[int]:
    """Each id, or that of the newest version in its place; one that was deleted stays as it is."""
    rows = conn.execute(select(successors).where(successors.c.former.in_(documents)))
    newest = {row.former: row.document for row in rows}
    return list(dict.fromkeys(newest.get(document, document) for document in documents))


def end_line(conn: Connection, document: int) -> None:
    """The document was deleted: nothing leads to it any more."""
    conn.execute(delete(successors).where(successors.c.document == document))
