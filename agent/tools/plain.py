"""What a program of others brings, as text to be read: HTML without its tags, and never more than a model is given.

Covers what is handed to a model; what is cut off or taken out here (scripts, styles, comments, attributes) reaches
nobody, so that only what is left has to pass the guard. Its own scanner, because Python's takes minutes for 60 kB of
tags that never end.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

__all__ = ["readable"]

MOST_MARKUP = 200_000  # characters of HTML that are looked at: a model is given little of it
_HTML = re.compile(r"\s{0,200}<(?:!doctype html|\?xml|html|head|body|div|table|p|ul|h1)[\s>]", re.IGNORECASE)
_NAME = re.compile(r"/?[a-z][a-z0-9]*|!--|[!?]", re.IGNORECASE)
_UNREAD = ("script", "style", "template", "svg")
_BREAKS = ("p", "div", "br", "li", "tr", "table", "section", "article", "h1", "h2", "h3", "h4", "h5", "h6")


def readable(text: str, *, most: int) -> str:
    """The first `most` characters of a text; where it is HTML, of what a person would see of it.

    Example:
        >>> readable("<html><script>x()</script><p>Low tide:<br>0.4&nbsp;m</p>", most=100)
        'Low tide:\\n0.4 m'
    """
    if not _HTML.match(text):
        return text[:most]
    seen = html.unescape("".join(_visible(text[:MOST_MARKUP])))
    lines = (" ".join(line.split()) for line in seen.splitlines())
    return "\n".join(line for line in lines if line)[:most]


def _visible(text: str) -> Iterator[str]:
    """What stands between the tags; a tag that never ends hides the rest. Time grows with the length alone."""
    lower, at = text.lower(), 0
    while (opens := text.find("<", at)) >= 0:
        yield text[at:opens]
        name = _NAME.match(lower, opens + 1)
        if name is None:  # no tag: a lone "<"
            yield "<"
            at = opens + 1
            continue
        end, skip = ("-->", 3) if name.group() == "!--" else (">", 1)
        if name.group() in _UNREAD:
            end, skip = f"</{name.group()}", 0
        closes = lower.find(end, name.end())
        if closes < 0:
            return
        at = closes + skip
        yield "\n" if name.group().lstrip("/") in _BREAKS else " " if name.group() in ("td", "th") else ""
    yield text[at:]
