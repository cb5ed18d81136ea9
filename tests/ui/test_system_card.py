"""The system card says what is there: models, guards, what was measured; and keeps quiet about what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.guardrails.shelf import shipped_policy
from provenance.errors import NotFoundError
from ui import cli
from ui.cards import card, card_names
from ui.measured import MEASURED, keep_result
from ui.picture_card import families
from ui.settings import Settings
from ui.system_card import system_card


def test_it_names_models_guards_and_what_was_measured(home: Path) -> None:
    settings = Settings(home=home)
    card = system_card(settings)
    assert settings.model in card and "(shipped)" in card and "Nothing yet" in card
    assert "| input | abuse | 0.5 | block |" in card
    keep_result(home, "guards", {"direct": {"recall": 0.91, "attacks": 200}, "policy": "abc", "ok": True})
    card = system_card(settings)
    assert "| direct · recall | 0.91 |" in card and "Nothing yet" not in card and "· ok" not in card


def test_the_policy_in_the_data_folder_is_the_one_described(home: Path) -> None:
    policy = home / "policy.toml"
    policy.write_text(shipped_policy().replace("threshold = 0.6", "threshold = 0.7"))
    assert "| retrieved | injection | 0.7 | block |" in system_card(Settings(home=home))
    policy.write_text("format = 2")
    assert "cannot be followed" in system_card(Settings(home=home))


def test_results_are_kept_only_in_a_data_folder_that_is_there(home: Path) -> None:
    keep_result(home / "none", "guards", {"n": 1})
    assert not (home / "none").exists()
    keep_result(home, "guards", {"n": 1})
    assert json.loads((home / MEASURED / "guards.json").read_text())["n"] == 1
    (home / MEASURED / "guards.json").write_text('{"n": ')
    assert "## Measured here" in system_card(Settings(home=home))


def test_the_command_prints_it(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("WHEREFROM_HOME", str(home))
    assert cli.main(["models", "card", "system"]) == 0
    assert capsys.readouterr().out.startswith("# System card")


def test_the_numbers_of_the_whole_come_before_those_of_its_parts(home: Path) -> None:
    parts = {f"group_{n}": {"recall": 0.5} for n in range(40)}
    keep_result(home, "guards", {"direct": {"by_group": parts, "recall": 0.91}})
    card = system_card(Settings(home=home))
    assert card.index("| direct · recall | 0.91 |") < card.index("| direct · by group · group 0 · recall | 0.5 |")
    assert "11 more in `measured/guards.json`" in card


def test_every_family_of_pictures_has_a_card_and_a_line_in_the_systems(home: Path) -> None:
    settings = Settings(home=home)
    assert families() == ["autoregressive", "diffusion", "flow", "gan", "vae"]
    system = system_card(settings)
    keep_result(home, "images", {"pictures": 150, "rows": {"vae": {"coverage": 0.16}, "flow": {"coverage": 0.07}}})
    for name in families():
        text = card(name, settings)
        assert f"| {name} | " in system and name in card_names()
        assert "**Known limits.**" in text and "sha256:" in text and "steps of" in text and "Apache-2.0" in text
    assert "| coverage | 0.16 |" in card("vae", settings) and "150 held-out captions" in card("vae", settings)
    assert "Nothing yet" in card("gan", settings)


def test_a_models_card_holds_what_was_measured_while_it_answered(home: Path) -> None:
    settings = Settings(home=home)
    keep_result(home, "tools", {"model": settings.model, "right": 0.9})
    keep_result(home, "code", {"model": "another", "right": 0.1})
    text = card(settings.model, settings)
    assert "**Known limits.**" in text and "| right | 0.9 |" in text and "0.1" not in text.split("Measured here")[1]
    with pytest.raises(NotFoundError):
        card("nobody", settings)
