"""A request of several steps, cut where a person joins them: "then", "after that", "and" before an imperative.

By words alone, so it cuts too often rather than too rarely; whether two pieces are really two steps is decided by the
tools that they go to.
"""

from __future__ import annotations

import re

__all__ = ["MOST_STEPS", "pieces_of"]

MOST_STEPS = 4
_VERBS = (
    "add build calculate chart code compute count create design draw explain filter find generate give group "
    "illustrate implement list look make outline paint plot program rank search show simulate sketch sort sum "
    "summarise summarize tell translate visualise visualize write zeichne schreibe male erstelle fasse übersetze"
).replace(" ", "|")
_JOINT = re.compile(
    rf"\s*(?:[.;!?,]?\s+(?:and\s+|und\s+)?(?:then|after that|afterwards|finally|next|dann|danach)\b,?"
    rf"|;|[.!?](?=\s+(?:also\s+)?(?:{_VERBS})\b)"
    rf"|,?\s+(?:and|und)\s+(?:also\s+)?(?=(?:{_VERBS})\b)"
    rf"|,\s+(?=(?:{_VERBS})\b))\s*",
    re.IGNORECASE,
)
_LEAD = re.compile(r"^(?:also|please|and|und)\b[\s,]*", re.IGNORECASE)
_CODE = re.compile(r"[{}=]|\w\(.*\)|```", re.DOTALL)


def pieces_of(request: str) -> list[str]:
    """The pieces of a request, in order; one piece where nothing joins steps.

    Example:
        >>> pieces_of("Find the three largest suppliers and draw a bar chart")
        ['Find the three largest suppliers', 'draw a bar chart']
        >>> pieces_of("Write a function that adds two numbers and prints the result")
        ['Write a function that adds two numbers and prints the result']
    """
    if _CODE.search(request):
        return [request]  # a semicolon of code joins no steps
    pieces = [_LEAD.sub("", piece).strip(" ,") for piece in _JOINT.split(request)]
    return [piece for piece in pieces if re.search(r"\w", piece)] or [request]
