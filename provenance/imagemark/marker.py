"""The mark for pictures as the rest of the house knows them: put in by `mark_picture`, found by `ImageMarkReader`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from provenance.errors import CredentialError, UsageError
from provenance.imagemark.keys import ImageMarkKey
from provenance.imagemark.picture import pixels_of, split_alpha, to_eight_bits

if TYPE_CHECKING:
    from provenance.verify import MarkFound, NoMark

__all__ = ["ALGORITHM", "LEAST_SIDE", "ImageMarkReader", "enlarged", "mark_picture"]

ALGORITHM = "org.wherefrom.image-mark.1"  # as a soft binding of Content Credentials names it
LEAST_SIDE = 512  # pixels: what a small picture is enlarged to before it is marked
_NEARLY = 0.6
_LEAST_TO_MARK = 128  # pixels on the shorter side; below, cutting and JPEG leave too little


def enlarged(image: Image.Image, side: int = LEAST_SIDE) -> Image.Image:
    """A small picture at a whole multiple of its size, its shorter side at least `side`.

    One that nearly has that size stays as it is: the mark does not need it twice as large.
    """
    if min(image.size) >= side * _NEARLY:
        return image
    factor = -(-side // max(1, min(image.size)))
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.LANCZOS)


def mark_picture(image: Image.Image, number: int, key: ImageMarkKey, *, level: float | None = None) -> Image.Image:
    """The picture with a number in it: L, RGB, LA or RGBA, of the same size. `level`: PSNR in dB, if not the usual.

    Raises:
        UsageError: If it is smaller than 128 pixels on one side, or animated.
    """
    if getattr(image, "is_animated", False):
        raise UsageError("An animated picture cannot be marked.", hint="Mark each of its pictures.")
    if min(image.size) < _LEAST_TO_MARK:
        raise UsageError(
            f"A picture of {image.width} x {image.height} pixels is too small to be marked.",
            hint=f"Enlarge it first; the mark needs {_LEAST_TO_MARK} pixels on each side.",
        )
    from provenance.imagemark.embed import embed  # OpenCV and SciPy load where pictures are worked on
    from provenance.imagemark.pattern import pattern_of

    eight = to_eight_bits(image)
    colours, alpha = split_alpha(eight)
    marked = embed(colours, number, pattern_of(key.secret), alpha=alpha, level=level)
    if eight.mode in ("LA", "RGBA"):
        opacity = np.asarray(eight)[..., -1:]
        marked = np.concatenate([marked if marked.ndim == 3 else marked[..., None], opacity], axis=2)
    return Image.fromarray(marked, eight.mode)


class ImageMarkReader:
    """Looks for the mark of any of this installation's keys. Fits the seam `provenance.verify.ImageMark`."""

    def __init__(self, keys: Callable[[], Sequence[ImageMarkKey]], record_of: Callable[[int], str | None]) -> None:
        """`keys`: those of now and before. `record_of`: the record of a number, None if none is known (any more)."""
        self._keys = keys
        self._record_of = record_of

    def detect(self, image: Image.Image) -> MarkFound | NoMark | None:
        """What the picture's mark says; None where there is none of ours that can be told from chance.

        `NoMark` says why nothing was looked for: keys that are damaged or readable by others.
        """
        from provenance.imagemark.read import find
        from provenance.verify import MarkFound, NoMark

        try:
            keys = self._keys()
        except CredentialError as exc:
            return NoMark(sentence=f"The image mark could not be looked for. {exc}")
        found = find(pixels_of(image), [key.secret for key in keys])
        if found is None:
            return None
        record = self._record_of(found.number)
        sentence = "It carries the invisible mark of this installation" + (
            f", with the number of record {record}." if record else ", but its record is not kept here any more."
        )
        return MarkFound(run=record, p_value=found.p_value, sentence=sentence)
