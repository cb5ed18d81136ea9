"""OCR by rapidocr (PP-OCR models that come inside the package): text in reading order with a box for every word.

Nothing is downloaded: the models are named by path. The engine is built once per process, on first use.
"""

from __future__ import annotations

import functools
import logging
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from retrieval.document import WordBox
from retrieval.parsing.cleaning import one_line
from retrieval.parsing.reading_order import TextLine, by_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Seen", "read_picture"]

_MODELS = {
    "Det.model_path": "PP-OCRv6_det_small.onnx",
    "Rec.model_path": "PP-OCRv6_rec_small.onnx",
}
_THREADS = 2
_DETECT_SIDE = 1280  # pixels: lines are found at this size, and read at the picture's own
_TALL = 2.5  # a picture taller than this many widths (a long screenshot) is read in strips
_SURE = 0.5  # lines that the engine is less sure of are left out
_DOUBTFUL = 0.75  # below this on average, the page may stand on its head
_LEAST_SIDE = 8  # pixels
_SKEW_SHOWN = math.radians(0.7)  # lines that lean less are level


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read in a picture."""

    text: str
    words: tuple[WordBox, ...]


@functools.cache
def _engine() -> Any:
    import rapidocr

    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    folder = Path(rapidocr.__file__).resolve().parent / "models"
    settings: dict[str, object] = {key: str(folder / name) for key, name in _MODELS.items()}
    settings |= {
        "Global.log_level": "error",
        "Global.use_cls": False,  # it turns single lines; whole pages are turned here, so that their order is right
        "Global.text_score": 0.0,
        "Det.limit_type": "max",
        "Det.limit_side_len": _DETECT_SIDE,
        "EngineConfig.onnxruntime.intra_op_num_threads": _THREADS,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }
    return rapidocr.RapidOCR(params=settings)


def read_picture(picture: Image.Image) -> Seen:
    """Read an RGB picture. A page that lies on its side is turned first; one that leans is read as it is.

    Returns:
        Text line by line, paragraphs parted by a blank line; word boxes as fractions of the picture, in text order.
    """
    if min(picture.size) < _LEAST_SIDE:
        return Seen("", ())
    found = _recognise(picture)
    turns: tuple[int, ...] = (90, 270) if _sideways(found.quads) else (180,) if 0 < found.score < _DOUBTFUL else ()
    angle = 0
    for turn in turns:
        turned = _recognise(picture.transpose(_TRANSPOSE[turn]))
        if turned.weight > found.weight or (angle == 0 and turn == 90):
            found, angle = turned, turn
    return _compose(found, turned=angle)


_TRANSPOSE = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}
_Quad = Any  # (4, 2) float array: corners as fractions, clockwise from the text's upper left


@dataclass(slots=True)
class _Found:
    """Lines as the engine gives them, those it is unsure of too."""

    quads: list[_Quad]
    texts: list[str]
    scores: list[float]

    @property
    def weight(self) -> float:
        """How much was read, and how surely."""
        return sum(score * len(text) for score, text in zip(self.scores, self.texts, strict=True) if score >= _SURE)

    @property
    def score(self) -> float:
        """How sure the engine is of a character, on average; 0 where there is none."""
        chars = sum(map(len, self.texts))
        total = sum(score * len(text) for score, text in zip(self.scores, self.texts, strict=True))
        return total / chars if chars else 0.0


def _recognise(picture: Image.Image) -> _Found:
    """Quads as fractions of the picture, and what they say."""
    found = _Found([], [], [])
    size = np.array(picture.size, dtype=float)
    pixels = np.asarray(picture.convert("RGB"))[:, :, ::-1]  # the engine wants BGR
    for top, bottom in _strips(pixels):
        result = _engine()(np.ascontiguousarray(pixels[top:bottom]))
        if result.boxes is None or result.txts is None:
            continue
        for box, text, score in zip(result.boxes, result.txts, result.scores, strict=True):
            if line := one_line(text):
                found.quads.append((np.asarray(box, dtype=float) + np.array([0.0, top])) / size)
                found.texts.append(line)
                found.scores.append(float(score))
    return found


def _strips(pixels: Any) -> list[tuple[int, int]]:
    """Rows (top, bottom) to be read at once: all, or for a very tall picture strips cut where no ink is."""
    height, width = pixels.shape[:2]
    if height <= _TALL * width or width < _LEAST_SIDE:
        return [(0, height)]
    step, slack = int(1.5 * width), max(4, width // 4)
    cuts = [0]
    while height - cuts[-1] > step + slack:
        low = cuts[-1] + step - slack
        ink = pixels[low : low + 2 * slack].astype(np.float32).std(axis=(1, 2))
        cuts.append(low + int(ink.argmin()))
    return list(pairwise([*cuts, height]))


def _sideways(quads: Sequence[_Quad]) -> bool:
    """Most lines are much taller than wide."""
    tall = sum(np.ptp(quad[:, 1]) > 2.0 * np.ptp(quad[:, 0]) for quad in quads)
    return len(quads) >= 3 and bool(tall > 0.6 * len(quads))


def _turned_back(quad: _Quad, angle: int) -> _Quad:
    """Corners in the picture as it was, from those in the picture turned counter-clockwise by `angle`."""
    x, y = quad[:, 0], quad[:, 1]
    match angle:
        case 90:
            return np.stack([1 - y, x], axis=1)
        case 180:
            return 1 - quad
        case 270:
            return np.stack([y, 1 - x], axis=1)
        case _:
            return quad


def _compose(found: _Found, *, turned: int) -> Seen:
    """Lines in reading order of the upright picture; boxes on the picture as it is."""
    sure = [position for position, score in enumerate(found.scores) if score >= _SURE]
    quads = [found.quads[position] for position in sure]
    if not quads:
        return Seen("", ())
    angle = _skew(quads)
    lines = [
        _line(number, quad, found.texts[position], angle)
        for number, (quad, position) in enumerate(zip(quads, sure, strict=True))
    ]
    parts: list[str] = []
    words: list[WordBox] = []
    length = 0
    previous: TextLine | None = None
    for line in by_columns(lines, prose_only=True):
        separator = "" if previous is None else _separator(previous, line)
        parts += [separator, line.text]
        length += len(separator)
        words += _words(_turned_back(quads[line.start], turned), line.text, length)
        length += len(line.text)
        previous = line
    return Seen("".join(parts), tuple(words))


def _skew(quads: Sequence[_Quad]) -> float:
    """The angle at which most long lines lean, in radians; 0 where they are level."""
    edges = [quad[1] - quad[0] for quad in quads]
    long = [edge for edge in edges if abs(edge[0]) > 0.1] or edges
    angle = median(math.atan2(edge[1], edge[0]) for edge in long)
    return angle if _SKEW_SHOWN < abs(angle) < math.radians(45) else 0.0


def _line(index: int, quad: _Quad, text: str, angle: float) -> TextLine:
    """The line's box after turning the page level; y upwards."""
    cos, sin = math.cos(-angle), math.sin(-angle)
    xs = quad[:, 0] * cos - quad[:, 1] * sin
    ys = -(quad[:, 0] * sin + quad[:, 1] * cos)
    return TextLine(
        index, index + 1, text, float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()), float(np.ptp(ys))
    )


def _separator(before: TextLine, after: TextLine) -> str:
    overlap = min(before.y1, after.y1) - max(before.y0, after.y0)
    if overlap > 0.5 * min(before.size, after.size) and after.x0 > before.x0:
        return " "
    gap = before.y0 - after.y1
    return "\n\n" if gap > 0.9 * max(before.size, after.size) else "\n"


def _words(quad: _Quad, text: str, offset: int) -> list[WordBox]:
    """Boxes of a line's words: its corners parted in the ratio of the characters."""
    boxes = []
    position = 0
    for word in text.split(" "):
        if word:
            left, right = position / len(text), (position + len(word)) / len(text)
            top, bottom = quad[1] - quad[0], quad[2] - quad[3]
            corners = np.stack(
                [quad[0] + left * top, quad[0] + right * top, quad[3] + right * bottom, quad[3] + left * bottom]
            ).clip(0.0, 1.0)
            (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
            boxes.append(
                WordBox(
                    start=offset + position,
                    end=offset + position + len(word),
                    x0=float(x0),
                    y0=float(y0),
                    x1=float(x1),
                    y1=float(y1),
                )
            )
        position += len(word) + 1
    return boxes
