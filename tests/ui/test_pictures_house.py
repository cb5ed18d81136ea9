"""Drawing from the chat through the whole house: asked by the engine, signed, read back, recognised as ours."""

from __future__ import annotations

import io
from typing import Any, ClassVar

import pytest
from PIL import Image

from backends import registry
from backends.base import BackendContext, ImageBackend
from provenance.errors import UsageError
from tests.agent.test_drawing import Squares
from tests.ui.houses import Build, ask, make
from ui.origins import verifier as judge
from ui.services import Services

__all__ = ["make"]


class Installed(Squares):
    """Squares under the name of a family that is installed."""

    name: ClassVar[str] = "diffusion"


@pytest.fixture
def house(make: Build, monkeypatch: pytest.MonkeyPatch) -> Services:
    squares = Installed(BackendContext(models_dir="", runtime_dir=""))

    def load(_name: str, _context: Any) -> ImageBackend:
        return squares

    monkeypatch.setattr(registry, "load_image", load)
    return make()


def test_a_picture_that_the_chat_drew_is_ours_and_can_be_changed(house: Services) -> None:
    conversation = house.new_conversation()
    answer = ask(house, "Draw a red square, seed 200", conversation)
    [made] = answer.artifacts
    assert answer.text == "Here is “a red square” (drawn by diffusion, seed 200)."
    data = house.artifact(answer.run, made.n)
    with Image.open(io.BytesIO(data)) as image:
        assert min(image.size) >= 512 and abs(image.convert("RGB").getpixel((256, 256))[0] - 200) < 12
    with judge(house.parts.settings) as judging:
        found = judging.verify(data)
    assert (found.verdict, found.run) == ("ours", answer.run)

    events = house.record(answer.run).events
    assert [event.kind for event in events].count("request") == 1
    [drawn] = [event for event in events if event.body.get("purpose") == "draw"]
    assert drawn.contents["prompt"] == "a red square" and drawn.body["parameters"]["seed"] == 200

    blue = ask(house, "another one, blue", conversation)
    assert "“a blue square” (drawn by diffusion, seed 200)" in blue.text
    assert house.artifact(blue.run, 1).startswith(b"\x89PNG")


def test_a_size_that_there_is_not_is_refused_before_anything_is_drawn(house: Services) -> None:
    with pytest.raises(UsageError, match="256 or 512"):
        house.draw("a red square", size=300)
    with pytest.raises(UsageError, match="magic"):
        house.draw("a red square", enlarging="magic")
    assert house.drawings() == []
