"""A drawn picture as an SVG file: outlines in place of pixels, sharp at every size.

The picture that was delivered is brought back to its own pixels first: that leaves out its watermark, whose noise would
become specks. From there the house's network enlarges it again, where it is there, so that an outline follows the sharp
edge and not the steps of small pixels. What is traced from a blurred picture stays a blurred one's outline.
"""

from __future__ import annotations

import io

from PIL import Image, ImageFilter, UnidentifiedImageError

from backends.base import Picture
from provenance.errors import GenerationError

__all__ = ["own_pixels", "traced"]

_OWN, _LARGE = 64, 512  # pixels a side: as the families draw, and as it is traced
_COLOURS, _SMOOTHED = 8, 9  # colours of an SVG; pixels a side within which a colour is levelled before


def own_pixels(png: bytes) -> Picture:
    """A delivered picture at the size that the families draw: nearly the pixels that it was made of.

    Raises:
        GenerationError: If it cannot be read.
    """
    try:
        with Image.open(io.BytesIO(png)) as image:
            whole = image.convert("RGBA")
    except (OSError, UnidentifiedImageError) as exc:
        raise GenerationError("The stored picture cannot be read.") from exc
    small = whole.convert("RGBa").resize((_OWN, _OWN), Image.Resampling.BOX).convert("RGBA")
    return Picture(width=_OWN, height=_OWN, rgba=small.tobytes(), seed=0)


def traced(picture: Picture) -> bytes:
    """SVG of a picture of any size, in a few flat colours; a smaller one is enlarged by a filter first."""
    import vtracer

    drawn = Image.frombytes("RGBA", (picture.width, picture.height), picture.rgba)
    out = io.BytesIO()
    _flat(drawn.convert("RGBa").resize((_LARGE, _LARGE), Image.Resampling.BICUBIC)).save(out, "PNG", compress_level=1)
    text: str = vtracer.convert_raw_image_to_svg(
        out.getvalue(),
        img_format="png",
        colormode="color",
        hierarchical="stacked",
        mode="spline",
        filter_speckle=16,
        color_precision=8,  # all bits, no merging: the colours are few and flat already
        layer_difference=0,
        path_precision=1,
    )
    return text.encode("utf-8")


def _flat(image: Image.Image) -> Image.Image:
    """A picture with premultiplied alpha in few colours with hard edges.

    The tracer would join a nose and a face to one shape wherever a soft edge leads from one colour to the other in
    small steps. Here every place gets the nearest of the picture's own main colours; only painted places choose these.
    """
    import numpy as np

    solid = np.asarray(image.getchannel("a")) > 127  # a shape has an edge, not a fringe
    flat = np.zeros((*solid.shape, 4), dtype=np.uint8)
    if solid.any():
        # Clear places have no colour: they take that of the shape beside them, or levelling would darken its corners.
        around = image.filter(ImageFilter.GaussianBlur(_SMOOTHED)).convert("RGBA").convert("RGB")
        around.paste(image.convert("RGBA").convert("RGB"), mask=Image.fromarray(solid))
        levelled = np.asarray(around.filter(ImageFilter.MedianFilter(_SMOOTHED)))
        painted = Image.fromarray(np.ascontiguousarray(levelled[solid][None]))
        few = painted.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=2, dither=Image.Dither.NONE)
        flat[solid, :3], flat[solid, 3] = np.asarray(few.convert("RGB"))[0], 255
    return Image.fromarray(flat)
