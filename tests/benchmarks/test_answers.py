"""The measurement of answers from end to end, over the house that needs no weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.answers import run
from provenance.errors import UsageError
from tests.ui.houses import settings
from tests.ui.quick_house import QuickParts

PARAGRAPH = "The keeper of the lighthouse is Oda Brandt. She has lived on the rock since 1987."
OTHER = "The bakery sells 430 loaves a day. The oven was built in 1921."


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A set in SQuAD form and one in RGB form."""
    folder = tmp_path / "data"
    folder.mkdir()
    asked = [
        {"id": "1", "question": "Who is the keeper of the lighthouse?", "answers": [{"text": "keeper Oda Brandt"}]},
        {"id": "2", "question": "What does the zebra of the lighthouse eat?", "answers": [], "is_impossible": True},
    ]
    paragraphs = [{"context": PARAGRAPH, "qas": asked}, {"context": OTHER, "qas": []}]
    squad = {"data": [{"title": "Rock", "paragraphs": paragraphs}]}
    (folder / "squad.json").write_text(json.dumps(squad), encoding="utf-8")
    rgb = {
        "id": 1, "query": "When was the oven of the bakery built?", "answer": [["1921", "MCMXXI"]],
        "positive": [OTHER], "negative": [PARAGRAPH],
    }  # fmt: skip
    (folder / "rgb.jsonl").write_text(json.dumps(rgb), encoding="utf-8")
    return folder


def test_every_number_comes_from_the_real_assistant(data: Path, tmp_path: Path) -> None:
    found = run(data=str(data), settings=settings(tmp_path / "home"), build=QuickParts)
    squad, rgb = found["squad"], found["rgb"]
    assert (squad["answerable"], squad["unanswerable"], squad["asked"], squad["left"]) == (1, 1, 2, 0)
    assert squad["right_refusals"] == 1.0 and squad["false_refusals"] == 0.0 and squad["gold_given"] == 1.0
    assert squad["exact"] == 0.0 and squad["f1"] == pytest.approx(6 / 9, abs=1e-3)  # it says the whole sentence
    assert squad["citations"]["verbatim"] == 1.0 and squad["citations"]["links_not_given"] == 0
    assert squad["citations"]["precision"] == squad["citations"]["recall"] == 1.0
    assert rgb["told_apart"].keys() == squad["told_apart"].keys()
    assert squad["told_apart"]["doubt"] == 1.0 and squad["told_apart"].keys() > {"none", "alone", "unsure"}
    assert len(squad["tradeoff"]) == 19 and squad["codes"] == rgb["codes"]
    assert rgb["noise 0.8"]["questions"] == 1 and rgb["noise 0.8"]["accuracy"] == 1.0


def test_a_question_reads_only_the_sources_it_may(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_BENCH_KEPT", str(tmp_path / "kept"))
    run(data=str(data), settings=settings(tmp_path / "home"), build=QuickParts)
    rows = [json.loads(line) for line in (tmp_path / "kept" / "answers.jsonl").read_text().splitlines()]
    [negative] = [row["asked"] for row in rows if row["id"] == "1 1.0"]
    both = [row["asked"] for row in rows if row["id"] == "1"]
    assert len(negative["found"]) == 1 and len(both[0]["found"]) == 2


def test_a_run_that_is_out_of_time_reports_what_there_is_and_goes_on_later(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHEREFROM_BENCH_KEPT", str(tmp_path / "kept"))
    monkeypatch.setenv("WHEREFROM_BENCH_SECONDS", "0")
    cut = run(data=str(data), settings=settings(tmp_path / "home"), build=QuickParts)
    assert (cut["squad"]["asked"], cut["squad"]["left"], cut["squad"]["exact"]) == (0, 2, None)
    monkeypatch.delenv("WHEREFROM_BENCH_SECONDS")
    whole = run(data=str(data), settings=settings(tmp_path / "home"), build=QuickParts)
    assert whole["squad"]["left"] == 0
    assert (tmp_path / "kept" / "refusals-squad.svg").read_text().count("<path") > 3  # what each threshold refuses
    monkeypatch.setattr(QuickParts, "assistant_over", None)  # nothing is asked a second time
    assert run(data=str(data), settings=settings(tmp_path / "home"), build=QuickParts) == whole


def test_a_half_that_is_none_is_refused(data: Path) -> None:
    with pytest.raises(UsageError):
        run(data=str(data), half="third")  # type: ignore[arg-type]
