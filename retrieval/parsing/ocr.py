"""OCR by rapidocr (PP-OCR models that come inside the package): text in reading order with a box for every word.

Nothing is downloaded: the models are named by path. The engine is built once per process, on first use.
"""

from __future__ import annotations

import functools
import logging
import math
from dataclasses import dataclass
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
    "Cls.model_path": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
}
_THREADS = 2
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
    quads, texts = _recognise(picture)
    if _sideways(quads):
        turned = [(angle, *_recognise(picture.transpose(turn))) for angle, turn in _TURNS]
        angle, quads, texts = max(turned, key=lambda one: sum(map(len, one[2])))
        quads = [_turned_back(quad, angle) for quad in quads]
        return _compose(quads, texts, turned=angle)
    return _compose(quads, texts, turned=0)


_TURNS = ((90, Image.Transpose.ROTATE_90), (270, Image.Transpose.ROTATE_270))
_Quad = Any  # (4, 2) float array: corners as fractions, clockwise from the text's upper left


def _recognise(picture: Image.Image) -> tuple[list[_Quad], list[str]]:
    pixels = np.asarray(picture.convert("RGB"))[:, :, ::-1]  # the engine wants BGR
    result = _engine()(np.ascontiguousarray(pixels))
    if result.boxes is None or result.txts is None:
        return [], []
    size = np.array(picture.size, dtype=float)
    pairs = [
        (np.asarray(box, dtype=float) / size, one_line(text))
        for box, text in zip(result.boxes, result.txts, strict=True)
    ]
    kept = [(quad, text) for quad, text in pairs if text]
    return [quad for quad, _ in kept], [text for _, text in kept]


def _sideways(quads: Sequence[_Quad]) -> bool:
    """Most lines are much taller than wide."""
    tall = sum(np.ptp(quad[:, 1]) > 2.0 * np.ptp(quad[:, 0]) for quad in quads)
    return len(quads) >= 3 and bool(tall > 0.6 * len(quads))


def _turned_back(quad: _Quad, angle: int) -> _Quad:
    """Corners in the picture as it was, from those in the picture turned counter-clockwise by `angle`."""
    x, y = quad[:, 0], quad[:, 1]
    return np.stack([1 - y, x] if angle == 90 else [y, 1 - x], axis=1)


def _compose(quads: list[_Quad], texts: list[str], *, turned: int) -> Seen:
    """Lines in order; order is found on the picture turned upright and level, boxes stay where they are."""
    if not quads:
        return Seen("", ())
    upright = [_upright(quad, turned) for quad in quads]
    angle = _skew(upright)
    lines = [_line(index, quad, text, angle) for index, (quad, text) in enumerate(zip(upright, texts, strict=True))]
    parts: list[str] = []
    words: list[WordBox] = []
    length = 0
    previous: TextLine | None = None
    for line in by_columns(lines, prose_only=True):
        separator = "" if previous is None else _separator(previous, line)
        parts += [separator, line.text]
        length += len(separator)
        words += _words(quads[line.start], line.text, length)
        length += len(line.text)
        previous = line
    return Seen("".join(parts), tuple(words))


def _upright(quad: _Quad, turned: int) -> _Quad:
    if turned == 0:
        return quad
    x, y = quad[:, 0], quad[:, 1]
    return np.stack([y, 1 - x] if turned == 90 else [1 - y, x], axis=1)


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
