"""Puts one parsed document into the library: embeds what is new of it, writes it in slices, shows it in one step.

A document of up to `_SLICE` passages is one transaction: pages, passages, vectors, full-text rows, the ledger's entry
and the job's note that this file is done. A larger one is written slice by slice, unseen, and the last slice's
transaction makes it visible; so no other writer ever waits long, and memory holds one slice of vectors at a time.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection

from provenance.errors import AppError, DocumentError
from retrieval.background import Background
from retrieval.chunking import Chunk, document_passages
from retrieval.document import DocumentInfo, Page, ParsedDocument
from retrieval.embedder import Vectors
from retrieval.index import Ids
from retrieval.jobs import JobFile
from retrieval.library import Library
from retrieval.membership import follow
from retrieval.store import NewDocument, NewPassage, passage_digest, passage_input

__all__ = ["Adder", "ReadFile", "Settle"]

_SLICE = 256  # passages

Settle = Callable[[Connection, JobFile], None]
Progress = Callable[[int, int], None]  # passages embedded, or found to be so, of how many


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadFile:
    """A file whose original is stored and whose text is known."""

    origin: str
    name: str
    path: str  # "" for an upload
    source: Path | None  # where the original can be copied from again
    digest: str
    size_bytes: int
    parsed: ParsedDocument


@dataclass(kw_only=True, slots=True)
class _Draft:
    """A document that is being written."""

    file: ReadFile
    passages: int  # in all
    document: int | None = None  # its id, once a slice of it is in the database
    embedded: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Slice:
    first: int  # number of its first passage
    pages: list[Page]
    passages: list[NewPassage]
    last: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Published:
    version: int
    added: Ids
    removed: Ids | None
    outdated: DocumentInfo | None  # what it replaced, if that is nowhere any more
    outcome: JobFile


class _AlreadyThereError(Exception):
    """Somebody else added the same bytes in the meantime."""


class Adder:
    """Writes documents for one ingest job. Used by one thread."""

    def __init__(
        self,
        library: Library,
        *,
        run: str,
        stop: threading.Event,
        pause: Callable[[], bool] | None,
        background: Background,
    ) -> None:
        self._library = library
        self._store = library.store
        self._run = run
        self._stop = stop
        self._pause = pause
        self._background = background

    def add(self, file: ReadFile, settle: Settle, progress: Progress) -> JobFile:
        """Add a document, or put it in the place of an older version; its outcome.

        Args:
            settle: Writes the outcome down, in the transaction that makes the document visible.
        Raises:
            DocumentError: There is no text in it.
            Cancelled: The stop event was set; nothing of it is visible.
            StorageError: The database is locked or the disk is full; nothing of it is visible.
        """
        chunked = list(document_passages(file.parsed))
        draft = _Draft(file=file, passages=sum(len(chunks) for _, chunks in chunked))
        if not draft.passages:
            raise DocumentError(
                "No text was found in this file.", hint="If it is a scan, turn OCR on and add it again."
            )
        progress(0, draft.passages)
        try:
            for part in _slices(chunked):
                outcome = self._write(draft, part, settle, progress)
        except _AlreadyThereError:
            self._forget(draft)
            return self.unchanged(file.origin, file.name, file.path, file.digest, settle)
        except BaseException:
            self._forget(draft)
            raise
        assert outcome is not None  # the last slice has one, and there is always a last slice
        return outcome

    def unchanged(self, origin: str, name: str, path: str, digest: str, settle: Settle) -> JobFile:
        """The library holds these bytes already. Whatever else it has from this path or name is out of date.

        Raises:
            DocumentError: They have been deleted at this very moment.
        """
        outdated: DocumentInfo | None = None
        with self._library.dense.updating():
            with self._library.database.write() as conn:
                same = self._store.by_digest(conn, digest)
                if same is None:
                    raise DocumentError("The file was deleted while it was being added.", hint="Add it again.")
                before = self._store.by_origin(conn, origin)
                orphan = self._store.claim(conn, origin, same.id, name=name, path=path)
                self._store.release(conn, same.id, lambda other: not Path(other).exists())
                if before is not None:
                    follow(conn, before.id, same.id)
                if before is not None and before.id == orphan:
                    outdated = before
                    removed = self._store.ids_of(conn, outdated.id)
                    version = self._store.remove(conn, outdated.id, successor=same.id)
                    self._record(conn, "document_removed", outdated, {"document": outdated.id})
                outcome = JobFile(
                    path=path or name,
                    status="unchanged" if before is None or before.id == same.id else "changed",
                    document_id=same.id,
                    pages=same.pages,
                    passages=same.passages,
                    warnings=list(same.warnings),
                )
                settle(conn, outcome)
            if outdated is not None:
                self._library.dense.apply(version, removed=removed)
        if outdated is not None:
            self._library.discard(outdated)
        return outcome

    def _write(self, draft: _Draft, part: _Slice, settle: Settle, progress: Progress) -> JobFile | None:
        """Embed and write one slice; the outcome if it was the last."""
        made: dict[bytes, Vectors] = {}
        while True:
            self._embed(draft, part, made, progress)
            with contextlib.ExitStack() as held:
                if part.last:
                    held.enter_context(self._library.objects.exclusive())
                    held.enter_context(self._library.dense.updating())
                    self._restore(draft.file)
                with self._library.database.write() as conn:
                    if self._lacking(conn, part, made):
                        continue
                    document = self._rows(conn, draft, part, made)
                    published = self._publish(conn, draft, document, settle) if part.last else None
                if published is None:
                    draft.document = document
                    return None
                self._library.dense.apply(published.version, added=published.added, removed=published.removed)
            if published.outdated is not None:
                self._library.discard(published.outdated)
            return published.outcome

    def _publish(self, conn: Connection, draft: _Draft, document: int, settle: Settle) -> _Published:
        """Make a document visible in place of what it replaces, and record that."""
        store, file = self._store, draft.file
        if store.by_digest(conn, file.digest) is not None:
            raise _AlreadyThereError
        old = store.by_origin(conn, file.origin)
        orphan = store.claim(conn, file.origin, document, name=file.name, path=file.path)
        removed = None if orphan is None else store.ids_of(conn, orphan)
        if old is not None:
            follow(conn, old.id, document)
        version = store.publish(conn, document, replaces=orphan)
        body: dict[str, Any] = {"document": document, "embedded": draft.embedded}
        if old is not None:
            body["previous"] = {"document": old.id, "digest": old.digest}
        self._record(
            conn, "document_added" if old is None else "document_changed", store.document(conn, document), body
        )
        outcome = JobFile(
            path=file.path or file.name,
            status="added" if old is None else "changed",
            document_id=document,
            pages=len(file.parsed.pages),
            passages=draft.passages,
            warnings=list(file.parsed.warnings),
        )
        settle(conn, outcome)
        added = store.ids_of(conn, document)
        outdated = old if orphan is not None else None
        return _Published(version=version, added=added, removed=removed, outdated=outdated, outcome=outcome)

    def _embed(self, draft: _Draft, part: _Slice, made: dict[bytes, Vectors], progress: Progress) -> None:
        """Add the vectors that neither `made` nor the library has."""
        texts = {one.digest: passage_input(one.heading, one.text) for one in part.passages if one.digest not in made}
        with self._library.database.read() as conn:
            known = self._store.known_vectors(conn, texts)
        digests = [digest for digest in texts if digest not in known]
        before = part.first + len(part.passages) - len(digests)
        if digests:
            vectors = self._background.call(
                lambda: self._library.embedder.embed(
                    [texts[digest] for digest in digests],
                    stop=self._stop,
                    pause=self._pause,
                    on_batch=lambda count: progress(before + count, draft.passages),
                )
            )
            made.update(zip(digests, vectors, strict=True))
            draft.embedded += len(digests)
        progress(part.first + len(part.passages), draft.passages)

    def _lacking(self, conn: Connection, part: _Slice, made: dict[bytes, Vectors]) -> bool:
        """Whether the library has lost a vector that this slice counts on (its document was just deleted)."""
        wanted = {one.digest for one in part.passages} - made.keys()
        return self._store.known_vectors(conn, wanted) != wanted

    def _rows(self, conn: Connection, draft: _Draft, part: _Slice, made: dict[bytes, Vectors]) -> int:
        """Write one slice's rows; the document's id."""
        file, document = draft.file, draft.document
        if document is None:
            document = self._store.add_document(
                conn,
                NewDocument(
                    name=file.name,
                    path=file.path,
                    digest=file.digest,
                    kind=file.parsed.kind,
                    title=file.parsed.title,
                    size_bytes=file.size_bytes,
                    pages=len(file.parsed.pages),
                    passages=draft.passages,
                    warnings=file.parsed.warnings,
                ),
            )
        self._store.add_pages(conn, document, part.pages)
        self._store.add_passages(conn, document, part.passages)
        if made:
            self._store.add_vectors(conn, list(made), np.stack(list(made.values())))
        return document

    def _record(self, conn: Connection, kind: str, info: DocumentInfo, body: dict[str, object]) -> None:
        self._library.ledger.append_within(
            conn,
            kind=kind,
            run=self._run,
            body={
                "digest": info.digest,
                "kind": info.kind,
                "size_bytes": info.size_bytes,
                "pages": info.pages,
                "passages": info.passages,
                "embedder": self._library.embedder.digest,
                **body,
            },
            contents={"name": info.name, "path": info.path},
        )

    def _restore(self, file: ReadFile) -> None:
        """Have the original in place, even if an equal document was deleted while this one was being read."""
        if self._library.objects.has(file.digest):
            return
        if file.source is None or self._library.objects.put_file(file.source)[0] != file.digest:
            raise DocumentError("The file was deleted while it was being added.", hint="Add it again.")

    def _forget(self, draft: _Draft) -> None:
        """Take back what was written unseen. What cannot be taken back now is taken back at the next start."""
        if draft.document is not None:
            with contextlib.suppress(AppError):
                self._library.purge(draft.document)


def _slices(chunked: list[tuple[Page, list[Chunk]]]) -> Iterator[_Slice]:
    """Passages in order, each with the pages up to its own; pages after the last passage come with the last slice."""
    pages: list[Page] = []
    passages: list[NewPassage] = []
    first = 0
    for page, chunks in chunked:
        pages.append(page)
        for chunk in chunks:
            if len(passages) == _SLICE:
                yield _Slice(first=first, pages=pages, passages=passages, last=False)
                first += len(passages)
                pages, passages = [], []
            passages.append(_passage(page, chunk))
    yield _Slice(first=first, pages=pages, passages=passages, last=True)


def _passage(page: Page, chunk: Chunk) -> NewPassage:
    text = page.text[chunk.start : chunk.end]
    return NewPassage(
        page=page.number,
        start=chunk.start,
        end=chunk.end,
        heading=chunk.heading,
        text=text,
        digest=passage_digest(chunk.heading, text),
    )
