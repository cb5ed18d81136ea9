"""The weights that come with the project: what the index promises, what the cards say, and what they draw."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from backends.base import BackendContext, ImageRequest, Picture
from backends.digest import file_digest
from backends.image import shipped
from backends.registry import load_image
from backends.training.data.render import dominant_colour
from backends.training.recipes import FAMILIES

ROOT = Path(__file__).resolve().parents[2]
MOST_BYTES = 35_000_000
INDEX = json.loads((shipped.WEIGHTS / "index.json").read_text(encoding="utf-8"))


def pixels(picture: Picture) -> np.ndarray:
    return np.frombuffer(picture.rgba, np.uint8).reshape(picture.height, picture.width, 4)


def test_every_family_and_the_upscaler_ship_small_weights_under_their_digest() -> None:
    assert set(INDEX) == {f"{name}.safetensors" for name in (*FAMILIES, "upscaler")}
    files = [shipped.WEIGHTS / name for name in INDEX]
    assert all(file_digest(path, full=True) == INDEX[path.name] for path in files)
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_a_card_for_exactly_these_weights(family: str) -> None:
    card = (ROOT / "docs" / "models" / f"{family}.md").read_text(encoding="utf-8")
    meta = shipped.header(shipped.WEIGHTS / f"{family}.safetensors")
    assert INDEX[f"{family}.safetensors"] in card and "preview" in card
    assert f"{meta['steps']:,} steps of {meta['batch']}" in card and str(meta["styles"][0]) in card


def test_the_upscaler_is_small_and_has_its_card() -> None:
    path = shipped.WEIGHTS / "upscaler.safetensors"
    card = (ROOT / "docs" / "models" / "upscaler.md").read_text(encoding="utf-8")
    meta = shipped.header(path)
    assert path.stat().st_size < 1_000_000 and INDEX[path.name] in card
    assert f"{meta['steps']:,} steps of {meta['batch']}" in card


def test_the_art_that_was_learned_from_is_named() -> None:
    text = (shipped.WEIGHTS / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert all(word in text for word in ("Noto Emoji", "Apache License", "Fluent Emoji", "Microsoft", "MIT"))


@pytest.mark.model
@pytest.mark.parametrize("family", FAMILIES)
def test_a_red_heart_is_red_and_always_the_same(family: str, models_dir: Path) -> None:
    backend = load_image(family, BackendContext(models_dir=str(models_dir), runtime_dir=""))
    assert backend.available() == "" and backend.styles() == ["noto", "fluent flat"]
    request = ImageRequest(prompt="a red heart", style="fluent flat", seed=7)
    [one], [again] = backend.draw(request), backend.draw(request)
    assert one.rgba == again.rgba
    drawn = pixels(one)
    assert dominant_colour(drawn) == "red" and 0.2 < float((drawn[..., 3] > 128).mean()) < 0.95
    [blue] = backend.draw(ImageRequest(prompt="a blue book", style="fluent flat", seed=7))
    assert dominant_colour(pixels(blue)) == "blue"
