"""Stopping work from another thread.

A consumer that closes a stream stops it too, but only between two tokens. While the model still reads a long prompt
nobody can close the stream: a `Cancellation` reaches in there. The agent wraps a run in `cancellable(token)`; every
model call below it, in this thread or in one that copied its context, then ends within a second of `token.cancel()`
by raising `GenerationStopped`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Cancellation", "GenerationStopped", "cancellable", "current_cancellation"]


class GenerationStopped(Exception):
    """Somebody asked for the stop. Not an `AppError`: there is nothing to report and nothing to try again."""


class Cancellation:
    """A flag that wakes whoever registered. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._callbacks: dict[int, Callable[[], None]] = {}

    @property
    def cancelled(self) -> bool:
        """Whether somebody called `cancel`."""
        return self._event.is_set()

    def cancel(self) -> None:
        """Stop the work; a second call does nothing."""
        with self._lock:
            self._event.set()
            callbacks = list(self._callbacks.values())
            self._callbacks.clear()
        for callback in callbacks:
            callback()

    def set(self) -> None:
        """`cancel`, under the name that `threading.Event` has for it: one can stand for the other."""
        self.cancel()

    def is_set(self) -> bool:
        """`cancelled`, likewise."""
        return self.cancelled

    def wait(self, timeout_s: float) -> bool:
        """Sleep until cancelled or for this long; returns `cancelled`."""
        return self._event.wait(timeout_s)

    def raise_if_cancelled(self) -> None:
        """Raises `GenerationStopped` when cancelled."""
        if self.cancelled:
            raise GenerationStopped

    @contextmanager
    def on_cancel(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call `callback` from the cancelling thread, once, if the cancel comes inside the block or came before it."""
        with self._lock:
            late = self._event.is_set()
            if not late:
                self._callbacks[id(callback)] = callback
        if late:
            callback()
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.pop(id(callback), None)


_current: ContextVar[Cancellation | None] = ContextVar("wherefrom_cancellation", default=None)


@contextmanager
def cancellable(token: Cancellation) -> Iterator[Cancellation]:
    """Make `token` the one that stops every model call in this block."""
    reset = _current.set(token)
    try:
        yield token
    finally:
        _current.reset(reset)


def current_cancellation() -> Cancellation:
    """The token of the enclosing `cancellable`, or one that nobody can cancel."""
    return _current.get() or Cancellation()
