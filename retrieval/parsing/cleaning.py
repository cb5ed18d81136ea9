"""Text that can be stored: valid UTF-8, no NUL, line ends as `\\n`."""

from __future__ import annotations

import re

__all__ = ["clean", "one_line"]

_LINE_ENDS = re.compile("\r\n?|[\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
# Control characters, non-characters, and what nobody sees but what splits a word for a search: soft hyphens, zero-width
# spaces, word joiners, byte-order marks. Joiners of emoji and of scripts (U+200C, U+200D) stay.
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f\u00ad\u200b\u2060\ufeff\ufdd0-\ufdef\ufffe\uffff]")


def clean(text: str) -> str:
    """Make `text` storable without changing what a person reads.

    Line ends become `\\n`, characters that cannot be seen go, surrogate pairs are joined, and a surrogate
    without its partner becomes U+FFFD.

    Example:
        >>> clean("one\\r\\ntwo\\x00 \\ud83d\\ude00 \\ud83d")
        'one\\ntwo 😀 �'
    """
    text = _UNSEEN.sub("", _LINE_ENDS.sub("\n", text))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def one_line(text: str) -> str:
    """`text` on one line, single spaces."""
    return " ".join(clean(text).split())
