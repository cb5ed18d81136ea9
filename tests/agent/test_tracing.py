"""Outlines keep what a picture shows: its parts, its colours up to the corners, and nothing where it is clear."""

from __future__ import annotations

import re

import pytest
from PIL import Image, ImageDraw, ImageFilter

from agent.finishing import png
from agent.tracing import own_pixels, traced
from backends.base import Picture
from provenance.errors import GenerationError

ORANGE, WHITE, DARK = (240, 140, 20), (250, 250, 250), (40, 25, 20)


def picture(image: Image.Image) -> Picture:
    return Picture(width=image.width, height=image.height, rgba=image.convert("RGBA").tobytes(), seed=0)


def fills(svg: bytes) -> list[tuple[int, ...]]:
    return [tuple(bytes.fromhex(found)) for found in re.findall(r'fill="#([0-9A-Fa-f]{6})"', svg.decode())]


def near(one: tuple[int, ...], other: tuple[int, ...], off: int = 45) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= off


def test_parts_that_a_soft_edge_joins_stay_parts() -> None:
    """A muzzle and a nose on a face, blurred as a young generator draws them."""
    face = Image.new("RGB", (256, 256), ORANGE)
    pen = ImageDraw.Draw(face)
    pen.ellipse((60, 120, 196, 230), fill=WHITE)
    pen.ellipse((105, 140, 150, 185), fill=DARK)
    found = fills(traced(picture(face.filter(ImageFilter.GaussianBlur(5)))))
    for colour in (ORANGE, WHITE, DARK):
        assert any(near(fill, colour) for fill in found), f"{colour} is lost: {found}"
    assert len(set(found)) <= 8


def test_a_thin_line_has_the_colour_of_its_shape() -> None:
    """Levelling looks at what lies around, and around a thin line most is clear."""
    balloon = Image.new("RGBA", (256, 256))
    pen = ImageDraw.Draw(balloon)
    pen.ellipse((60, 20, 190, 150), fill=ORANGE)
    pen.line((128, 150, 128, 240), fill=ORANGE, width=2)
    found = fills(traced(picture(balloon)))
    assert found and all(near(fill, ORANGE, 8) for fill in found), found


def test_a_clear_picture_has_no_outlines() -> None:
    assert fills(traced(Picture(width=8, height=8, rgba=bytes(256), seed=0))) == []


def test_own_pixels_are_those_that_were_drawn_and_a_broken_file_is_said() -> None:
    drawn = Image.new("RGBA", (64, 64), (*ORANGE, 255))
    drawn.paste((*DARK, 255), (0, 0, 32, 64))
    delivered = drawn.resize((512, 512), Image.Resampling.NEAREST)
    assert own_pixels(png(picture(delivered))).rgba == drawn.tobytes()
    with pytest.raises(GenerationError, match="cannot be read"):
        own_pixels(b"no picture")
