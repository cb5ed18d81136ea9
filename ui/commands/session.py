"""What commands share: a client of the engine, a polite Ctrl-C, text from standard input."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from provenance.errors import UsageError

if TYPE_CHECKING:
    from ui.engine.client import EngineClient
    from ui.settings import Settings

__all__ = ["MOST_INPUT", "on_interrupt", "open_client", "text_of"]

MOST_INPUT = 1_000_000  # characters of standard input that are read before we say that it is too much


@contextlib.contextmanager
def open_client(settings: Settings | None = None) -> Iterator[EngineClient]:
    """A client whose engine is started at the first call."""
    from ui.engine.client import EngineClient
    from ui.settings import load_settings

    client = EngineClient(settings or load_settings())
    try:
        yield client
    finally:
        client.close()


@contextlib.contextmanager
def on_interrupt(call: Callable[[], None]) -> Iterator[None]:
    """Let the first Ctrl-C ask for a clean end by `call`, and only the second one break off."""

    def ask(_signal: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        # Not in the handler itself: it may have interrupted the very connection that the call needs.
        threading.Thread(target=call, daemon=True).start()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def text_of(argument: str) -> str:
    """The argument, or standard input where it is `-`.

    Raises:
        UsageError: If standard input is no text, or far too long.
    """
    if argument != "-":
        return argument
    try:
        text = sys.stdin.read(MOST_INPUT + 1)
    except UnicodeDecodeError as exc:
        raise UsageError("Standard input is not UTF-8 text.", hint="Convert it first.") from exc
    if len(text) > MOST_INPUT:
        raise UsageError("Standard input is too long for this.", hint="`wherefrom ingest` reads long documents.")
    return text
