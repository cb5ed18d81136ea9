"""A thread that computes with what others leave over.

Only the computing is lowered in priority, not the thread that asks for it: a thread at the lowest priority that held
the interpreter's lock, or SQLite's write lock, on a busy machine would make everybody wait who needs them.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

__all__ = ["Background", "lower_priority"]

_Result = TypeVar("_Result")


def lower_priority() -> None:
    """Let the calling thread, and every thread it starts from now on, run only when nobody else wants to.

    Linux gives each thread its own niceness; elsewhere this would slow the whole process, so it does nothing.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


class Background:
    """One thread at the lowest priority that does calls in order; it starts with the first."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def call(self, work: Callable[[], _Result]) -> _Result:
        """Do `work` there and wait for what it gives or raises."""
        with self._lock:
            if self._thread is None:
                # A daemon: a program that ends must not wait for a batch that nobody wants any more.
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        future: Future[_Result] = Future()
        self._calls.put((work, future))
        return future.result()

    def close(self) -> None:
        """End the thread after what was asked for; a later call starts another."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._calls.put(None)
                thread.join()

    def _run(self) -> None:
        lower_priority()
        while (asked := self._calls.get()) is not None:
            work, future = asked
            try:
                future.set_result(work())
            except BaseException as exc:  # noqa: BLE001 -- the border of a thread: it is raised where it was asked for
                future.set_exception(exc)
