"""Fills the library in the background: jobs wait in the database, one thread works on them, a kill loses nothing.

What it computes, and the process that parses, run at the lowest priority, so that an answer that is being written, or
a search, does not wait for an ingest. Of several processes with one data folder, the one that holds the folder's
ingest lock works on the queue; the others' jobs are in the same queue.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath

from filelock import Timeout

from provenance.errors import AppError, NotFoundError, UsageError
from provenance.ledger import new_run_id
from retrieval.background import Background
from retrieval.embedder import Vectors
from retrieval.jobs import Job, JobTable
from retrieval.library import Library
from retrieval.objects import Cancelled
from retrieval.run import JobRun
from retrieval.walk import safe_name

__all__ = ["Ingestor"]

_POLL_S = 0.2
_RETRY_S = 2.0
_SAVE_S = 600.0  # the index is only a cache: writing it after every file would cost more than making it again
_REEMBED = 256  # passages in one step


class Ingestor:
    """Takes files and folders in, answers how far they are, and stops them. Safe for threads."""

    def __init__(
        self,
        library: Library,
        *,
        max_file_mib: int = 512,
        pause: Callable[[], bool] | None = None,
    ) -> None:
        """Args:
        pause: Asked before each batch of embedding; while it says True, ingest holds still.
        """
        self._library = library
        self._table = JobTable()
        self._max_file_mib = max_file_mib
        self._pause = pause
        self._background = Background("ingest-compute")
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loader: threading.Thread | None = None
        self._current: JobRun | None = None
        self._given_up: dict[str, Job] = {}  # jobs whose failure could not be written down

    def start(self) -> None:
        """Take up what an earlier process left, and wait for work. `submit` starts by itself."""
        if self.busy():
            self._warm()
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)
                self._thread.start()

    def submit(self, paths: Sequence[Path | str], *, run: str | None = None, collection: int | None = None) -> str:
        """Queue files and folders; the job's id, once it cannot be lost any more. `collection` takes the documents.

        Raises:
            UsageError: No path was given.
            StorageError: The database is locked or the disk is full.
        """
        roots = [Path(os.path.abspath(Path(path).expanduser())) for path in paths]  # noqa: PTH100 -- links stay links
        if not roots:
            raise UsageError("There is nothing to add.", hint="Name a file or a folder.")
        run = run or new_run_id()
        job = _job_id(run)
        with self._library.database.write() as conn:
            self._table.create(conn, job, run, roots=roots, uploads=[], collection=collection)
        self._nudge()
        return job

    def submit_uploads(
        self, files: Sequence[tuple[str, bytes | Path]], *, run: str | None = None, collection: int | None = None
    ) -> str:
        """Queue files that were sent, as (name, bytes) or as (name, where they lie); they are copied before this
        returns. A later upload of the same name is a newer version.

        Raises: as `submit`.
        """
        if not files:
            raise UsageError("There is nothing to add.", hint="Choose a file.")
        run = run or new_run_id()
        job = _job_id(run)
        library = self._library
        with library.objects.exclusive():
            uploads = [(_upload_name(name), self._keep(sent)) for name, sent in files]
            with library.database.write() as conn:
                self._table.create(conn, job, run, roots=[], uploads=uploads, collection=collection)
        self._nudge()
        return job

    def _keep(self, sent: bytes | Path) -> str:
        """Store an upload; its digest."""
        objects = self._library.objects
        return (objects.put_bytes(sent) if isinstance(sent, bytes) else objects.put_file(sent))[0]

    def job(self, job: str) -> Job:
        """How far a job is.

        Raises:
            NotFoundError: There is no such job.
        """
        with self._library.database.read() as conn:
            found = self._table.job(conn, job)
        if found is None:
            raise NotFoundError(f"There is no ingest job {job}.", hint="It may be older than the list goes back.")
        return self._live(found)

    def jobs(self, limit: int = 20) -> list[Job]:
        """The newest jobs, newest first."""
        with self._library.database.read() as conn:
            found = self._table.jobs(conn, limit)
        return [self._live(job) for job in found]

    def busy(self) -> bool:
        """Whether there is work that is not finished."""
        with self._library.database.read() as conn:
            return self._table.next(conn, skip=list(self._given_up)) is not None

    def stop(self, job: str) -> None:
        """Stop a job within about a second; files that are done stay, the rest becomes "stopped".

        Raises:
            NotFoundError: There is no such job.
        """
        self.job(job)
        with self._library.database.write() as conn:
            self._table.request_stop(conn, job)
        current = self._current
        if current is not None and current.job == job:
            current.stop.set()
        self._nudge()

    def wait(self, job: str, timeout_s: float | None = None) -> Job:
        """The job, once it is finished or the time is over."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            found = self.job(job)
            if found.state not in ("waiting", "running") or (deadline is not None and time.monotonic() > deadline):
                return found
            time.sleep(0.05)

    def close(self) -> None:
        """End the thread within about a second. What is not finished is taken up at the next start."""
        self._closing.set()
        current = self._current
        if current is not None:
            current.stop.set()
        self._wake.set()
        for thread in (self._thread, self._loader):
            if thread is not None:
                thread.join()
        self._background.close()

    def _nudge(self) -> None:
        self._warm()
        self.start()
        self._wake.set()

    def _warm(self) -> None:
        """Load the weights at normal priority: a search that needs them meanwhile would wait for it."""
        with self._lock:
            if self._loader is None:
                self._loader = threading.Thread(target=self._load, name="ingest-load", daemon=True)
                self._loader.start()

    def _live(self, job: Job) -> Job:
        """What the database says, and what is going on at this moment."""
        if job.id in self._given_up:
            return self._given_up[job.id]
        current = self._current
        if current is None or current.job != job.id or job.state not in ("waiting", "running"):
            return job
        return current.progress.over(job)

    # The thread.

    def _run(self) -> None:
        recovered = False
        while not self._closing.is_set():
            wait_s: float | None = None
            try:
                if not recovered or self.busy():
                    with self._working() as mine:
                        if mine:
                            self._work(recover=not recovered)
                            recovered = True
                if self.busy():
                    wait_s = _POLL_S
            except AppError:  # the database is locked, say; what waits in it is not lost
                wait_s = _RETRY_S
            if not self._closing.is_set():
                self._wake.wait(wait_s)
                self._wake.clear()

    def _load(self) -> None:
        with contextlib.suppress(AppError):  # whoever embeds says it where it can be read
            load = getattr(self._library.embedder, "load", None)
            if load is not None:
                load()

    @contextlib.contextmanager
    def _working(self) -> Iterator[bool]:
        """Hold the folder's ingest lock, if no other process does."""
        try:
            self._library.ingest_lock.acquire(timeout=0)
        except (Timeout, OSError):
            yield False
            return
        try:
            yield True
        finally:
            self._library.ingest_lock.release()

    def _work(self, *, recover: bool) -> None:
        """Do every job there is, the oldest first."""
        if recover:
            self._recover()
        while not self._closing.is_set():
            with self._library.database.read() as conn:
                row = self._table.next(conn, skip=list(self._given_up))
            if row is None:
                break
            run = JobRun(
                self._library,
                self._table,
                row,
                max_file_mib=self._max_file_mib,
                pause=self._pause,
                background=self._background,
                closing=self._closing,
            )
            self._current = run
            failed = run.execute()
            if failed is not None:
                self._given_up[run.job] = failed
            self._current = None
        self._library.dense.save(at_most_every_s=_SAVE_S)

    def _recover(self) -> None:
        with contextlib.suppress(AppError):  # a full disk, say: what is left over harms nobody and goes next time
            self._library.recover(keep_vectors=self.busy())
            self._reembed()
            with self._library.database.write() as conn:
                self._table.prune(conn)

    def _reembed(self) -> None:
        """Embed visible passages that the present model has not seen: the model has been changed."""
        library = self._library
        while True:
            with library.database.read() as conn:
                waiting = library.store.without_vectors(conn, _REEMBED)
            if not waiting:
                return
            try:
                vectors = self._embed([text for _, text in waiting])
            except Cancelled:
                return
            with library.database.write() as conn:
                library.store.add_vectors(conn, [digest for digest, _ in waiting], vectors)
                library.store.next_version(conn)

    def _embed(self, texts: Sequence[str]) -> Vectors:
        embed = self._library.embedder.embed
        return self._background.call(lambda: embed(texts, stop=self._closing, pause=self._pause))


def _job_id(run: str) -> str:
    return f"j-{run.removeprefix('r-')}"


def _upload_name(name: str) -> str:
    """The last part of a name, as it can be shown."""
    return safe_name(PurePath(name.replace("\\", "/")).name) or "unnamed"
