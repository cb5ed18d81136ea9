"""*Code* without a browser: a request, its tests, a repair's diff, a change that is run, a stop, an old request."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.fake_engine import FakeEngine
from tests.ui.page_harness import Stage, staged, texts, view
from ui.views.code import difference


@pytest.fixture
def engine(home: Path) -> FakeEngine:
    return staged(home)


def page() -> AppTest:
    return view("code")


def asked(text: str) -> AppTest:
    at = page()
    at.text_area(key="code.request").set_value(text)
    at.button(key="code.write").click().run()
    assert not at.exception
    return at


def test_code_is_shown_with_its_tests_and_what_the_repairs_changed(engine: FakeEngine) -> None:
    at = asked("double a <b>number</b>")
    shown = [block.value for block in at.code]
    assert any("return 2 * n" in text for text in shown)
    assert any(text.startswith("@@") and "+    return 2 * n" in text for text in shown)
    assert "1 of 1 of your examples passed" in texts(at)
    assert "holds" in texts(at)
    at.button(key="code.record").click().run()
    assert Stage.went == [("audit", {"run": engine.codes()[0].run})]


def test_code_that_fails_says_so(engine: FakeEngine) -> None:
    at = asked("something wrong")
    assert "0 of 1 of your examples passed" in texts(at)
    assert "wanted was 4" in texts(at)


def test_a_change_is_run_and_shown_as_a_difference(engine: FakeEngine) -> None:
    at = asked("double a number")
    [run] = [result.run for result in engine.codes()]
    at.text_area(key=f"code.own.{run}").set_value("def double(n):\n    return n + n\n")
    at.button(key="code.execute").click().run()
    assert not at.exception
    shown = [block.value for block in at.code]
    assert any(text.startswith("ran ") for text in shown)
    assert any("+    return n + n" in text for text in shown)


def test_a_request_that_goes_on_can_be_stopped(engine: FakeEngine) -> None:
    at = asked("double slowly")
    assert not at.code
    at.button(key="code.stop").click().run()
    assert engine.codes()[0].state == "stopped"
    at.run()
    assert "Stopped." in texts(at)


def test_refusals_and_mistakes_are_sentences(engine: FakeEngine) -> None:
    assert "A guard stopped this request." in texts(asked("a weapon"))
    assert "Nothing was asked for." in texts(asked(" "))


def test_an_earlier_request_comes_back(engine: FakeEngine) -> None:
    first = engine.write_code("the first one")
    at = asked("the second one")
    at.button(key=f"code.show.{first.run}").click().run()
    assert not at.exception
    assert any(first.run in block.value for block in at.code)


def test_where_nothing_can_be_run_the_page_says_so(engine: FakeEngine) -> None:
    engine.sandbox_problem = "Programs are not run on this machine: the network cannot be kept from it."
    at = page()
    assert "not run" in texts(at)


def test_a_difference_of_nothing_is_empty() -> None:
    assert difference("a\n", "a\n") == ""
    assert difference("a\nb\n", "a\nc\n").endswith("-b\n+c")
