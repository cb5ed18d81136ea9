"""One piece of art as 64 x 64 RGBA or larger, cut to what is painted, centred, with a margin of two pixels in 64."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["COLOURS", "SIZE", "dominant_colour", "fit", "on_white", "svg", "visible"]

SIZE = 64
_MARGIN = 2
_RASTER = 1.75  # rendered larger than needed: the painted box is cut out of it and scaled down

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (221, 46, 68),
    "orange": (244, 144, 12),
    "yellow": (253, 203, 88),
    "green": (76, 175, 80),
    "blue": (33, 120, 229),
    "purple": (146, 84, 200),
    "pink": (240, 110, 170),
    "brown": (150, 90, 60),
    "black": (30, 30, 34),
    "grey": (140, 148, 156),
    "teal": (0, 150, 150),
}


def svg(
    body: str,
    width: float,
    height: float,
    *,
    left: float = 0,
    top: float = 0,
    tint: str = "#333",
    size: int = SIZE,
) -> Image.Image:
    """Render an SVG body, large enough for `fit` with this `size`. `tint` is what `currentColor` becomes.

    Raises:
        ValueError: If resvg cannot read it.
    """
    import resvg_py

    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{left} {top} {width} {height}" width="{width}" height="{height}" color="{tint}">'
        f"{body.replace('currentColor', tint)}</svg>"
    )
    scale = _RASTER * size / max(width, height)
    # With the default of 0 every length in inches, millimetres or points is invalid.
    png = resvg_py.svg_to_bytes(
        svg_string=text,
        width=max(1, round(width * scale)),
        height=max(1, round(height * scale)),
        dpi=96.0,
        skip_system_fonts=True,
    )
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def fit(picture: Image.Image, size: int = SIZE) -> NDArray[np.uint8] | None:
    """Shape `(size, size, 4)`, straight alpha; None where nothing is painted."""
    rgba = picture.convert("RGBA")
    box = rgba.getchannel("A").point(lambda a: 255 if a > 8 else 0).getbbox()
    if box is None:
        return None
    rgba = rgba.crop(box)
    scale = (size - 2 * _MARGIN * size / SIZE) / max(rgba.size)
    width, height = max(1, round(rgba.width * scale)), max(1, round(rgba.height * scale))
    # Colours are averaged weighted by alpha: what lies under a transparent pixel must not bleed into an edge.
    small = rgba.convert("RGBa").resize((width, height), Image.Resampling.LANCZOS).convert("RGBA")
    canvas = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    canvas.paste(small, ((size - width) // 2, (size - height) // 2))
    return np.asarray(canvas, dtype=np.uint8).copy()


def on_white(rgba: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The picture laid on white, 0 to 1: shape `(..., 64, 64, 3)`."""
    values = rgba.astype(np.float32) / 255.0
    alpha = values[..., 3:]
    return np.asarray(values[..., :3] * alpha + (1.0 - alpha), dtype=np.float32)


def visible(rgba: NDArray[np.uint8]) -> bool:
    """Whether it can be made out on white: white-on-white art teaches a model to draw nothing."""
    return bool((1.0 - on_white(rgba)).mean() > 0.02)


def dominant_colour(rgba: NDArray[np.uint8]) -> str:
    """The colour word that most of a picture has, or "" where none covers 45 % of what is painted.

    Example:
        >>> dominant_colour(np.full((64, 64, 4), (220, 40, 60, 255), dtype=np.uint8))
        'red'
    """
    painted = rgba[rgba[..., 3] > 128][:, :3].astype(np.float32)
    if len(painted) < 40:
        return ""
    names = list(COLOURS)
    palette = np.array([COLOURS[name] for name in names], dtype=np.float32)
    # Near-white parts are paper, not colour.
    painted = painted[painted.min(axis=1) < 225]
    if len(painted) < 40:
        return "white"
    nearest = ((_opponent(painted)[:, None] - _opponent(palette)[None]) ** 2).sum(-1).argmin(1)
    counts = np.bincount(nearest, minlength=len(names))
    best = int(counts.argmax())
    return names[best] if counts[best] >= 0.45 * len(painted) else ""


def _opponent(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lightness counts a third of hue: a dark red is red."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    return np.stack([(red + green + blue) / 5.2, (red - green), (red + green) / 2 - blue], axis=-1)
