"""The board of runs: every update of every run, kept so that many may watch, come late, or come back.

A run belongs to the engine, not to the connection that asked for it: closing a watcher stops nothing. One run
computes at a time (two decodes on two cores are slower than one after the other); the others wait their turn in the
order they came, and see that they wait. A run that is stopped while it waits ends at once.

The board knows nothing of models or ledgers: what a run does is a function that takes a stop event and emits updates.
That function records durably before it emits; the board only shows.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from agent.updates import Done, Failed, Step, Stopped, Update
from provenance.errors import AppError, NotFoundError, UsageError
from ui.engine.trace import frames

__all__ = ["Emit", "Journal", "RunBoard", "Work", "is_final"]

Emit = Callable[[Update], None]
Work = Callable[[threading.Event, Emit], object]  # ends with Done, Stopped or Failed; records before it emits
KEPT_RUNS = 200  # finished runs whose updates stay in memory; older ones are read from the ledger
MOST_WAITING = 64

_log = logging.getLogger(__name__)


class Journal(Protocol):
    """Keeps what a run has shown so far, so that a kill loses none of it."""

    def write(self, run: str, update: Update) -> None: ...
    def forget(self, run: str) -> None: ...


def is_final(update: Update) -> bool:
    """Whether nothing comes after this update."""
    return isinstance(update, Done | Stopped | Failed)


@dataclass(slots=True)
class _Run:
    updates: list[Update] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    listeners: list[Callable[[], None]] = field(default_factory=list)

    @property
    def final(self) -> bool:
        return bool(self.updates) and is_final(self.updates[-1])


class RunBoard:
    """All runs of this engine, in memory. Every method may be called from any thread."""

    def __init__(self, *, journal: Journal | None = None) -> None:
        self._journal = journal
        self._changed = threading.Condition()
        self._runs: OrderedDict[str, _Run] = OrderedDict()
        self._turns: deque[str] = deque()
        self._closed = False

    def start(self, run: str, work: Work) -> None:
        """Queue a run under this id and return at once.

        Raises:
            UsageError: If too many wait already.
        """
        with self._changed:
            if len(self._turns) >= MOST_WAITING or self._closed:
                raise UsageError("Too many questions are waiting.", hint="Wait for one to end, or stop it.")
            if run in self._runs:
                raise UsageError(f"Run {run} exists already.")
            entry = _Run()
            self._runs[run] = entry
            self._turns.append(run)
            self._trim()
            entry.thread = threading.Thread(target=self._drive, args=(run, entry, work), name=f"run-{run}", daemon=True)
        entry.thread.start()

    def knows(self, run: str) -> bool:
        """Whether this run's updates are still here."""
        with self._changed:
            return run in self._runs

    def running(self) -> list[str]:
        """Runs that have not ended, first come first."""
        with self._changed:
            return [run for run, entry in self._runs.items() if not entry.final]

    def updates(self, run: str, *, after: int = -1) -> list[Update]:
        """Everything with n > `after`, without waiting.

        Raises:
            NotFoundError: If the board does not know the run.
        """
        with self._changed:
            return list(self._entry(run).updates[max(after + 1, 0) :])

    def watch(self, run: str, *, after: int = -1) -> Iterator[Update]:
        """Updates with n > `after` as they come, ending after the final one. Closing the iterator stops nothing."""
        self.updates(run, after=after)  # an unknown run is refused now, not at the first next()
        return self._follow(run, after)

    def listen(self, run: str, call: Callable[[], None]) -> Callable[[], None]:
        """Have `call` called (from any thread) whenever the run has news; returns how to end that."""
        with self._changed:
            listeners = self._entry(run).listeners
            listeners.append(call)

        def unlisten() -> None:
            with self._changed, contextlib.suppress(ValueError):
                listeners.remove(call)

        return unlisten

    def stop(self, run: str) -> None:
        """Ask a run to end; nothing happens if it has ended."""
        with self._changed:
            self._entry(run).stop.set()
            self._changed.notify_all()

    def forget(self, run: str) -> None:
        """Drop what a finished run showed: from now on its end is told from the record."""
        with self._changed:
            if run in self._runs and self._runs[run].final:
                del self._runs[run]

    def close(self, *, timeout_s: float = 10.0) -> None:
        """Stop every run and wait for them."""
        with self._changed:
            self._closed = True
            threads = [entry.thread for entry in self._runs.values() if not entry.final]
            for entry in self._runs.values():
                entry.stop.set()
            self._changed.notify_all()
        deadline = time.monotonic() + timeout_s
        for thread in threads:
            if thread is not None and thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _entry(self, run: str) -> _Run:
        try:
            return self._runs[run]
        except KeyError:
            raise NotFoundError(f"There is no run {run!r}.", hint="`wherefrom audit list` shows them.") from None

    def _follow(self, run: str, after: int) -> Iterator[Update]:
        while True:
            with self._changed:
                entry = self._entry(run)
                while len(entry.updates) <= after + 1:
                    if entry.final:
                        return
                    self._changed.wait()
                fresh = list(entry.updates[after + 1 :])
            for update in fresh:
                yield update
                if is_final(update):
                    return
            after = fresh[-1].n

    def _drive(self, run: str, entry: _Run, work: Work) -> None:
        try:
            self._wait_for_turn(run, entry)
            work(entry.stop, lambda update: self._post(run, entry, update))
            self._post(run, entry, Failed(message="The answer ended without a result.", hint="Ask again."))
        except AppError as exc:
            self._post(run, entry, Failed(message=str(exc), hint=exc.hint))
        except Exception as exc:  # noqa: BLE001 - the border of a thread: whatever went wrong, whoever watches must be told
            _log.error("run %s failed\n%s", run, frames(exc))
            hint = "The engine's log in the data folder has the details."
            self._post(run, entry, Failed(message="The answer failed inside Wherefrom.", hint=hint))
        finally:
            with self._changed:
                if run in self._turns:
                    self._turns.remove(run)
                self._changed.notify_all()

    def _wait_for_turn(self, run: str, entry: _Run) -> None:
        with self._changed:
            ahead = self._turns.index(run)
        if not ahead:
            return
        began = time.monotonic()
        self._post(run, entry, Step(id="waiting", name="waiting", status="started", detail=f"{ahead} before this one"))
        with self._changed:
            self._changed.wait_for(lambda: self._turns[0] == run or entry.stop.is_set())
        waited = time.monotonic() - began
        self._post(run, entry, Step(id="waiting", name="waiting", status="done", seconds=waited))

    def _post(self, run: str, entry: _Run, update: Update) -> None:
        with self._changed:
            if entry.final:
                return  # nothing comes after the end: what raises after it told its watchers already
            update = update.model_copy(update={"n": len(entry.updates)})
            if self._journal is not None:
                if is_final(update):
                    self._journal.forget(run)
                else:
                    self._journal.write(run, update)
            entry.updates.append(update)
            self._changed.notify_all()
            for call in list(entry.listeners):
                call()

    def _trim(self) -> None:
        finished = [run for run, entry in self._runs.items() if entry.final]
        for run in finished[: max(0, len(self._runs) - KEPT_RUNS)]:
            del self._runs[run]
