"""Pictures of every kind as 8-bit grey or colour, with what is transparent apart; damaged ones give a clear error."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from provenance.credentials.media import inspect_picture
from provenance.errors import DocumentError

__all__ = ["MOST_SEEN", "PictureError", "open_picture", "pixels_of", "small_view", "split_alpha", "to_eight_bits"]

MOST_SEEN = 4_000_000  # pixels a reader needs: larger pictures are made smaller first
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError)

Pixels = NDArray[np.uint8]


class PictureError(DocumentError):
    """A picture cannot be decoded, or is of a kind that carries no mark."""


@contextmanager
def open_picture(data: bytes) -> Iterator[Image.Image]:
    """The picture, its header checked, its pixels not decoded yet.

    Raises:
        PictureError: If it is damaged, cut off or too large; also when that shows only while it is used.
    """
    header = inspect_picture(data)
    if header.problem:
        raise PictureError(header.problem)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # `inspect_picture` has a limit of its own
            with Image.open(io.BytesIO(data)) as image:
                yield image
    except PictureError:
        raise
    except _BROKEN as exc:
        raise PictureError("The picture is damaged or cut off.") from exc


def small_view(image: Image.Image) -> Image.Image:
    """The picture as it looks on white paper, RGB, at most four megapixels and in little memory.

    Raises:
        OSError, ValueError, SyntaxError: What Pillow raises for a damaged picture.
    """
    width, height = image.size
    factor = int((width * height / MOST_SEEN) ** 0.5)
    if factor > 1:
        image.draft("RGB", (width // factor, height // factor))  # a JPEG need not be decoded in full
        left = int((image.size[0] * image.size[1] / MOST_SEEN) ** 0.5)
        if left > 1 and image.mode not in ("P", "PA", "1"):  # an average of palette numbers means nothing
            image = image.reduce(left)
        elif left > 1:
            image = image.resize((image.size[0] // left, image.size[1] // left), Image.Resampling.NEAREST)
    pixels, alpha = split_alpha(to_eight_bits(image))
    if alpha is not None:
        share = (alpha / 255.0)[..., None] if pixels.ndim == 3 else alpha / 255.0
        pixels = np.rint(pixels * share + 255 * (1 - share)).astype(np.uint8)
    return Image.fromarray(pixels).convert("RGB")


def to_eight_bits(image: Image.Image) -> Image.Image:
    """L, RGB, LA or RGBA, whatever it was (palette, CMYK, 16 bits, floats ...)."""
    if image.mode in ("L", "RGB", "LA", "RGBA"):
        return image
    if image.mode.startswith("I") or image.mode == "F":  # a plain conversion would cut off, not scale
        deep = np.asarray(image, dtype=np.float64)
        top = float(deep.max()) if deep.size else 0.0
        scale = 257.0 if top > 255 else 1.0 / 255 if 0 < top <= 1 and image.mode == "F" else 1.0
        return Image.fromarray(np.clip(np.rint(deep / scale), 0, 255).astype(np.uint8))
    if image.mode in ("P", "PA") or "transparency" in image.info:
        return image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    return image.convert("L" if image.mode == "1" else "RGBA" if image.mode in ("RGBa", "La") else "RGB")


def split_alpha(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    """Colours (height, width[, 3]) and opacity (height, width); None where all is opaque."""
    pixels = np.asarray(image)
    if image.mode not in ("LA", "RGBA"):
        return pixels, None
    alpha = np.ascontiguousarray(pixels[..., -1])
    colours = pixels[..., 0] if image.mode == "LA" else pixels[..., :3]
    return np.ascontiguousarray(colours), None if alpha.min() == 255 else alpha


def pixels_of(image: Image.Image) -> Pixels:
    """Colours as they look on white paper."""
    return np.asarray(small_view(image))
