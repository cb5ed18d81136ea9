"""Which documents are in which collection: rows that go with a document, and that a newer version of it takes over.

Every function takes the caller's transaction: a document and its collections change together or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, delete, insert, select

from retrieval.tables import collection_documents, collections

__all__ = ["follow", "leave_all", "members", "put", "put_if_there", "take_out"]

_inside = collection_documents.c


def members(conn: Connection, collection: int) -> set[int]:
    """Ids of the documents in a collection."""
    return set(conn.execute(select(_inside.document).where(_inside.collection == collection)).scalars())


def put(conn: Connection, collection: int, documents: Iterable[int]) -> list[int]:
    """Put documents in; those that were not in it before."""
    there = members(conn, collection)
    new = [document for document in dict.fromkeys(documents) if document not in there]
    if new:
        rows = [{"collection": collection, "document": document} for document in new]
        conn.execute(insert(collection_documents), rows)
    return new


def put_if_there(conn: Connection, collection: int, document: int) -> None:
    """Put a document in, unless the collection has been deleted."""
    if conn.execute(select(collections.c.id).where(collections.c.id == collection)).first() is not None:
        known = select(_inside.document).where(_inside.collection == collection, _inside.document == document)
        if conn.execute(known).first() is None:
            conn.execute(insert(collection_documents).values(collection=collection, document=document))


def take_out(conn: Connection, collection: int, documents: Iterable[int]) -> list[int]:
    """Take documents out; those that were in it."""
    there = members(conn, collection)
    gone = [document for document in dict.fromkeys(documents) if document in there]
    if gone:
        one = delete(collection_documents).where(
            _inside.collection == collection, _inside.document == bindparam("gone")
        )
        conn.execute(one, [{"gone": document} for document in gone])
    return gone


def leave_all(conn: Connection, document: int) -> None:
    """Take a document out of every collection."""
    conn.execute(delete(collection_documents).where(_inside.document == document))


def follow(conn: Connection, former: int, document: int) -> None:
    """Put a document into every collection that the version before it is in."""
    if former != document:
        for collection in conn.execute(select(_inside.collection).where(_inside.document == former)).scalars().all():
            put_if_there(conn, collection, document)
