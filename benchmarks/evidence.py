"""What the model gets to read: does it hold the answer, and in how many tokens?

    wherefrom bench evidence [--data DIR] [--limit N --seed S] [--half dev|held]

No language model is asked, so thousands of questions take minutes. Sets in SQuAD or multi-hop form, as
`wherefrom bench answers` reads them; only questions whose answer stands word for word in a gold source.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent.evidence import estimate_tokens
from agent.tools.search import FIRST_LIMIT, worth_reading
from benchmarks.answers import find_sets
from benchmarks.answers_scores import share
from benchmarks.answers_set import Half, Question, QuestionSet, chosen
from benchmarks.retrieval import Collection, open_library
from benchmarks.sets import data_folder
from retrieval.passage import Hit

__all__ = ["by_passages", "run"]

TOKENS = 600  # as the settings have it
_HEAD = 8  # tokens of a passage's number and source


def run(
    *, data: str | None = None, limit: int = 0, seed: int = 0, half: Half = "all", **_options: Any
) -> dict[str, Any]:
    """By set: the share of questions whose answer is in what would be read, and its tokens."""
    from ui.settings import load_settings

    weights = load_settings().models / "all-minilm-l6-v2"
    sets, _left_out = find_sets(data_folder(data))
    return {
        one.name: _measure(one, chosen(_askable(one), half=half, limit=limit, seed=seed), weights)
        for one in sets
        if one.form != "rgb"  # its passages are given
    }


def by_passages(hits: Sequence[Hit]) -> list[str]:
    """Whole passages until the tokens are spent, as the search tool takes them."""
    texts: list[str] = []
    for hit in worth_reading(hits)[:FIRST_LIMIT]:
        if not texts or _tokens([*texts, hit.passage.text]) <= TOKENS:
            texts.append(hit.passage.text)
    return texts


def _measure(questions: QuestionSet, wanted: Sequence[Question], weights: Path) -> dict[str, Any]:
    documents = {key: one.text for key, one in questions.sources.items()}
    collection = Collection(documents=documents, queries={}, relevant={})
    read: list[tuple[bool, int]] = []
    with tempfile.TemporaryDirectory() as home, open_library(Path(home), collection, weights) as (library, _seconds):
        for question in wanted:
            texts = by_passages(library.search(question.text, top_k=12))
            read.append((_holds(texts, question), _tokens(texts)))
    return {
        "questions": len(wanted),
        "answer_there": share([float(one) for one, _ in read]),
        "tokens": share([n for _, n in read]),
    }


def _tokens(texts: Sequence[str]) -> int:
    return sum(estimate_tokens(text) + _HEAD for text in texts)


def _askable(questions: QuestionSet) -> list[Question]:
    return [one for one in questions.questions if one.answers and _holds(_gold(questions, one), one)]


def _gold(questions: QuestionSet, question: Question) -> list[str]:
    return [questions.sources[key].text for key in question.gold]


def _holds(texts: Sequence[str], question: Question) -> bool:
    whole = "\n".join(texts).lower()
    return all(any(wording.lower() in whole for wording in group) for group in question.answers)
