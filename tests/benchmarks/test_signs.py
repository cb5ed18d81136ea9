"""Signs are counted at the place that the set names, for each kind of question apart."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.signs import run

PARAGRAPH = "Brandt lit the lamp in 1921. Visits increased after that. The keeper slept in the tower."


def _asked(n: int, text: str, words: str, *, impossible: bool) -> dict[str, object]:
    answer = [{"text": words, "answer_start": 0}]
    shape = {"answers": [], "plausible_answers": answer} if impossible else {"answers": answer}
    return {"id": str(n), "question": text, "is_impossible": impossible, **shape}


def test_a_question_turned_round_shows_its_sign_and_an_honest_one_none(tmp_path: Path) -> None:
    questions = [
        _asked(1, "Who lit the lamp?", "Brandt", impossible=False),
        _asked(2, "Who did not light the lamp?", "Brandt", impossible=True),
        _asked(3, "When did visits decrease?", "after that", impossible=True),
        _asked(4, "Where did Admiral Nelson sleep?", "the tower", impossible=True),
        {"id": "5", "question": "Who sang?", "is_impossible": True, "answers": []},
    ]
    rows = {"data": [{"title": "Lamp", "paragraphs": [{"context": PARAGRAPH, "qas": questions}]}]}
    (tmp_path / "lamp.json").write_text(json.dumps(rows), encoding="utf-8")
    found = run(data=str(tmp_path))["lamp"]
    assert found["answerable"] == {"questions": 1, "negated": 0.0, "opposite": 0.0, "strangers": 0.0, "apart": 0.0}
    third = round(1 / 3, 4)
    apart = round((1 / 3 + 1 / 3 + 3 / 4) / 3, 4)  # "light", "decrease", all three of the last; one more is counted
    assert found["unanswerable"] == {
        "questions": 3, "negated": third, "opposite": third, "strangers": third, "apart": apart,
    }  # fmt: skip
