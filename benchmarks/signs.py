"""How often a question is at odds with the place of its answer, by whether it has an answer there at all.

    wherefrom bench signs [--data DIR] [--limit N --seed S] [--half dev|held]

Sets in SQuAD 2.0 form; no model is asked. The place is where the set says that the answer stands, or, of a question
without one, what looks like it. The signs are those of `agent.mismatch`, which `agent.doubt` weighs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.evidence import Evidence
from agent.mismatch import Mismatch, mismatch
from benchmarks.answers import find_sets
from benchmarks.answers_scores import share
from benchmarks.answers_set import Half, Question, QuestionSet, chosen
from benchmarks.sets import data_folder
from retrieval.passage import Passage

__all__ = ["of_group", "run"]


def run(
    *, data: str | None = None, limit: int = 0, seed: int = 0, half: Half = "all", **_options: Any
) -> dict[str, Any]:
    """By set and kind of question: how many, and the share that shows each sign (of `apart`: its mean)."""
    sets, _left_out = find_sets(data_folder(data))
    return {
        one.name: {
            group: of_group(
                [q for q in chosen(one.questions, half=half, limit=limit, seed=seed) if q.group == group], one
            )
            for group in ("answerable", "unanswerable")
        }
        for one in sets
        if one.form == "squad"
    }


def of_group(questions: Sequence[Question], among: QuestionSet) -> dict[str, Any]:
    """The share of these questions that shows each sign; those for which the set names no words are left out."""
    found = [
        mismatch(question.text, words, _place(among.sources[question.unit].name, among.sources[question.unit].text))
        for question in questions
        if (words := question.answers[0][0] if question.answers else question.plausible)
    ]
    return {"questions": len(found)} | {
        name: share([_much(getattr(one, name)) for one in found]) for name in Mismatch.__dataclass_fields__
    }


def _much(sign: bool | float | frozenset[str]) -> float:
    return float(bool(sign)) if isinstance(sign, frozenset) else float(sign)


def _place(name: str, text: str) -> Evidence:
    passage = Passage(
        id=1, document_id=1, document_name=name, page=1, page_label="", start=0, end=len(text), text=text, heading="",
        digest="",
    )  # fmt: skip
    return Evidence(n=1, passage=passage, document_digest="")
