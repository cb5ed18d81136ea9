"""The studio without a browser: a form from the options, a grid, a stop, a seed that comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.fake_engine import FakeEngine
from tests.ui.page_harness import staged, texts, view
from ui.api import BackendRow
from ui.views.studio import form_fields


@pytest.fixture
def engine(home: Path) -> FakeEngine:
    return staged(home)


def page() -> AppTest:
    return view("studio")


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


def test_who_enlarges_and_how_far_can_be_chosen_and_a_note_is_shown(engine: FakeEngine) -> None:
    at = page()
    assert at.selectbox(key="studio.size").value == 512 and at.selectbox(key="studio.enlarging").value == ""
    at.selectbox(key="studio.size").set_value(256)
    at.selectbox(key="studio.enlarging").set_value("filter")
    at.number_input(key="studio.count").set_value(1)
    at.text_input(key="studio.prompt").set_value("a fox")
    at.button(key="studio.draw").click().run()
    assert not at.exception
    [drawn] = engine.drawings()
    assert drawn.pictures[0].width == 256 and "Enlarged by a plain filter." in texts(at)


def test_an_empty_studio_offers_a_prompt_and_a_full_one_shows_what_was_drawn(engine: FakeEngine) -> None:
    at = page()
    at.button(key="studio.first.a blue book").click().run()
    assert at.text_input(key="studio.prompt").value == "a blue book" and not at.get("image")
    at.number_input(key="studio.count").set_value(1)
    at.button(key="studio.draw").click().run()
    assert len(at.get("image")) == 1
    at.text_input(key="studio.prompt").set_value("a house")
    at.button(key="studio.draw").click().run()
    assert len(at.get("image")) == 2 and "a blue book (diffusion" in texts(at)
    assert not [one for one in at.button if one.key and one.key.startswith("studio.first")]


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


def test_the_families_are_laid_side_by_side_on_one_prompt(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row for row in engine.backends() if row.kind == "image"]
    plain = BackendRow(name="gan", kind="image", distribution="x", styles=["noto"])
    monkeypatch.setattr(engine, "backends", lambda: [*rows, plain])
    at = page()
    at.selectbox(key="studio.style").set_value("fluent flat").run()
    at.text_input(key="studio.prompt").set_value("a red fox")
    at.number_input(key="studio.seed").set_value(11)
    at.button(key="studio.compare").click().run()
    assert not at.exception
    drawn = {drawing.family: drawing for drawing in engine.drawings()}
    assert set(drawn) == {*(row.name for row in rows if not row.problem), "gan"}
    assert all((one.prompt, one.seed, one.count) == ("a red fox", 11, 1) for one in drawn.values())
    assert drawn["gan"].style == "" and drawn[rows[0].name].style == "fluent flat", "only those that know the style"
    assert len(at.get("image")) == len(drawn)


def test_a_picture_is_varied_mixed_and_weighed(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [BackendRow(name=name, kind="image", distribution="x") for name in ("vae", "flow")]
    monkeypatch.setattr(engine, "backends", lambda: rows)
    at = page()
    for prompt in ("a fox", "a house"):
        at.text_input(key="studio.prompt").set_value(prompt)
        at.number_input(key="studio.count").set_value(1)
        at.button(key="studio.draw").click().run()
    house, fox = engine.drawings()
    at.button(key=f"studio.likely.{house.run}").click().run()
    assert not at.exception and "1.26 bits a number" in texts(at)
    at.slider(key=f"studio.strength.{house.run}").set_value(0.25)
    at.button(key=f"studio.vary.{house.run}").click().run()
    varied = engine.drawings()[0]
    assert not at.exception and varied.prompt == "a house, varied" and varied.options == {"strength": 0.25}
    assert varied.count == 4 and len(at.get("image")) == 4 + 2  # and the two it comes from, below
    at.selectbox(key=f"studio.target.{varied.run}").set_value(f"a fox, seed {fox.seed}").run()
    at.button(key=f"studio.between.{varied.run}").click().run()
    assert not at.exception and engine.drawings()[0].prompt == "a house, varied to a fox"


def test_options_in_words_have_a_line_or_a_choice(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    properties = {
        "negative": {"type": "string", "default": ""},
        "scheduler": {"type": "string", "default": "", "enum": ["", "euler"]},
    }
    row = BackendRow(name="large", kind="image", distribution="x", options={"properties": properties})
    monkeypatch.setattr(engine, "backends", lambda: [row])
    at = page()
    at.text_input(key="studio.prompt").set_value("a fox")
    at.text_input(key="studio.large.negative").set_value("text")
    at.selectbox(key="studio.large.scheduler").set_value("euler")
    at.button(key="studio.draw").click().run()
    assert not at.exception and engine.drawings()[0].options == {"negative": "text", "scheduler": "euler"}


def test_options_that_are_no_numbers_have_no_slider() -> None:
    schema = {"properties": {"a": {"type": "string", "default": "x"}, "b": {"type": "number", "default": 0.5}}}
    assert form_fields(schema) == [("b", "number", 0, 1e6, 0.5)]
