"""SQuAD 2.0 form: the paragraphs are the library; half of the questions have no answer in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.answers_assistant import Asked
from benchmarks.answers_citations import citations
from benchmarks.answers_scores import Judged, best, fitted_threshold, share, told_apart, tradeoff
from benchmarks.answers_set import Question, QuestionSet, Sources, half_of
from benchmarks.plot import Line, plot_shares

__all__ = ["read_set", "report"]


def read_set(name: str, rows: Sequence[Any]) -> QuestionSet | None:
    """A file's questions; None if it has another form."""
    if len(rows) != 1 or not isinstance(rows[0], dict) or not isinstance(rows[0].get("data"), list):
        return None
    sources = Sources()
    questions = []
    for article in rows[0]["data"]:
        for n, paragraph in enumerate(article["paragraphs"], 1):
            key = sources.add(f"{article.get('title', 'text')} {n:02}", paragraph["context"])
            questions += [_question(asked, key) for asked in paragraph["qas"]]
    return QuestionSet(name=name, form="squad", questions=tuple(questions), sources=sources.by_key)


def _question(asked: dict[str, Any], paragraph: str) -> Question:
    impossible = bool(asked.get("is_impossible"))
    wordings = () if impossible else tuple(dict.fromkeys(answer["text"] for answer in asked["answers"]))
    return Question(
        id=str(asked["id"]),
        unit=paragraph,
        text=asked["question"],
        answers=(wordings,) if wordings else (),
        gold=frozenset() if impossible else frozenset([paragraph]),
        group="unanswerable" if impossible else "answerable",
        plausible=next((one["text"] for one in asked.get("plausible_answers", ())), "") if impossible else "",
    )


def report(asked: Sequence[tuple[Question, Asked]]) -> dict[str, Any]:
    """Exact match and F1 of the answerable, right and false refusals, both over all, the curve, the citations.

    Returns:
        `calibrated`: the threshold that the development half would choose, and what it does to the held half; there
        where both halves were asked.
    """
    answerable = [(question, row) for question, row in asked if question.answers]
    unanswerable = [row for question, row in asked if not question.answers]
    scores = [best(row.said, question.answers[0]) for question, row in answerable]
    right = [float(row.refused) for row in unanswerable]
    judged = {id(row): _judged(question, row) for question, row in asked}
    return {
        "answerable": len(answerable),
        "exact": share([one for one, _f1 in scores]),
        "f1": share([f1 for _exact, f1 in scores]),
        "gold_given": share([float(bool(question.gold & set(row.given))) for question, row in answerable]),
        "unanswerable": len(unanswerable),
        "right_refusals": share(right),
        "false_refusals": share([float(row.refused) for _question, row in answerable]),
        "exact_all": share([one for one, _f1 in scores] + right),
        "f1_all": share([f1 for _exact, f1 in scores] + right),
        "citations": citations(asked),
        "told_apart": told_apart([(not question.answers, row.weighed) for question, row in asked]),
        "calibrated": _calibrated(asked, judged),
        "tradeoff": tradeoff(list(judged.values())),
    }


def plot_tradeoff(points: Sequence[dict[str, float | None]]) -> str:
    """What each threshold of doubt refuses rightly and wrongly, and what is left of F1, as an SVG."""
    wanted = (
        ("right_refusals", "unanswerable: refused", "#0b6e4f"),
        ("false_refusals", "answerable: refused", "#b23a48"),
        ("f1", "answerable: F1", "#2f5d8a"),
    )
    lines = [
        Line(name=name, colour=colour, points={float(p["threshold"] or 0): float(p[key] or 0) for p in points})
        for key, name, colour in wanted
    ]
    return plot_shares(lines, title="Refusals and F1 by the threshold of doubt", along="threshold of doubt")


def _judged(question: Question, row: Asked) -> Judged:
    """What it would have said without the threshold: the words that were read, where it was refused."""
    exact, f1 = best(row.read if row.refused else row.said, question.answers[0]) if question.answers else (0.0, 0.0)
    return Judged(unanswerable=not question.answers, doubt=row.doubt, refused=row.refused, exact=exact, f1=f1)


def _calibrated(asked: Sequence[tuple[Question, Asked]], judged: dict[int, Judged]) -> dict[str, Any] | None:
    development = [judged[id(row)] for question, row in asked if half_of(question.unit) == "dev"]
    held = [judged[id(row)] for question, row in asked if half_of(question.unit) == "held"]
    threshold = fitted_threshold(development)
    if threshold is None or not held:
        return None
    return next(point for point in tradeoff(held) if point["threshold"] == threshold)
