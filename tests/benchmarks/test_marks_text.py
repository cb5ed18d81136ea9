"""The measurement of the text mark: it reports what was written before, pairs texts by topic, and edits as it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.marks_text import replaced, run
from benchmarks.marks_text_writer import key_of
from tests.provenance.test_textmark import marked_text


@pytest.fixture
def people(tmp_path: Path) -> Path:
    folder = tmp_path / "people"
    folder.mkdir()
    words = [f"{a}{b}" for a in ("lam", "ste", "bri", "gar", "mol", "pra") for b in ("den", "ter", "gle", "sow", "kin")]
    for n in range(3):
        (folder / f"{n}.txt").write_text(" ".join(words[n:] * 5), encoding="utf-8")
    return folder


def row(i: int, marked: bool, **more: Any) -> dict[str, Any]:
    text = marked_text(key_of(0, i if marked else 99), 90)
    told = {"i": i, "seed": 0, "marked": marked, "text": text, "tokens": 220, "finish": "stop"}
    return {"name": f"text-{i}-{marked}", **told, "logprob": -90.0, "counted": 100, **more}


def test_what_was_written_is_reported_without_a_model(
    people: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHEREFROM_BENCH_KEPT", str(tmp_path))
    monkeypatch.setenv("WHEREFROM_BENCH_SECONDS", "0")
    rows = [row(0, True), row(0, False, logprob=-40.0), row(1, True), row(2, True, tokens=120, finish="circles")]
    kept = "".join(json.dumps(one) + "\n" for one in rows)
    (tmp_path / "marks_text-none-3-0-0.jsonl").write_text(kept + '{"name": "text-3-True", "cut', encoding="utf-8")

    found = run(data=str(people), limit=5, model="none", questions=0)
    assert found["texts"] == 3 and found["found_of_200_tokens_and_more"]["share"] == 1.0
    assert found["found_of_200_tokens_and_more"]["texts"] == 2 and found["found_shorter"]["texts"] == 1
    assert found["unmarked_called_marked"]["share"] == 0.0
    assert found["matched_after_a_fifth_replaced"] == found["found_or_matched_after_a_fifth_replaced"] == 1.0
    assert found["human_texts_matched"]["share"] == 0.0 and found["human_texts_matched"]["texts"] > 0
    assert found["ended_in_circles"] == {"marked": 1, "unmarked": 0}
    assert found["perplexity_pairs"] == 1 and round(found["perplexity_ratio"], 3) == 1.649  # e to the 0.5
    assert Path(found["curve"]).read_text(encoding="utf-8").startswith("<svg")
    assert "ms_per_token_marked" not in found, "nothing was run"


def test_a_text_whose_mark_is_lost_is_still_matched_by_its_fingerprint(
    people: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHEREFROM_BENCH_KEPT", str(tmp_path))
    monkeypatch.setenv("WHEREFROM_BENCH_SECONDS", "0")
    stranger = row(0, True, text=marked_text(key_of(0, 77), 90))  # under another key than its own
    (tmp_path / "marks_text-none-3-0-0.jsonl").write_text(json.dumps(stranger) + "\n", encoding="utf-8")
    found = run(data=str(people), limit=1, model="none", questions=0)
    assert found["found_after_a_fifth_replaced"]["share"] == 0.0
    assert found["found_or_matched_after_a_fifth_replaced"] == 1.0


def test_a_share_of_the_words_is_replaced_and_the_same_ones_each_time() -> None:
    text = " ".join(["word"] * 1000)
    changed = replaced(text, ["other"], 0.2, 7).split()
    assert 150 < changed.count("other") < 250 and len(changed) == 1000
    assert replaced(text, ["other"], 0.2, 7).split() == changed
