"""How the page says things: untrusted text made safe to show, sizes, times, counts, and errors with their hints."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

import streamlit as st

from provenance.errors import AppError

__all__ = ["ago", "clock", "count", "esc", "plain", "say_error", "seconds", "shorten", "since", "size"]

_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&=\"'^@/])")
_EMOJI_CODE = re.compile(r":(?=[\w+/-]+:)")
_WORD_JOINER = "\u2060"


def esc(text: object) -> str:
    """Text for `st.html`: every character that HTML gives a meaning is written out."""
    return html.escape(str(text), quote=True)


def plain(text: str) -> str:
    """Text for a label or a sentence that Streamlit reads as Markdown: it shows exactly these characters, in one line.

    Streamlit turns `:name:` into emoji and icons after Markdown is read, so an invisible joiner parts the colon.
    """
    one_line = " ".join(text.split())
    return _PUNCTUATION.sub(r"\\\1", _EMOJI_CODE.sub(":" + _WORD_JOINER, one_line))


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters in one line, cut at a word where there is one."""
    one_line = " ".join(text.split())
    if len(one_line) <= limit:
        return one_line
    cut = one_line[: limit - 1]
    head = cut.rsplit(" ", 1)[0]
    return (head if len(head) > limit // 2 else cut).rstrip(",;:. ") + "…"


def count(n: int, noun: str) -> str:
    """A number with its noun.

    Example:
        >>> count(1, "page"), count(1200, "passage")
        ('1 page', '1,200 passages')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def size(n_bytes: int) -> str:
    """Bytes in decimal units, as file managers show them.

    Example:
        >>> size(999), size(1_117_320_768)
        ('999 B', '1.1 GB')
    """
    value = float(n_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def seconds(value: float | None) -> str:
    """A duration in words short enough for a list; empty for None.

    Example:
        >>> seconds(0.02), seconds(3.14), seconds(75)
        ('20 ms', '3.1 s', '1 min 15 s')
    """
    if value is None:
        return ""
    if value < 0.1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    return f"{int(value // 60)} min {int(value % 60)} s"


def _moment(stamp: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def clock(stamp: str) -> str:
    """An RFC 3339 time in this machine's zone, to the second; the text itself where it is none."""
    moment = _moment(stamp)
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else stamp


def since(stamp: str) -> float | None:
    """Seconds since an RFC 3339 time; None where it is none."""
    moment = _moment(stamp)
    return (datetime.now(UTC) - moment).total_seconds() if moment else None


def ago(stamp: str, *, now: datetime | None = None) -> str:
    """How long since an RFC 3339 time; the date where it is more than a week."""
    moment = _moment(stamp)
    if moment is None:
        return stamp
    passed = ((now or datetime.now(UTC)) - moment).total_seconds()
    if passed < 45:
        return "just now"
    if passed < 45 * 60:
        return f"{max(1, round(passed / 60))} min ago"
    if passed < 22 * 3600:
        return f"{max(1, round(passed / 3600))} h ago"
    if passed < 7 * 86400:
        return count(max(1, round(passed / 86400)), "day") + " ago"
    return moment.astimezone().strftime("%Y-%m-%d")


def say_error(error: AppError) -> None:
    """An error as the page shows it: what happened, then what to do."""
    text = plain(str(error))
    st.error(f"{text}  \n{plain(error.hint)}" if error.hint else text, icon=":material/error:")
