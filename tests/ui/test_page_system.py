"""The system page, and the gate in front of every page."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.fake_engine import FakeEngine
from tests.ui.page_harness import Stage, texts, view
from ui.settings import Settings
from ui.views.gate import Gate

APP = str(Path(__file__).resolve().parents[2] / "ui" / "app.py")


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    Stage.engine, Stage.settings, Stage.went = FakeEngine(), Settings(password="sesame"), []
    yield Stage.engine
    Stage.engine.close()


def open_system() -> AppTest:
    return view("system")


def test_it_shows_engine_models_and_backends(engine: FakeEngine) -> None:
    at = open_system()
    assert not at.exception and not at.error
    assert {metric.label: metric.value for metric in at.metric} == {
        "Engine memory": "412 MB", "Model memory": "1.4 GB", "Documents": "3", "Passages": str(engine.state().passages),
    }  # fmt: skip
    said = texts(at)
    for piece in ("verified", "not fetched", "answers by default", "No server URL is set.", "cannot run", "threads"):
        assert piece in said


def test_a_card_is_read_by_its_name(engine: FakeEngine) -> None:
    at = open_system()
    assert "Card of system" in texts(at)
    at.selectbox(key="system.card").select("smollm2-135m-instruct-q4_1").run()
    assert not at.exception and "Card of smollm2-135m-instruct-q4_1" in texts(at) and "Known limits" in texts(at)


def test_settings_in_force_are_shown_and_secrets_are_not(engine: FakeEngine) -> None:
    said = texts(open_system())
    for name in Settings.model_fields:
        assert f"WHEREFROM_{name.upper()}" in said
    assert "sesame" not in said


def test_the_doctor_lists_what_fails_first_with_its_hint(engine: FakeEngine) -> None:
    at = open_system()
    at.button(key="system.doctor.run").click().run()
    assert "all well" in texts(at)
    at.checkbox(key="system.doctor.full").check()
    at.button(key="system.doctor.run").click().run()
    said = texts(at)
    assert "1 problem" in said and "Fetch it." in said
    assert said.index("one file is missing") < said.index("3.11.7")


def test_a_password_is_asked_for_and_a_wrong_one_does_not_open(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WHEREFROM_FAKE_ENGINE", "tests.ui.page_harness:current")
    monkeypatch.setenv("WHEREFROM_HOME", str(tmp_path))
    monkeypatch.setenv("WHEREFROM_PASSWORD", "sesame")
    monkeypatch.setattr("ui.views.gate.WRONG_DELAY_S", 0.01)
    st.cache_resource.clear()
    at = AppTest.from_file(APP, default_timeout=60).run()
    assert not at.exception and not at.chat_input
    at.text_input(key="gate.password").set_value("open")
    at.button(key="gate.send").click().run()
    assert "not the password" in at.error[0].value and not at.chat_input
    at.text_input(key="gate.password").set_value("sesame")
    at.button(key="gate.send").click().run()
    assert at.chat_input and not at.error
    st.cache_resource.clear()


def test_many_guesses_at_once_are_no_faster_than_one_after_the_other() -> None:
    gate = Gate("sesame", wrong_delay_s=0.05)
    began = time.monotonic()
    threads = [threading.Thread(target=gate.admits, args=(f"guess {n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began >= 6 * 0.05
    assert gate.admits("sesame") and not gate.admits("") and not gate.admits("sesamé")
