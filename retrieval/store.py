"""Documents, pages and passages in the database: what is written, what is visible, what goes.

Every method takes the caller's transaction, so that a document, its passages, its full-text rows and the ledger's
entry about it are kept together or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.sql.elements import ColumnElement

from provenance.errors import NotFoundError
from retrieval.document import DocumentInfo, Page
from retrieval.embedder import Embedder
from retrieval.index import Ids
from retrieval.lexical import SqliteLexical
from retrieval.membership import leave_all
from retrieval.passage import Passage
from retrieval.rows import SLICE, page_layout, page_text, sliced, to_document, to_page, to_passage
from retrieval.succession import end_line, succeed
from retrieval.tables import documents, job_files, library_state, origins, pages, passages
from retrieval.vectors import VectorRows, passage_digest, passage_input

__all__ = ["Counts", "NewDocument", "NewPassage", "Store", "passage_digest", "passage_input", "utc_now"]

_UNFINISHED = ("waiting", "reading", "embedding")


def utc_now() -> str:
    """RFC 3339, UTC, seconds."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewDocument:
    """A document about to be written."""

    name: str
    path: str
    digest: str
    kind: str
    title: str
    size_bytes: int
    pages: int
    passages: int
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class NewPassage:
    """A passage about to be written."""

    page: int
    start: int
    end: int
    heading: str
    text: str
    digest: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How much is visible."""

    documents: int
    pages: int
    passages: int
    size_bytes: int


class Store(VectorRows):
    """The library's rows: documents, pages and passages, and the vectors of `VectorRows`."""

    def __init__(self, *, embedder: Embedder, lexical: SqliteLexical | None = None) -> None:
        self._model = embedder
        self.lexical = lexical or SqliteLexical()

    # --- writing ------------------------------------------------------------------------------------------------------

    def add_document(self, conn: Connection, new: NewDocument) -> int:
        """A document that nobody sees yet; its id."""
        made = conn.execute(
            insert(documents).values(
                state="adding",
                name=new.name,
                path=new.path,
                digest=new.digest,
                kind=new.kind,
                title=new.title,
                size_bytes=new.size_bytes,
                pages=new.pages,
                passages=new.passages,
                added_at=utc_now(),
                warnings=json.dumps(new.warnings),
            )
        )
        [id_] = made.inserted_primary_key or (0,)
        return int(id_)

    def add_pages(self, conn: Connection, document: int, new: Sequence[Page]) -> None:
        """Pages of a document that is being added."""
        rows = [
            {
                "document": document,
                "number": page.number,
                "label": page.label,
                "source": page.source,
                "text": page_text(page),
                "layout": page_layout(page),
            }
            for page in new
        ]
        if rows:
            conn.execute(insert(pages), rows)

    def add_passages(self, conn: Connection, document: int, new: Sequence[NewPassage]) -> None:
        """Passages of a document that is being added, and their full-text rows."""
        if not new:
            return
        conn.execute(
            insert(passages),
            [
                {
                    "document": document,
                    "page": one.page,
                    "start": one.start,
                    "end": one.end,
                    "heading": one.heading,
                    "text": one.text,
                    "digest": one.digest,
                }
                for one in new
            ],
        )
        last = conn.execute(select(func.max(passages.c.id))).scalar_one()  # ids follow each other: the lock is ours
        self.lexical.add(conn, last - len(new) + 1, last)

    def publish(self, conn: Connection, document: int, *, replaces: int | None = None) -> int:
        """Make a document visible and what it replaces invisible, in one step; the library's new version."""
        if replaces is not None:
            self._set_state(conn, replaces, "removed")
            leave_all(conn, replaces)
            succeed(conn, replaces, document)
        self._set_state(conn, document, "ready")
        return self.next_version(conn)

    def claim(self, conn: Connection, origin: str, document: int, *, name: str, path: str) -> int | None:
        """Note that what lies at `origin` is this document; the document that lost its last origin by it, if any."""
        former = conn.execute(select(origins.c.document).where(origins.c.origin == origin)).scalar()
        conn.execute(delete(origins).where(origins.c.origin == origin))
        conn.execute(insert(origins).values(origin=origin, document=document, name=name, path=path))
        if former is None or former == document or self._name_by_origin(conn, former):
            return None
        return int(former)

    def release(self, conn: Connection, document: int, gone: Callable[[str], bool]) -> None:
        """Forget origins of a document whose path is `gone`, as long as it keeps one."""
        rows = conn.execute(select(origins).where(origins.c.document == document)).all()
        lost = [row.origin for row in rows if row.path and gone(row.path)]
        if lost and len(lost) < len(rows):
            conn.execute(delete(origins).where(origins.c.origin.in_(lost)))
            self._name_by_origin(conn, document)

    def leave(self, conn: Connection, origin: str) -> int | None:
        """Nothing lies at `origin` any more; the document that lost its last origin by it, if any."""
        former = conn.execute(select(origins.c.document).where(origins.c.origin == origin)).scalar()
        conn.execute(delete(origins).where(origins.c.origin == origin))
        return None if former is None or self._name_by_origin(conn, former) else int(former)

    def remove(self, conn: Connection, document: int, *, successor: int | None = None) -> int:
        """Make a document invisible at once; `purge` takes its rows. The library's new version.

        Raises:
            NotFoundError: There is no such document.
        """
        self.document(conn, document)
        self._set_state(conn, document, "removed")
        conn.execute(delete(origins).where(origins.c.document == document))
        leave_all(conn, document)
        if successor is None:
            end_line(conn, document)
        else:
            succeed(conn, document, successor)
        conn.execute(update(job_files).where(job_files.c.document == document).values(name="(deleted)", path=None))
        return self.next_version(conn)

    def purge(self, conn: Connection, document: int, *, keep_vectors: bool = False) -> bool:
        """Take some rows of a document that is not visible; True when nothing of it is left.

        `keep_vectors` leaves its vectors for another try at the same file. A visible document is left alone.
        """
        if self._find(conn, documents.c.id == document) is not None:
            return True
        rows = conn.execute(
            select(passages.c.id, passages.c.digest).where(passages.c.document == document).limit(SLICE)
        ).all()
        if rows:
            ids = [row.id for row in rows]
            self.lexical.remove(conn, ids)
            conn.execute(delete(passages).where(passages.c.id.in_(ids)))
            if not keep_vectors:
                self.drop_unused(conn, [row.digest for row in rows])
            return False
        conn.execute(delete(pages).where(pages.c.document == document))
        conn.execute(delete(documents).where(documents.c.id == document, documents.c.state != "ready"))
        return True

    # --- what is not visible ------------------------------------------------------------------------------------------

    def leftovers(self, conn: Connection, state: str) -> list[int]:
        """Documents in state "adding" or "removed"."""
        return list(conn.execute(select(documents.c.id).where(documents.c.state == state)).scalars())

    def originals(self, conn: Connection) -> set[str]:
        """Digests of files that a visible document or an unfinished job refers to."""
        used = select(documents.c.digest).where(documents.c.state != "removed")
        waiting = select(job_files.c.digest).where(job_files.c.digest != "", job_files.c.status.in_(_UNFINISHED))
        return set(conn.execute(used.union(waiting)).scalars())

    # --- reading ------------------------------------------------------------------------------------------------------

    def version(self, conn: Connection) -> int:
        """Counts up whenever the set of visible passages changes."""
        return int(conn.execute(select(library_state.c.version)).scalar_one())

    def documents(self, conn: Connection) -> list[DocumentInfo]:
        """Visible documents, by name."""
        query = select(documents).where(documents.c.state == "ready")
        rows = conn.execute(query.order_by(func.lower(documents.c.name), documents.c.id))
        return [to_document(row) for row in rows]

    def document(self, conn: Connection, document: int) -> DocumentInfo:
        """Raises: NotFoundError: There is no such document."""
        row = self._find(conn, documents.c.id == document)
        if row is None:
            raise NotFoundError(
                f"There is no document {document} in the library.", hint="It may have been deleted; see the list."
            )
        return row

    def by_digest(self, conn: Connection, digest: str) -> DocumentInfo | None:
        """The visible document with these bytes."""
        return self._find(conn, documents.c.digest == digest)

    def by_origin(self, conn: Connection, origin: str) -> DocumentInfo | None:
        """The visible document from this path or of this uploaded name."""
        return self._find(conn, documents.c.id.in_(select(origins.c.document).where(origins.c.origin == origin)))

    def page(self, conn: Connection, document: int, number: int) -> Page:
        """Raises: NotFoundError: There is no such document, or it has no such page."""
        info = self.document(conn, document)
        row = conn.execute(select(pages).where(pages.c.document == document, pages.c.number == number)).one_or_none()
        if row is None:
            raise NotFoundError(
                f"{info.name} has no page {number}.", hint=f"It has {info.pages} page{'s' * (info.pages != 1)}."
            )
        return to_page(row)

    def passages(self, conn: Connection, ids: Iterable[int]) -> dict[int, Passage]:
        """Those of them whose document is visible."""
        query = (
            select(passages, documents.c.name.label("document_name"), pages.c.label.label("page_label"))
            .join(documents, documents.c.id == passages.c.document)
            .join(pages, (pages.c.document == passages.c.document) & (pages.c.number == passages.c.page))
            .where(documents.c.state == "ready")
        )
        found = {}
        for some in sliced(list(ids)):
            for row in conn.execute(query.where(passages.c.id.in_(some))):
                found[row.id] = to_passage(row)
        return found

    def visible(self, conn: Connection, ids: Iterable[int]) -> set[int]:
        """Those of them whose document is visible."""
        query = select(passages.c.id).join(documents, documents.c.id == passages.c.document)
        query = query.where(documents.c.state == "ready")
        found: set[int] = set()
        for some in sliced(list(ids)):
            found.update(conn.execute(query.where(passages.c.id.in_(some))).scalars())
        return found

    def passage_ids(self, conn: Connection, wanted: Sequence[int] | None = None) -> Ids:
        """Ids of the visible passages, of all documents or of `wanted`, in order."""
        query = select(passages.c.id).join(documents, documents.c.id == passages.c.document)
        query = query.where(documents.c.state == "ready")
        if wanted is not None:
            query = query.where(documents.c.id.in_(wanted))
        return np.fromiter(conn.execute(query.order_by(passages.c.id)).scalars(), dtype=np.int64)

    def ids_of(self, conn: Connection, document: int) -> Ids:
        """Ids of a document's passages, visible or not, in order."""
        query = select(passages.c.id).where(passages.c.document == document).order_by(passages.c.id)
        return np.fromiter(conn.execute(query).scalars(), dtype=np.int64)

    def counts(self, conn: Connection) -> Counts:
        """How much is visible."""
        columns = (documents.c.pages, documents.c.passages, documents.c.size_bytes)
        query = select(func.count(), *(func.coalesce(func.sum(column), 0) for column in columns))
        row = conn.execute(query.where(documents.c.state == "ready")).one()
        return Counts(documents=row[0], pages=row[1], passages=row[2], size_bytes=row[3])

    def _find(self, conn: Connection, condition: ColumnElement[bool]) -> DocumentInfo | None:
        row = conn.execute(select(documents).where(documents.c.state == "ready", condition)).one_or_none()
        return None if row is None else to_document(row)

    def _name_by_origin(self, conn: Connection, document: int) -> bool:
        """Call a document as one of its origins does; False if it has none."""
        row = conn.execute(select(origins).where(origins.c.document == document).order_by(origins.c.origin)).first()
        if row is None:
            return False
        conn.execute(update(documents).where(documents.c.id == document).values(name=row.name, path=row.path))
        return True

    def _set_state(self, conn: Connection, document: int, state: str) -> None:
        conn.execute(update(documents).where(documents.c.id == document).values(state=state))

    def next_version(self, conn: Connection) -> int:
        """Say that the set of searchable passages has changed."""
        conn.execute(update(library_state).values(version=library_state.c.version + 1))
        return self.version(conn)
