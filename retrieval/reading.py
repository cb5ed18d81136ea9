"""Reads a job's files one ahead of whoever embeds them: digest, copy, parse, while the file before is computed.

The parsing itself happens in the parser's own process, at the lowest priority. At most two documents are in memory:
the one being embedded and the next.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from provenance.errors import AppError, DocumentError
from retrieval.adding import ReadFile
from retrieval.jobs import FileTask
from retrieval.library import Library
from retrieval.objects import Cancelled, file_digest
from retrieval.parser import ParsingStopped
from retrieval.parsing.limits import check_file
from retrieval.walk import safe_name

__all__ = ["FileReader", "Known"]

_WAIT_S = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A file whose bytes the library has already."""

    origin: str
    name: str
    path: str
    digest: str


Result = ReadFile | Known | AppError


class FileReader:
    """One job's files, read by a thread of their own."""

    def __init__(
        self,
        library: Library,
        tasks: Sequence[FileTask],
        *,
        stop: threading.Event,
        on_start: Callable[[FileTask], None],
        on_page: Callable[[FileTask, int, int], None],
        max_file_mib: int,
    ) -> None:
        self._library = library
        self._tasks = tasks
        self._stop = stop
        self._on_start = on_start
        self._on_page = on_page
        self._max_file_mib = max_file_mib
        self._ended = threading.Event()  # whoever takes the results has gone
        self._room = threading.Semaphore(2)
        self._results: queue.SimpleQueue[tuple[FileTask, Result] | BaseException | None] = queue.SimpleQueue()

    def results(self) -> Generator[tuple[FileTask, Result], None, None]:
        """Each file with what came of reading it, in order, until all are read or the stop event is set.

        Raises:
            Whatever reading raised that is nobody's file's fault.
        """
        thread = threading.Thread(target=self._run, name="ingest-read", daemon=True)
        thread.start()
        try:
            while (result := self._results.get()) is not None:
                if isinstance(result, BaseException):
                    raise result
                yield result
                self._room.release()
        finally:
            self._ended.set()
            thread.join()

    def _run(self) -> None:
        try:
            for task in self._tasks:
                while not self._room.acquire(timeout=_WAIT_S):
                    if self._over():
                        break
                if self._over():
                    break
                self._on_start(task)
                self._results.put((task, self._read(task)))
        except (Cancelled, ParsingStopped):
            pass
        except BaseException as exc:  # noqa: BLE001 -- the border of a thread: it is raised where results are taken
            self._results.put(exc)
        self._results.put(None)

    def _over(self) -> bool:
        return self._stop.is_set() or self._ended.is_set()

    def _read(self, task: FileTask) -> Result:
        try:
            return self._upload(task) if task.path is None else self._file(task, task.path)
        except DocumentError as exc:
            return exc

    def _upload(self, task: FileTask) -> Result:
        known = Known(origin=task.origin, name=task.name, path="", digest=task.digest)
        if self._has(task.digest):
            return known
        path = self._library.objects.path(task.digest)
        size = check_file(path, max_file_mib=self._max_file_mib)
        return self._parse(task, known, size, source=None)

    def _file(self, task: FileTask, path: Path) -> Result:
        if path.is_symlink():  # named by a person (a walk leaves links out): what they mean is what it points to
            path = path.resolve()
        check_file(path, max_file_mib=self._max_file_mib)
        digest, _ = file_digest(path, stop=self._stop)
        known = Known(origin=task.origin, name=safe_name(path.name), path=task.name, digest=digest)
        if self._has(digest):
            return known
        stored, size = self._library.objects.put_file(path, stop=self._stop)
        if stored != digest:  # it was written to between the two looks; what was copied is what counts
            known = Known(origin=known.origin, name=known.name, path=known.path, digest=stored)
        return self._parse(task, known, size, source=path)

    def _parse(self, task: FileTask, known: Known, size: int, *, source: Path | None) -> ReadFile:
        parsed = self._library.parser.parse(
            self._library.objects.path(known.digest),
            known.name,
            stop=self._stop,
            on_page=lambda done, total: self._on_page(task, done, total),
        )
        return ReadFile(
            origin=known.origin,
            name=known.name,
            path=known.path,
            source=source,
            digest=known.digest,
            size_bytes=size,
            parsed=parsed,
        )

    def _has(self, digest: str) -> bool:
        with self._library.database.read() as conn:
            return self._library.store.by_digest(conn, digest) is not None
