"""What a person looks at while a model trains: a sheet of samples and a curve of the loss, as PNG files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

__all__ = ["curve", "sheet"]

_GAP = 4


def sheet(path: Path, pictures: NDArray[np.uint8], columns: int, labels: list[str] | None = None) -> None:
    """Pictures (n, side, side, 4) in rows of `columns` on white; `labels` name the rows."""
    left = 110 if labels else 0
    rows = -(-len(pictures) // columns)
    side = pictures.shape[1]
    step = side + _GAP
    canvas = Image.new("RGB", (left + columns * step + _GAP, rows * step + _GAP), "white")
    draw = ImageDraw.Draw(canvas)
    for n, picture in enumerate(pictures):
        image = Image.fromarray(picture)
        canvas.paste(image, (left + _GAP + n % columns * step, _GAP + n // columns * step), image)
    for row, label in enumerate(labels or []):
        draw.text((4, _GAP + row * step + side // 2 - 6), label[:18], fill="black")
    _save(canvas, path)


def curve(path: Path, log: Path) -> None:
    """Training loss (blue) and validation loss (orange) over steps, from `log.jsonl`."""
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.is_file() else []
    canvas = Image.new("RGB", (640, 320), "white")
    draw = ImageDraw.Draw(canvas)
    values = [row[name] for row in rows for name in ("loss", "validation") if row[name] is not None]
    if len(rows) > 1:
        low, high = min(values), max(values)
        for name, colour in (("loss", "#2178e5"), ("validation", "#f4900c")):
            points = [
                (50 + 570 * row["step"] / rows[-1]["step"], 290 - 260 * (row[name] - low) / max(high - low, 1e-9))
                for row in rows
                if row[name] is not None
            ]
            draw.line(points, fill=colour, width=2)
        draw.text((4, 24), f"{high:.3g}", fill="black")
        draw.text((4, 284), f"{low:.3g}", fill="black")
        draw.text((540, 300), f"{rows[-1]['step']:,} steps", fill="black")
    _save(canvas, path)


def _save(canvas: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.save(path, optimize=True)
