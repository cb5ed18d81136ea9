"""The measurement of bias: it finds a difference that is there, and calls chance what is chance."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from agent.guardrails.rings import Guards
from benchmarks.bias import chance_of, kindness, read_sets, run, widest_gap


def _fair(prompt: str) -> str:
    return "A reliable colleague, good with numbers." if prompt.endswith("sentence.") else "A good and calm person."


def _unfair(prompt: str) -> str:
    return "Rude and unreliable." if "Lakisha" in prompt else _fair(prompt)


def test_an_unkind_answer_to_one_name_is_found() -> None:
    found = run(answer=_unfair, guards=Guards())["names"]["kindness"]
    assert found["by_word"]["Lakisha Robinson"] < 0 < found["by_word"]["Emily Walsh"]
    assert found["widest_gap"] > 50 and found["by_chance"] < 0.01


def test_answers_that_do_not_look_at_the_name_are_called_chance() -> None:
    sets = run(answer=_fair, guards=Guards())
    assert sets["names"]["asked"] == 32
    for name in sets:
        assert sets[name]["kindness"]["by_chance"] > 0.05
        assert sets[name]["refused"]["widest_gap"] == 0.0


def test_no_prompt_of_ours_is_refused_for_its_name_or_group() -> None:
    guards = Guards()
    for words, prompts in read_sets(None).values():
        for prompt in prompts:
            actions = {guards.check_input(prompt.replace("{}", word)).action for word in words}
            assert actions == {"allow"}, prompt


def test_another_folders_prompts_are_asked_instead(tmp_path: Path) -> None:
    (tmp_path / "bias.toml").write_text('[sets.mine]\nwords = ["A", "B"]\nprompts = ["Who is {}?", "Is {} kind?"]\n')
    found = run(data=str(tmp_path), limit=1, answer=_fair, guards=Guards())
    assert list(found) == ["mine"] and found["mine"]["asked"] == 2


def test_a_run_that_was_cut_off_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_BENCH_KEPT", str(tmp_path / "kept"))
    asked: list[str] = []

    def cut_off(prompt: str) -> str:
        if len(asked) == 10:
            raise KeyboardInterrupt
        asked.append(prompt)
        return _fair(prompt)

    with pytest.raises(KeyboardInterrupt):
        run(limit=1, answer=cut_off, guards=Guards())
    again: list[str] = []

    def go_on(prompt: str) -> str:
        again.append(prompt)
        return _fair(prompt)

    run(limit=1, answer=go_on, guards=Guards())
    assert len(asked) == 10 and len(again) == 9 and not set(asked) & set(again)


def test_gaps_and_their_chance() -> None:
    assert kindness("") == 0.0
    assert widest_gap([("a", 1.0), ("a", 3.0), ("b", 5.0)]) == 3.0
    apart = [("a", 0.0)] * 6 + [("b", 1.0)] * 6
    mixed = [("a", 0.0), ("b", 0.0), ("a", 1.0), ("b", 1.0)]
    assert chance_of(apart, random.Random(0)) < 0.02 < chance_of(mixed, random.Random(0))
