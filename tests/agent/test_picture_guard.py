"""What a large model draws is judged before it leaves; without a judge nothing leaves; icons are not asked about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import BaseModel

from agent.drawing import Drawer
from agent.finishing import Finisher, Leaving
from agent.guardrails import pictures
from agent.guardrails.pictures import WEIGHTS, PictureGuard, prepared
from agent.guardrails.rings import Guards
from backends.base import BackendContext, ImageProgress, ImageRequest, Picture
from backends.weights import present
from provenance.ledger import Ledger, new_run_id
from provenance.record import record
from tests.agent.test_drawing import Squares
from tests.agent.test_image_tool import House


def plain(colour: tuple[int, int, int, int] = (200, 30, 40, 255), side: int = 32) -> Picture:
    return Picture(width=side, height=side, rgba=bytes(colour) * side * side, seed=0)


def guard_that_says(score: float, monkeypatch: pytest.MonkeyPatch, folder: Path) -> PictureGuard:
    monkeypatch.setattr(pictures, "verified_path", lambda _name, _models: folder)
    monkeypatch.setattr(pictures, "_session", lambda _path: lambda _values: score)
    return PictureGuard(folder)


@pytest.mark.parametrize(
    ("score", "action"), [(0.0, "allow"), (0.49, "allow"), (0.5, "block"), (1.0, "block"), (float("nan"), "block")]
)
def test_from_one_half_on_it_blocks_and_no_number_blocks_too(
    score: float, action: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    decision = guard_that_says(score, monkeypatch, tmp_path).check(plain())
    assert decision.action == action and decision.ring == "output" and decision.id == "pictures"
    assert 0 <= decision.score <= 1 and decision.body()["threshold"] == 0.5


def test_without_its_weights_or_with_others_nothing_passes(tmp_path: Path) -> None:
    gone = PictureGuard(tmp_path).check(plain())
    assert gone.action == "block" and "could not decide" in gone.detail and f"models fetch {WEIGHTS}" in gone.detail
    path = tmp_path / WEIGHTS / "open-nsfw.onnx"
    path.parent.mkdir()
    path.write_bytes(b"0" * 23590724)
    assert "SHA-256 differs" in PictureGuard(tmp_path).check(plain()).detail


def test_an_error_inside_it_blocks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    guard = guard_that_says(0.0, monkeypatch, tmp_path)
    torn = Picture(width=9, height=9, rgba=b"", seed=0)
    assert guard.check(torn).action == "block"


def test_a_picture_is_seen_on_white_blue_first_and_less_the_mean() -> None:
    values = prepared(plain((255, 0, 0, 255)))
    assert values.shape == (1, 224, 224, 3) and values.dtype == np.float32
    np.testing.assert_allclose(values[0, 100, 100], [0 - 104, 0 - 117, 255 - 123], atol=3)
    clear = prepared(plain((0, 0, 0, 0)))
    np.testing.assert_allclose(clear[0, 0, 0], [255 - 104, 255 - 117, 255 - 123], atol=3)


def test_a_picture_is_seen_without_its_rim_and_as_jpeg_leaves_it() -> None:
    framed = Image.new("RGBA", (256, 256), (255, 0, 0, 255))
    framed.paste((0, 255, 0, 255), (16, 16, 240, 240))
    values = prepared(Picture(width=256, height=256, rgba=framed.tobytes(), seed=0))
    np.testing.assert_allclose(values[0, :, :, 2], 0 - 123, atol=8)
    striped = np.zeros((256, 256, 4), dtype=np.uint8)
    striped[:, ::2], striped[:, 1::2] = (255, 0, 0, 255), (0, 0, 255, 255)
    reds = prepared(Picture(width=256, height=256, rgba=striped.tobytes(), seed=0))[0, :, :, 2]
    assert np.abs(np.diff(reds, axis=1)).mean() < 150, "JPEG keeps colours at half the size"


def test_what_is_blocked_is_neither_stored_nor_shown_and_the_record_says_why(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def deliver(data: bytes, *, record: str, sources: Sequence[bytes] = (), side: int = 512) -> Leaving:
        raise AssertionError("it was marked and signed")

    squares = Squares(BackendContext(models_dir="", runtime_dir=""))
    finisher = Finisher(deliver, guard=guard_that_says(0.9, monkeypatch, tmp_path))
    folder, run = tmp_path / "pictures", new_run_id()
    drawer = Drawer(ledger=ledger, guards=Guards(), family=lambda _name: squares, folder=folder, finisher=finisher)
    drawn = drawer.draw(ImageRequest(prompt="square", count=2), run=run)
    assert drawn.files == () and drawn.refused.startswith("A guard kept what was drawn.") and not folder.exists()
    events = record(ledger, run).events
    said = [event.body for event in events if event.kind == "guard" and event.body["id"] == "pictures"]
    assert [body["action"] for body in said] == ["block", "block"]
    assert events[-1].body["refused"] is True and events[-1].body["pictures"] == []


def test_the_chat_says_that_a_guard_kept_the_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    house = House(tmp_path)
    house.drawer._finisher = Finisher(guard=guard_that_says(0.9, monkeypatch, tmp_path))
    answer = house.ask("draw a square")
    assert answer.artifacts == [] and "A guard kept what was drawn" in f"{answer.text} {answer.reason}"


def test_icons_of_the_small_families_are_not_judged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    finisher = Finisher(guard=guard_that_says(0.9, monkeypatch, tmp_path))
    assert finisher.judged([plain()], "diffusion") == []
    assert [decision.action for decision in finisher.judged([plain()], "diffusers")] == ["block"]
    assert [decision.action for decision in finisher.judged([plain()], "somebody-elses")] == ["block"]


class Sketching(Squares):
    """A family that shows what it is at."""

    def draw(
        self,
        request: ImageRequest,
        options: BaseModel | None = None,
        *,
        progress: Callable[[ImageProgress], None] | None = None,
    ) -> list[Picture]:
        if progress is not None:
            progress(ImageProgress(step=1, steps=2, previews=(plain(),)))
        return super().draw(request, options)


@pytest.mark.parametrize("judged", [True, False])
def test_what_is_yet_to_be_judged_is_not_shown_while_it_is_drawn(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, judged: bool
) -> None:
    family = Sketching(BackendContext(models_dir="", runtime_dir=""))
    finisher = Finisher(guard=guard_that_says(0.0, monkeypatch, tmp_path) if judged else None)
    drawer = Drawer(ledger=ledger, guards=Guards(), family=lambda _name: family, folder=tmp_path, finisher=finisher)
    seen: list[ImageProgress] = []
    drawer.draw(ImageRequest(prompt="square"), run=new_run_id(), progress=seen.append)
    assert [(one.step, one.steps, len(one.previews)) for one in seen] == [(1, 2, 0 if judged else 1)]


@pytest.mark.model
def test_the_real_weights_find_nothing_in_a_plain_picture(models_dir: Path) -> None:
    if not present(WEIGHTS, models_dir):
        pytest.skip(f"wherefrom models fetch {WEIGHTS}")
    decision = PictureGuard(models_dir).check(plain((90, 150, 90, 255), 96))
    assert decision.action == "allow" and decision.score < 0.2
