"""The studio without a browser: a form from the options, a grid, a stop, a seed that comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.fake_engine import FakeEngine
from tests.ui.page_harness import Stage, texts
from ui.api import BackendRow
from ui.settings import Settings
from ui.views.studio import form_fields


@pytest.fixture
def engine(home: Path) -> FakeEngine:
    Stage.engine, Stage.settings, Stage.went = FakeEngine(), Settings(home=home), []
    return Stage.engine


def page() -> AppTest:
    def script() -> None:
        from tests.ui.page_harness import services
        from ui.views import studio

        studio.render(services())

    return AppTest.from_function(script, default_timeout=120).run()


def test_pictures_come_with_their_seeds_and_can_be_drawn_again(engine: FakeEngine) -> None:
    at = page()
    assert not at.exception
    at.selectbox(key="studio.style").set_value("fluent flat").run()
    at.text_input(key="studio.prompt").set_value("a red <b>fox</b>")
    at.number_input(key="studio.count").set_value(3)
    at.number_input(key="studio.seed").set_value(11)
    at.slider(key="studio.diffusion.steps").set_value(9)
    at.button(key="studio.draw").click().run()
    assert not at.exception
    [drawn] = engine.drawings()
    assert (drawn.prompt, drawn.style, drawn.seed, drawn.count) == ("a red <b>fox</b>", "fluent flat", 11, 3)
    assert drawn.options == {"steps": 9, "guidance": 2.5}
    assert [picture.seed for picture in drawn.pictures] == [11, 12, 13]
    assert len(at.get("image")) == 3
    assert "3 pictures by diffusion-64" in texts(at)

    at.text_input(key="studio.prompt").set_value("a house")
    at.number_input(key="studio.seed").set_value(-1)
    at.button(key="studio.draw").click().run()
    at.button(key=f"studio.again.{drawn.run}").click().run()
    assert not at.exception
    assert at.text_input(key="studio.prompt").value == "a red <b>fox</b>"
    assert at.number_input(key="studio.seed").value == 11
    assert at.slider(key="studio.diffusion.steps").value == 9


def test_a_drawing_that_goes_on_shows_previews_and_can_be_stopped(engine: FakeEngine) -> None:
    at = page()
    at.text_input(key="studio.prompt").set_value("a slow fox")
    at.button(key="studio.draw").click().run()
    assert not at.exception and len(at.get("image")) == 4
    at.button(key="studio.stop").click().run()
    assert not at.exception
    assert engine.drawings()[0].state == "stopped"
    at.run()
    assert "Stopped." in texts(at)


def test_what_cannot_be_drawn_is_said_in_a_sentence(engine: FakeEngine) -> None:
    at = page()
    at.button(key="studio.draw").click().run()
    assert not at.exception and "The prompt is empty." in texts(at)
    at.text_input(key="studio.prompt").set_value("a weapon")
    at.button(key="studio.draw").click().run()
    assert not at.exception and "A guard stopped this prompt." in texts(at)


def test_without_weights_the_page_says_what_is_missing(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    row = BackendRow(name="vae", kind="image", distribution="x", problem="There are no weights for vae.")
    monkeypatch.setattr(engine, "backends", lambda: [row])
    at = page()
    assert not at.exception and "There are no weights for vae." in texts(at)
    assert not at.button


def test_options_that_are_no_numbers_have_no_slider() -> None:
    schema = {"properties": {"a": {"type": "string", "default": "x"}, "b": {"type": "number", "default": 0.5}}}
    assert form_fields(schema) == [("b", "number", 0, 1e6, 0.5)]
