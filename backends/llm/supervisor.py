"""Keeps one model worker running while somebody needs it.

One thread, the keeper, owns the worker: it starts it, restarts it with growing pauses when it keeps dying, lets its
thread count follow the machine's load, and ends it when it was idle for long. Callers hold a lease while they use it.
Where the thread count cannot be changed in a running worker (see `confine.py`) it is changed by a restart, and only
between two answers. Does not cover: a worker that hangs without dying is found by the caller's time-out only.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backends.cancellation import current_cancellation
from backends.llm.warmth import Warmth
from backends.llm.worker import Worker, WorkerSpec
from provenance.errors import AppError, BackendUnavailableError

__all__ = ["Supervisor", "SupervisorState", "ThreadPolicy"]

_TICK_S = 1.0
_CRASH_WINDOW_S = 60.0
_LONGEST_PAUSE_S = 15.0


class ThreadPolicy(Protocol):
    """Who decides how many threads the worker gets."""

    def threads(self) -> int:
        """The count to use from now on; cheap."""

    @property
    def most(self) -> int:
        """The highest count it may ever say."""

    def observe(self, worker_pid: int | None) -> None:
        """Take a reading; called about once a second while a worker runs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SupervisorState:
    """What the System page shows."""

    loaded: bool
    loading: float | None  # share of the weights in memory while it loads
    pid: int | None
    memory_bytes: int
    threads: int
    leases: int
    starts: int
    crashes: int
    load_s: float


class _Ticket:
    def __init__(self) -> None:
        self.done = threading.Event()
        self.worker: Worker | None = None
        self.error: AppError | None = None
        self.given_up = False


