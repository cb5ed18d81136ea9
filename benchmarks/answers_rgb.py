"""RGB form: five passages are given, a part of them without the answer, or all of them.

Passages are drawn as RGB's own script draws them: a share of negatives, as many as there are. Accuracy is its
`checkanswer`: every wanted answer stands in what was said.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

from benchmarks.answers_assistant import Asked
from benchmarks.answers_citations import citations
from benchmarks.answers_scores import contains_all, share, told_apart
from benchmarks.answers_set import Question, QuestionSet, Sources

__all__ = ["GIVEN", "NOISE", "read_set", "report"]

GIVEN = 5
NOISE = (0.0, 0.4, 0.8)


def read_set(name: str, rows: Sequence[Any]) -> QuestionSet | None:
    """Each question once at each noise, and once with negatives alone; None if the file has another form."""
    if not rows or not isinstance(rows[0], dict) or not {"query", "positive", "negative"} <= rows[0].keys():
        return None
    sources = Sources()
    questions = []
    for row in rows:
        for noise in (*NOISE, 1.0):
            drawn = _draw(row, noise)
            if drawn is None:
                continue
            positive, negative = ([sources.add("passage", text) for text in texts] for texts in drawn)
            questions.append(_question(row, name, noise, positive, negative))
    return QuestionSet(name=name, form="rgb", questions=tuple(questions), sources=sources.by_key)


def report(asked: Sequence[tuple[Question, Asked]]) -> dict[str, Any]:
    """Accuracy and refusals at each noise; the share of refusals where nothing holds the answer; the citations."""
    found: dict[str, Any] = {}
    for noise in NOISE:
        group = [(question, row) for question, row in asked if question.group == _group(noise)]
        found[_group(noise)] = {
            "questions": len(group),
            "accuracy": share(
                [float(not row.refused and contains_all(row.text, question.answers)) for question, row in group]
            ),
            "refused": share([float(row.refused) for _question, row in group]),
        }
    negative = [row for question, row in asked if question.group == _group(1.0)]
    found["negative_rejection"] = {"questions": len(negative), "refused": share([float(r.refused) for r in negative])}
    apart = told_apart([(not question.answers, row.weighed) for question, row in asked])
    return {**found, "citations": citations(asked), "told_apart": apart}


def _draw(row: dict[str, Any], noise: float) -> tuple[list[str], list[str]] | None:
    """(positives, negatives), up to five in all; None where a question with negatives alone has none."""
    groups = [one if isinstance(one, list) else [one] for one in row["positive"]]
    positives = [text for text in chain.from_iterable(zip_longest(*groups)) if text]  # of each group one, then more
    negatives = list(row["negative"])
    chance = random.Random(f"{row['id']} {noise}")
    if len(groups) == len(positives):  # no groups: any positive is as good
        chance.shuffle(positives)
    chance.shuffle(negatives)
    if noise == 1.0:
        return ([], negatives[:GIVEN]) if negatives else None
    wanted = min(math.ceil(GIVEN * noise), len(negatives))
    few = max(GIVEN - wanted, len(groups) if len(groups) < len(positives) else 0)
    taken = positives[:few]
    return taken, negatives[: max(0, GIVEN - len(taken))]


def _question(row: dict[str, Any], name: str, noise: float, positive: list[str], negative: list[str]) -> Question:
    given = [*positive, *negative]
    random.Random(f"{row['id']}").shuffle(given)
    answers = row["answer"] if isinstance(row["answer"], list) else [row["answer"]]
    return Question(
        id=f"{row['id']} {noise}",
        unit=f"{name} {row['id']}",
        text=row["query"],
        answers=() if noise == 1.0 else tuple(tuple(one) if isinstance(one, list) else (one,) for one in answers),
        gold=frozenset(positive),
        among=tuple(given),
        group=_group(noise),
    )


def _group(noise: float) -> str:
    return "negatives alone" if noise == 1.0 else f"noise {noise:g}"
