"""What the command line prints: words for people, or one JSON object for programs, never both on standard output."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from provenance.errors import AppError

__all__ = ["Output", "counted", "place", "shown"]


def shown(text: str) -> str:
    r"""Text on one line with nothing in it that steers a terminal.

    Example:
        >>> shown("two\nlines \x1b[31m")
        'two\\nlines \\x1b[31m'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def counted(number: int, noun: str) -> str:
    """`1 page`, `2 pages`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def place(document: str, page_label: str) -> str:
    """`report.pdf, page 3`; the name alone where a document has no pages."""
    return shown(f"{document}, {page_label}" if page_label else document)


class Output:
    """Standard output and standard error, in one of two modes."""

    def __init__(self, *, json_mode: bool) -> None:
        self.json_mode = json_mode
        self._console: Console | None = None

    @property
    def interactive(self) -> bool:
        """Whether a person watches."""
        return not self.json_mode and sys.stderr.isatty()

    @property
    def console(self) -> Console:
        """For tables and trees on standard output."""
        if self._console is None:
            from rich.console import Console

            wide = None if sys.stdout.isatty() else 400  # nobody's window: lines stay whole for grep
            self._console = Console(highlight=False, markup=False, emoji=False, width=wide)
        return self._console

    def result(self, value: dict[str, Any], words: Callable[[], None]) -> None:
        """The outcome: `value` for a program, or what `words` prints."""
        if self.json_mode:
            self._write(json.dumps(value, ensure_ascii=False) + "\n")
        else:
            words()

    def line(self, text: str = "") -> None:
        """A line on standard output; not in JSON mode."""
        if not self.json_mode:
            self._write(text + "\n")

    def piece(self, text: str) -> None:
        """Text without a line end, at once; not in JSON mode."""
        if not self.json_mode:
            self._write(text)

    def note(self, text: str) -> None:
        """A remark on standard error."""
        print(text, file=sys.stderr, flush=True)

    def error(self, exc: AppError) -> None:
        """One sentence and a hint."""
        if self.json_mode:
            self._write(json.dumps({"error": str(exc), "hint": exc.hint}, ensure_ascii=False) + "\n")
            return
        self.note(shown(str(exc)))
        if exc.hint:
            self.note(f"Hint: {shown(exc.hint)}")

    def bug(self, exc: Exception) -> None:
        """A fault of ours: its kind for everyone, its trace for whoever sets WHEREFROM_TRACE."""
        from provenance.errors import AppError

        if os.environ.get("WHEREFROM_TRACE"):
            import traceback

            traceback.print_exception(exc)
        hint = "Set WHEREFROM_TRACE=1 to see where, and report it."
        self.error(AppError(f"Something failed inside Wherefrom ({type(exc).__name__}).", hint=hint))

    def abandon(self) -> None:
        """Nobody reads any more (`| head`): say nothing, not even at exit."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _write(self, text: str) -> None:
        # File names may hold bytes that are no UTF-8 (lone surrogates); an escape is also the right JSON for them.
        try:
            sys.stdout.write(text)
        except UnicodeEncodeError:
            encoding = sys.stdout.encoding or "utf-8"
            sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
