"""Pictures (PNG, JPEG, TIFF with several pages, WebP, BMP, GIF): read by OCR."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from provenance.errors import DocumentError
from retrieval.document import Page
from retrieval.parsing.cleaning import one_line
from retrieval.parsing.source import Source

__all__ = ["flat", "open_picture", "parse"]

_MAX_PIXELS = 100_000_000
_MAX_SIDE = 4000  # read at most at this size
_MAX_FRAMES = 500


def parse(source: Source) -> Iterator[Page]:
    """A page a picture in the file. An animation's frames are one page: its first."""
    if not source.options.ocr:
        raise DocumentError(
            "The file is a picture and OCR is off.", hint="Turn OCR on (WHEREFROM_OCR=true) and add the file again."
        )
    from retrieval.parsing.ocr import read_picture

    with open_picture(source) as picture:
        frames = min(getattr(picture, "n_frames", 1), _MAX_FRAMES) if source.kind == "tiff" else 1
        source.page_count = frames
        for number, frame in enumerate(ImageSequence.Iterator(picture), start=1):
            if number > frames:
                return
            seen = read_picture(flat(frame))
            label = f"page {number}" if frames > 1 else ""
            yield Page(number=number, text=seen.text, label=label, source="ocr", words=seen.words)


@contextmanager
def open_picture(source: Source) -> Iterator[Image.Image]:
    """A picture, not yet decoded.

    Raises:
        DocumentError: Damaged, or so large that it would fill memory.
    """
    stream = source.open()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(stream) as picture:
                if picture.width * picture.height > _MAX_PIXELS:
                    raise DocumentError(
                        f"The picture has {picture.width * picture.height / 1e6:,.0f} megapixels, too many to read.",
                        hint="Make it smaller.",
                    )
                yield picture
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as exc:
        raise DocumentError(f"The picture is damaged: {one_line(str(exc))[:150]}.", hint="Save it again.") from exc
    finally:
        stream.close()


def flat(picture: Image.Image) -> Image.Image:
    """Upright RGB on white, no larger than 4000 pixels a side."""
    turned = ImageOps.exif_transpose(picture)
    if turned.mode in {"I;16", "I;16B", "I;16L", "I", "F"}:
        turned = _eight_bits(turned)
    if turned.mode in {"RGBA", "LA", "PA"} or "transparency" in turned.info:
        layer = turned.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        turned = Image.alpha_composite(white, layer)
    turned = turned.convert("RGB")
    turned.thumbnail((_MAX_SIDE, _MAX_SIDE))
    return turned


def _eight_bits(picture: Image.Image) -> Image.Image:
    """A picture of more than eight bits, its darkest value black and its lightest white."""
    low, high = picture.convert("F").getextrema()
    span = max(float(high) - float(low), 1.0)  # type: ignore[arg-type]
    return picture.convert("F").point(lambda value: (value - low) * (255.0 / span)).convert("L")
