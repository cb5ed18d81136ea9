"""The text mark through the settings: made where it is first needed, found by `verify`, turned off by a setting."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from benchmarks.marks_text_plot import plot_curve
from provenance.errors import CredentialError
from tests.provenance.test_textmark import marked_text
from ui.cli import build_parser
from ui.commands.bench import measurements
from ui.origins import text_mark_keys, text_marker, verifier
from ui.settings import Settings


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home)


def test_a_text_that_left_without_its_file_is_ours_by_its_words(settings: Settings) -> None:
    marker = text_marker(settings)
    assert marker is not None
    text = marked_text(marker.key, 90)
    with verifier(settings) as judge:
        found = judge.verify(text)
        other = judge.verify(marked_text(type(marker.key)(b"?" * 32), 90))
    assert found.verdict == "ours"
    assert [one.kind for one in found.evidence if one.says == "ours"] == ["text mark"]
    assert other.verdict == "cannot tell"


def test_the_key_is_for_the_owner_alone(settings: Settings) -> None:
    text_marker(settings)
    folder = settings.home / "keys" / "text-mark"
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in folder.iterdir())


def test_the_setting_turns_it_off_and_makes_no_key(home: Path) -> None:
    settings = Settings(home=home, text_mark=False)
    assert text_marker(settings) is None
    assert not (home / "keys").exists() and text_mark_keys(settings).known() == []


def test_a_key_that_others_can_read_stops_marking_and_verify_goes_on(settings: Settings) -> None:
    text_marker(settings)
    (settings.home / "keys" / "text-mark" / "secrets.json").chmod(0o644)
    with pytest.raises(CredentialError, match="read by others"):
        text_marker(settings)
    with verifier(settings) as judge:
        found = judge.verify("Some words that somebody wrote.")
    assert found.verdict == "cannot tell" and any("read by others" in one.sentence for one in found.evidence)


def test_the_measurement_has_a_name_and_a_switch() -> None:
    assert "marks_text" in measurements()
    assert build_parser().parse_args(["bench", "marks", "--text"]).text is True


def test_the_curve_is_drawn() -> None:
    found = {100: {"share": 0.5, "texts": 3.0}, 200: {"share": 1.0, "texts": 2.0}, 300: {"share": 0.0, "texts": 0.0}}
    drawn = plot_curve(found, {100: {"rate": 0.001}})
    assert drawn.count("<circle") == 3 and drawn.startswith("<svg") and "human texts" in drawn