class Supervisor:
    """Starts, watches and ends one worker. Thread-safe."""

    def __init__(
        self,
        spec: WorkerSpec,
        *,
        policy: ThreadPolicy,
        log_path: Path,
        idle_s: float = 600.0,
        warmth: Warmth | None = None,
    ) -> None:
        self.spec = spec
        self.warmth = warmth
        self._policy, self._log_path, self._idle_s = policy, log_path, idle_s
        self._cond = threading.Condition()
        self._tickets: deque[_Ticket] = deque()
        self._keeper: threading.Thread | None = None
        self._closing = False
        self._worker: Worker | None = None
        self._leases = 0
        self._last_used = time.monotonic()
        self._starts = 0
        self._crashes: deque[float] = deque(maxlen=16)
        self._crash_count = 0
        self._loading: float | None = None

    @contextmanager
    def lease(self) -> Iterator[Worker]:
        """A worker that is ready, for the length of the block.

        Raises:
            BackendUnavailableError: If it cannot be started.
            GenerationStopped: If the enclosing run is cancelled while it loads.
        """
        worker = self._wait_for_worker()
        try:
            yield worker
        finally:
            with self._cond:
                self._leases -= 1
                self._last_used = time.monotonic()
                self._cond.notify_all()

    def state(self) -> SupervisorState:
        """A snapshot; starts nothing."""
        with self._cond:
            worker = self._worker
            alive = worker is not None and worker.alive()
            return SupervisorState(
                loaded=alive and self._loading is None,
                loading=self._loading,
                pid=worker.pid if worker is not None else None,
                memory_bytes=worker.memory_bytes() if worker is not None else 0,
                threads=worker.threads if worker is not None and alive else 0,
                leases=self._leases,
                starts=self._starts,
                crashes=self._crash_count,
                load_s=worker.load_s if worker is not None else 0.0,
            )

    def close(self) -> None:
        """End the worker, also in the middle of an answer. A later lease starts it again."""
        with self._cond:
            keeper = self._keeper
            self._closing = True
            self._cond.notify_all()
        if keeper is not None:
            keeper.join()

    def _wait_for_worker(self) -> Worker:
        cancellation = current_cancellation()
        ticket = _Ticket()
        with self._cond:
            self._tickets.append(ticket)
            if self._keeper is None:
                self._closing = False
                self._keeper = threading.Thread(target=self._keep, name=f"keeper-{self.spec.model}", daemon=True)
                self._keeper.start()
            self._cond.notify_all()
        with cancellation.on_cancel(ticket.done.set):
            ticket.done.wait()
        with self._cond:
            if ticket.error is None and ticket.worker is None:
                ticket.given_up = True
            elif cancellation.cancelled and ticket.worker is not None:
                self._leases -= 1
        cancellation.raise_if_cancelled()
        if ticket.error is not None:
            raise ticket.error
        assert ticket.worker is not None
        return ticket.worker

    # ---- below: the keeper's thread only

    def _keep(self) -> None:
        while True:
            with self._cond:
                if not self._tickets and not self._closing:
                    self._cond.wait(_TICK_S)
                if self._closing:
                    self._end_keeper()
                    return
                ticket = self._next_ticket()
            self._note_crash()
            self._follow_load()
            if ticket is not None:
                self._serve(ticket)
            elif self._is_idle():
                self._drop()

    def _end_keeper(self) -> None:
        """With the lock held: no ticket may slip in between the end of the worker and the end of this thread."""
        self._drop()
        for ticket in self._tickets:
            ticket.error = BackendUnavailableError("The model is being closed.", hint="Ask again.")
            ticket.done.set()
        self._tickets.clear()
        self._keeper = None

    def _next_ticket(self) -> _Ticket | None:
        while self._tickets:
            ticket = self._tickets.popleft()
            if not ticket.given_up:
                return ticket
        return None

    def _serve(self, ticket: _Ticket) -> None:
        error: AppError | None = None
        try:
            worker = self._ready()
        except AppError as exc:
            worker, error = None, exc
        with self._cond:
            if ticket.given_up:
                return
            ticket.worker, ticket.error = worker, error
            if worker is not None:
                self._leases += 1
            ticket.done.set()

    def _ready(self) -> Worker:
        worker = self._worker
        wanted = self._policy.threads()
        if worker is not None and worker.alive():
            worker.set_threads(wanted)
            if worker.threads == wanted or self._leases > 0:
                return worker
        self._drop()
        self._pause_after_crashes()
        fresh = Worker(self.spec, threads=wanted, most_threads=self._policy.most, log_path=self._log_path)
        self._worker, self._loading = fresh, 0.0
        self._starts += 1
        try:
            fresh.start(progress=self._set_loading, aborted=lambda: self._closing)
        except AppError:
            self._worker = None
            self._crashes.append(time.monotonic())
            raise
        finally:
            self._loading = None
        if self.warmth is not None:
            self.warmth.restore(fresh)
        return fresh

    def _follow_load(self) -> None:
        worker = self._worker
        self._policy.observe(worker.pid if worker is not None else None)
        if worker is not None and worker.adjustable:
            worker.set_threads(self._policy.threads())

    def _set_loading(self, share: float) -> None:
        self._loading = share

    def _note_crash(self) -> None:
        if self._worker is not None and not self._worker.alive():
            self._crashes.append(time.monotonic())
            self._crash_count += 1
            self._worker.stop()
            self._worker = None

    def _pause_after_crashes(self) -> None:
        """The first restart is at once; each further crash within a minute doubles the pause."""
        recent = [at for at in self._crashes if time.monotonic() - at < _CRASH_WINDOW_S]
        if len(recent) > 1:
            with self._cond:
                self._cond.wait_for(lambda: self._closing, min(_LONGEST_PAUSE_S, 0.25 * 2 ** (len(recent) - 2)))

    def _is_idle(self) -> bool:
        with self._cond:
            return self._worker is not None and not self._leases and time.monotonic() - self._last_used > self._idle_s

    def _drop(self) -> None:
        if self._worker is None:
            return
        if self.warmth is not None and not self._leases:  # in the middle of an answer nothing is worth the wait
            self.warmth.save(self._worker)
        self._worker.stop()
        self._worker = None
