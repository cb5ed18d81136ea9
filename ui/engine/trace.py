"""Where something went wrong, without what it went wrong with: a log must not hold questions or passages."""

from __future__ import annotations

import traceback

__all__ = ["frames"]


def frames(exc: BaseException) -> str:
    """The kind of an exception and the lines it passed, its causes too; not its message, which may quote anything."""
    parts: list[str] = []
    current: BaseException | None = exc
    while current is not None:
        parts.append("".join(traceback.format_tb(current.__traceback__)) + type(current).__qualname__)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\nafter\n".join(parts)
