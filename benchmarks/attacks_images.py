"""What happens to pictures on their way through the world. Each attack: RGB pixels in, RGB pixels out, no randomness.

`FAMILIES` says which attacks are of one kind: a pair is made of two kinds.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["ATTACKS", "FAMILIES"]

Pixels = NDArray[np.uint8]
Attack = Callable[[Pixels], Pixels]


def _stored(kind: str, quality: int) -> Attack:
    def attack(pixels: Pixels) -> Pixels:
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, kind, quality=quality)
        with Image.open(io.BytesIO(out.getvalue())) as image:
            return np.asarray(image.convert("RGB"))

    return attack


def _resized(factor: float) -> Attack:
    def attack(pixels: Pixels) -> Pixels:
        height, width = pixels.shape[:2]
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))

    return attack


def _cropped(part: float, right: float, down: float) -> Attack:
    """Keep `part` of each side; `right` and `down` say where, 0 to 1."""

    def attack(pixels: Pixels) -> Pixels:
        height, width = pixels.shape[:2]
        high, wide = round(height * part), round(width * part)
        top, left = int((height - high) * down), int((width - wide) * right)
        return np.ascontiguousarray(pixels[top : top + high, left : left + wide])

    return attack


def _turned(degrees: float, *, expand: bool = False, fill: int = 0) -> Attack:
    def attack(pixels: Pixels) -> Pixels:
        image = Image.fromarray(pixels)
        turned = image.rotate(degrees, Image.Resampling.BICUBIC, expand=expand, fillcolor=(fill, fill, fill))
        return np.asarray(turned)

    return attack


def _toned(contrast: float, brightness: float) -> Attack:
    def attack(pixels: Pixels) -> Pixels:
        return np.clip(np.rint((pixels.astype(np.float32) - 128) * contrast + 128 + brightness), 0, 255).astype(
            np.uint8
        )

    return attack


def _noisy(deviation: float) -> Attack:
    def attack(pixels: Pixels) -> Pixels:
        noise = np.random.default_rng(5).normal(0, deviation, pixels.shape)
        return np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)

    return attack


def _screenshot(factor: float, margin: float, quality: int) -> Attack:
    """Shown at another size in a window with a title bar, on a screen of another gamma, and stored as JPEG."""

    def attack(pixels: Pixels) -> Pixels:
        shown = _resized(factor)(pixels)
        height, width = shown.shape[:2]
        edge = int(margin * width)
        screen = np.full((height + 2 * edge + 24, width + 2 * edge, 3), (240, 240, 243), np.uint8)
        screen[:24] = (60, 60, 66)
        screen[edge + 24 : edge + 24 + height, edge : edge + width] = shown
        toned = np.clip(255 * (screen / 255.0) ** 1.08 + 2, 0, 255).astype(np.uint8)
        return _stored("JPEG", quality)(toned)

    return attack


ATTACKS: dict[str, Attack] = {
    "jpeg 95": _stored("JPEG", 95),
    "jpeg 75": _stored("JPEG", 75),
    "jpeg 50": _stored("JPEG", 50),
    "jpeg 40": _stored("JPEG", 40),
    "resize 0.5": _resized(0.5),
    "resize 0.75": _resized(0.75),
    "resize 1.4": _resized(1.4),
    "resize 2": _resized(2.0),
    "crop 90 %": _cropped(0.9, 0.2, 0.7),
    "crop 75 %, middle": _cropped(0.75, 0.5, 0.5),
    "crop 75 %, corner": _cropped(0.75, 0.0, 1.0),
    "turn 1": _turned(1),
    "turn -4, wider": _turned(-4, expand=True, fill=255),
    "turn 7": _turned(7),
    "turn 10": _turned(10),
    "turn -10, wider": _turned(-10, expand=True),
    "screenshot 0.9": _screenshot(0.9, 0.06, 80),
    "screenshot 1.25": _screenshot(1.25, 0.03, 70),
    "brighter": _toned(1.0, 30),
    "darker": _toned(1.0, -30),
    "more contrast": _toned(1.3, 0),
    "less contrast": _toned(0.7, 0),
    "noise 3": _noisy(3),
    "noise 6": _noisy(6),
    "webp 80": _stored("WEBP", 80),
    "webp 60": _stored("WEBP", 60),
}

_WORDS = {"jpeg": "jpeg", "resize": "resize", "crop": "crop", "turn": "turn", "screenshot": "screenshot"}
_WORDS |= {"brighter": "tone", "darker": "tone", "more": "tone", "less": "tone", "noise": "noise", "webp": "webp"}
FAMILIES: dict[str, str] = {name: _WORDS[name.split(" ")[0]] for name in ATTACKS}
