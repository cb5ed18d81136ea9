"""The library: documents that can be searched, shown and deleted.

One object for the agent, the page and the command line; `retrieval.ingest.Ingestor` fills it. SQLite is the truth.
The FAISS index and the originals follow from it, and `check` says where they do not.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from filelock import FileLock

from provenance.database import Database
from provenance.errors import ConfigError, NotFoundError
from provenance.ledger import Ledger, new_run_id
from retrieval.collection import Collections
from retrieval.dense import DenseIndex
from retrieval.document import DocumentInfo, Page, ParsedDocument
from retrieval.embedder import Embedder
from retrieval.objects import Objects, file_digest
from retrieval.parsing.grid import Grid
from retrieval.passage import Hit, Passage
from retrieval.search import Searcher
from retrieval.sql.query import Tables
from retrieval.store import Counts, Store
from retrieval.succession import current
from retrieval.walk import safe_name

__all__ = ["DocumentParser", "Library"]

_PICTURES_KEPT = 32
_PURGE_AT_ONCE = 2000  # passages; a larger document's rows go in the background


class DocumentParser(Protocol):
    """What the library needs of `retrieval.parser.Parser`."""

    def parse(
        self,
        path: Path,
        name: str,
        *,
        stop: threading.Event | None = None,
        on_page: Callable[[int, int], None] | None = None,
        root: Path | None = None,
    ) -> ParsedDocument: ...

    def tables(self, path: Path, name: str, *, stop: threading.Event | None = None) -> list[Grid]: ...

    def page_png(
        self, path: Path, kind: str, page: Page, *, start: int = 0, end: int = 0, width_px: int = 1000
    ) -> bytes | None: ...


class Library:
    """Documents, their pages and passages. Safe for threads; opening it is cheap, the index loads on first use.

    Several processes may open one data folder: SQLite keeps their writes apart, and each notices what others changed.

    Raises:
        ConfigError: The database is no SQLite file.
    """

    def __init__(
        self, home: Path, database: Database, ledger: Ledger, *, embedder: Embedder, parser: DocumentParser
    ) -> None:
        if database.engine.dialect.name != "sqlite":
            raise ConfigError(
                "Documents are searched with what SQLite alone has.", hint="Leave WHEREFROM_DATABASE_URL unset."
            )
        self.database = database
        self.ledger = ledger
        self.embedder = embedder
        self.parser = parser
        self.store = Store(embedder=embedder)
        self.collections = Collections(database, ledger)
        self.objects = Objects(home / "objects")
        self.tables = Tables(home / "tables", parser)  # of sheets, for queries; made when they are first asked for
        self.dense = DenseIndex(database, self.store, embedder, home / "index")
        self.ingest_lock = FileLock(home / "ingest.lock", thread_local=False)  # whoever holds it works on the queue
        self._searcher = Searcher(database, self.store, self.dense, embedder)
        self._pictures: OrderedDict[tuple[int, int, int, int, int], bytes | None] = OrderedDict()
        self._pictures_lock = threading.Lock()
        self._closing = threading.Event()
        self._purging: list[threading.Thread] = []

    # What there is.

    def documents(self) -> list[DocumentInfo]:
        """Every document, by name."""
        with self.database.read() as conn:
            return self.store.documents(conn)

    def document(self, document_id: int) -> DocumentInfo:
        """Raises: NotFoundError: There is no such document."""
        with self.database.read() as conn:
            return self.store.document(conn, document_id)

    def current(self, document_ids: Sequence[int]) -> list[int]:
        """Each id, or that of the newest version in its place; one that was deleted stays as it is."""
        with self.database.read() as conn:
            return current(conn, document_ids)

    def page(self, document_id: int, number: int) -> Page:
        """Raises: NotFoundError: There is no such document or page."""
        with self.database.read() as conn:
            return self.store.page(conn, document_id, number)

    def passages(self, ids: Iterable[int]) -> list[Passage]:
        """Those passages that there are, in the order asked for."""
        wanted = list(ids)
        with self.database.read() as conn:
            found = self.store.passages(conn, wanted)
        return [found[id_] for id_ in wanted if id_ in found]

    def passages_of(self, document_id: int) -> list[Passage]:
        """All passages of a document, in its order.

        Raises:
            NotFoundError: There is no such document.
        """
        with self.database.read() as conn:
            self.store.document(conn, document_id)
            found = self.store.passages(conn, self.store.ids_of(conn, document_id).tolist())
        return sorted(found.values(), key=lambda passage: (passage.page, passage.start))

    def counts(self) -> Counts:
        """How much there is."""
        with self.database.read() as conn:
            return self.store.counts(conn)

    def original(self, document_id: int) -> Path:
        """The file as it was added.

        Raises:
            NotFoundError: There is no such document, or its original has been lost.
        """
        info = self.document(document_id)
        path = self.objects.path(info.digest)
        if not path.is_file():
            raise NotFoundError(f"The original of {info.name} is missing.", hint="Add the file again.")
        return path

    def page_image(
        self, document_id: int, number: int, start: int = 0, end: int = 0, width_px: int = 1000
    ) -> bytes | None:
        """PNG of a page with characters `start:end` marked; None for formats that have no picture.

        Raises:
            NotFoundError: There is no such document or page.
            DocumentError: The page cannot be drawn.
        """
        key = (document_id, number, start, end, width_px)
        info, page = self.document(document_id), self.page(document_id, number)
        with self._pictures_lock:
            if key in self._pictures:
                self._pictures.move_to_end(key)
                return self._pictures[key]
        path = self.original(document_id)
        png = self.parser.page_png(path, info.kind, page, start=start, end=end, width_px=width_px)
        with self._pictures_lock:
            self._pictures[key] = png
            while len(self._pictures) > _PICTURES_KEPT:
                self._pictures.popitem(last=False)
        return png

    def search(
        self,
        query: str | Sequence[str],
        *,
        top_k: int = 10,
        document_ids: Sequence[int] | None = None,
        merge: bool = True,
    ) -> list[Hit]:
        """The best passages, best first; see `retrieval.search.Searcher.search`.

        Raises:
            UsageError: Nothing to search for.
            RetrievalError: The embedding model cannot be loaded.
        """
        return self._searcher.search(query, top_k=top_k, document_ids=document_ids, merge=merge)

    # What changes.

    def delete(self, document_id: int, *, run: str | None = None) -> None:
        """Take a document out of every answer at once, and its rows and its original off the disk.

        Raises:
            NotFoundError: There is no such document.
            StorageError: The database is locked or the disk is full; then nothing was changed.
        """
        with self.dense.updating():
            with self.database.write() as conn:
                info = self.store.document(conn, document_id)
                ids = self.store.ids_of(conn, document_id)
                version = self.store.remove(conn, document_id)
                self.ledger.append_within(
                    conn,
                    kind="document_removed",
                    run=run or new_run_id(),
                    body={"document": document_id, "digest": info.digest, "passages": len(ids)},
                    contents={"name": info.name},
                )
            self.dense.apply(version, removed=ids)
        with self._pictures_lock:
            for key in [key for key in self._pictures if key[0] == document_id]:
                del self._pictures[key]
        self.discard(info)

    def leave(self, path: Path) -> None:
        """A file is gone from where it lay: its document goes with its last place.

        Raises:
            StorageError: The database is locked or the disk is full.
        """
        with self.database.write() as conn:
            orphan = self.store.leave(conn, f"path:{safe_name(path)}")
        if orphan is not None:
            self.delete(orphan)

    def discard(self, info: DocumentInfo) -> None:
        """Take the rows of a document that is not visible any more, and its original if nobody else refers to it."""
        self.drop_original(info.digest)
        if info.passages <= _PURGE_AT_ONCE:
            self.purge(info.id)
            return
        thread = threading.Thread(target=self.purge, args=(info.id,), name="library-purge")
        self._purging = [one for one in self._purging if one.is_alive()] + [thread]
        thread.start()

    def drop_original(self, digest: str) -> None:
        """Remove an original that no document and no unfinished job refers to."""
        with self.objects.exclusive():
            with self.database.read() as conn:
                used = digest in self.store.originals(conn)
            if not used:
                self.objects.remove(digest)
                self.tables.files.remove(digest)

    def purge(self, document_id: int, *, keep_vectors: bool = False) -> None:
        """Take an invisible document's rows, in slices so that other writers need not wait."""
        gone = False
        while not gone and not self._closing.is_set():
            with self.database.write() as conn:
                gone = self.store.purge(conn, document_id, keep_vectors=keep_vectors)

    def recover(self, *, keep_vectors: bool = False) -> None:
        """Undo what a killed process left half done. Call while holding `ingest_lock`.

        `keep_vectors`: interrupted work will be tried again and can use the vectors it made.
        """
        with self.database.read() as conn:
            adding = self.store.leftovers(conn, "adding")
            removed = self.store.leftovers(conn, "removed")
        for document in adding:
            self.purge(document, keep_vectors=True)
        for document in removed:
            self.purge(document)
        self.sweep_originals()
        if not keep_vectors:
            self.drop_unused_vectors()

    def sweep_originals(self) -> None:
        """Remove every original that nobody refers to. Call while holding `ingest_lock`, with no file in work."""
        with self.objects.exclusive():
            with self.database.read() as conn:
                keep = self.store.originals(conn)
            self.objects.sweep(keep)
            self.tables.files.sweep(keep)

    def drop_unused_vectors(self) -> None:
        """Forget vectors of passages that are nowhere any more. Call while holding `ingest_lock`."""
        after: bytes | None = b""
        while after is not None and not self._closing.is_set():
            with self.database.write() as conn:
                after = self.store.drop_unused_vectors(conn, after=after)

    # Whether it is sound.

    def check(self, *, full: bool = False) -> list[str]:
        """Problems found, one sentence each; an empty list is good news. `full` reads every original and page."""
        found = self.dense.problems()
        with self.database.write() as conn:
            if problem := self.store.lexical.problem(conn):
                found.append(problem)
        with self.database.read() as conn:
            infos = self.store.documents(conn)
            if waiting := len(self.store.without_vectors(conn, 10_000)):
                found.append(f"{waiting:,} passages are not embedded by the present model yet.")
            for info in infos:
                if len(self.store.ids_of(conn, info.id)) != info.passages:
                    found.append(f"{info.name} does not have all its passages.")
        for info in infos:
            path = self.objects.path(info.digest)
            if not path.is_file() or path.stat().st_size != info.size_bytes:
                found.append(f"The original of {info.name} is missing or cut.")
            elif full and file_digest(path)[0] != info.digest:
                found.append(f"The original of {info.name} is damaged.")
            if full and not self._passages_match(info.id):
                found.append(f"Passages of {info.name} differ from its pages.")
        return found

    def close(self) -> None:
        """Save the index. The database, the ledger and the parser belong to whoever opened them."""
        self._closing.set()
        for thread in self._purging:
            thread.join()
        self.dense.save()

    def _passages_match(self, document_id: int) -> bool:
        with self.database.read() as conn:
            ids = self.store.ids_of(conn, document_id).tolist()
            texts: dict[int, str] = {}
            for passage in self.store.passages(conn, ids).values():
                if passage.page not in texts:
                    texts[passage.page] = self.store.page(conn, document_id, passage.page).text
                if texts[passage.page][passage.start : passage.end] != passage.text:
                    return False
        return True
