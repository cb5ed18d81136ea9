"""Scores of answers as the official scripts of the sets compute them, and what a threshold of doubt would change.

Exact match and F1: SQuAD's evaluate-v2.0 (HotpotQA's and MuSiQue's are the same up to yes, no and aliases).
`contains_all`: RGB's checkanswer.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Judged",
    "best",
    "contains_all",
    "exact",
    "f1",
    "fitted_threshold",
    "normalised",
    "share",
    "told_apart",
    "tradeoff",
]

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = frozenset(string.punctuation)
THRESHOLDS = tuple(n / 20 for n in range(1, 20))
MOST_FALSE = 0.15  # false refusals that the bar allows


def normalised(text: str) -> str:
    """Lower case, without punctuation, articles and extra space.

    Example:
        >>> normalised("The  Red-Army, in 1920.")
        'redarmy in 1920'
    """
    bare = "".join(sign for sign in text.lower() if sign not in _PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def exact(predicted: str, gold: str) -> float:
    """1 where both are the same after normalisation."""
    return float(normalised(predicted) == normalised(gold))


def f1(predicted: str, gold: str) -> float:
    """Harmonic mean of the shared words' precision and recall; where either is empty, whether both are.

    Example:
        >>> round(f1("in the year 1920", "1920"), 3)
        0.5
    """
    words, wanted = normalised(predicted).split(), normalised(gold).split()
    if not words or not wanted:
        return float(words == wanted)
    shared = sum((Counter(words) & Counter(wanted)).values())
    return 2 * shared / (len(words) + len(wanted))


def best(predicted: str, golds: Sequence[str]) -> tuple[float, float]:
    """(exact match, F1), each by the wording that fits best. No wording at all: the empty prediction is right."""
    wordings = golds or ("",)
    return max(exact(predicted, gold) for gold in wordings), max(f1(predicted, gold) for gold in wordings)


def contains_all(text: str, answers: Sequence[Sequence[str]]) -> bool:
    """Whether of each group one wording stands in the text, case ignored."""
    lower = text.lower()
    return bool(answers) and all(any(one.lower() in lower for one in group) for group in answers)


def share(values: Sequence[float]) -> float | None:
    """Their mean, to four places; None where there are none."""
    return round(sum(values) / len(values), 4) if values else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One question as the threshold sees it."""

    unanswerable: bool
    doubt: float | None  # None where the answer was refused before anything was read
    refused: bool  # whatever the doubt was
    exact: float  # of what is said, or would be said, if it is not refused
    f1: float


def tradeoff(rows: Sequence[Judged]) -> list[dict[str, float | None]]:
    """For each threshold of doubt: right and false refusals, exact match and F1 on the answerable.

    An answer that was refused for its doubt alone counts with the words that had been read.
    """
    return [_at(rows, threshold) for threshold in THRESHOLDS]


def fitted_threshold(rows: Sequence[Judged], most_false: float = MOST_FALSE) -> float | None:
    """The lowest threshold that refuses at most `most_false` of the answerable; None without such rows."""
    if not any(row.unanswerable for row in rows) or all(row.unanswerable for row in rows):
        return None
    fitting = [point for point in tradeoff(rows) if (point["false_refusals"] or 0.0) <= most_false]
    return fitting[0]["threshold"] if fitting else THRESHOLDS[-1]


def told_apart(rows: Sequence[tuple[bool, Mapping[str, float]]]) -> dict[str, float]:
    """How well each sign tells unanswerable questions from the others: the area under its ROC curve, 0.5 is chance.

    Args:
        rows: Whether it is unanswerable, and the signs by name; rows without signs are left out.
    Example:
        >>> told_apart([(True, {"unsure": 0.9}), (True, {"unsure": 0.4}), (False, {"unsure": 0.4}), (False, {})])
        {'unsure': 0.75}
    """
    unanswerable, answerable = ([signs for kind, signs in rows if signs and kind is wanted] for wanted in (True, False))
    if not unanswerable or not answerable:
        return {}
    return {
        name: _area(np.array([row[name] for row in unanswerable]), np.array([row[name] for row in answerable]))
        for name in unanswerable[0]
    }


def _area(higher: NDArray[np.float64], lower: NDArray[np.float64]) -> float:
    """The chance that one of the first lies above one of the second, halves for ties (Mann and Whitney)."""
    above = higher[:, None] - lower
    return round(float((above > 0).mean() + (above == 0).mean() / 2), 4)


def _at(rows: Sequence[Judged], threshold: float) -> dict[str, float | None]:
    answerable = [row for row in rows if not row.unanswerable]
    return {
        "threshold": threshold,
        "right_refusals": share([_refuses(row, threshold) for row in rows if row.unanswerable]),
        "false_refusals": share([_refuses(row, threshold) for row in answerable]),
        "exact": share([0.0 if _refuses(row, threshold) else row.exact for row in answerable]),
        "f1": share([0.0 if _refuses(row, threshold) else row.f1 for row in answerable]),
    }


def _refuses(row: Judged, threshold: float) -> bool:
    return row.refused if row.doubt is None else row.doubt >= threshold
