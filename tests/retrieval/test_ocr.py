"""OCR on pictures made here: order, word boxes, turned and tall pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from provenance.errors import DocumentError
from retrieval.parsing import ParseOptions, parse
from retrieval.parsing.ocr import read_picture
from tests.retrieval.documents import picture_of_text

LINES = ["The lantern was lit in 1871.", "It needs 4.2 litres of oil.", "Ask the keeper on duty."]


def bare(text: str) -> str:
    return "".join(text.split()).casefold()


def test_lines_are_read_in_order_and_words_have_boxes() -> None:
    seen = read_picture(picture_of_text(LINES))
    assert [bare(line) for line in seen.text.split("\n") if line] == [bare(line) for line in LINES]
    word = next(word for word in seen.words if seen.text[word.start : word.end] == "lantern")
    assert 0.05 < word.x0 < word.x1 < 0.4  # the second word of the first line, which starts at x 60 of 1000
    assert 0.08 < word.y0 < word.y1 < 0.2  # and at y 60 of 600
    assert all(" " not in seen.text[word.start : word.end] for word in seen.words)


@pytest.mark.parametrize(
    ("turn", "x", "y"),
    [
        (Image.Transpose.ROTATE_90, 0.14, 0.93),  # the first word, "The", stands at (0.08, 0.14) before the turn
        (Image.Transpose.ROTATE_180, 0.92, 0.86),
        (Image.Transpose.ROTATE_270, 0.86, 0.08),
    ],
)
def test_a_page_that_is_turned_is_read_in_order(turn: Image.Transpose, x: float, y: float) -> None:
    seen = read_picture(picture_of_text(LINES).transpose(turn))
    assert [bare(line) for line in seen.text.split("\n") if line] == [bare(line) for line in LINES]
    first = seen.words[0]
    assert abs((first.x0 + first.x1) / 2 - x) < 0.05
    assert abs((first.y0 + first.y1) / 2 - y) < 0.05


def test_a_long_screenshot_is_read_in_strips() -> None:
    lines = [f"Entry number {number}" for number in range(40)]
    seen = read_picture(picture_of_text(lines, size=(700, 2900)))
    assert [bare(line) for line in seen.text.split("\n") if line] == [bare(line) for line in lines]
    last = seen.words[-1]
    assert 0.9 < last.y0 < 1.0


def test_an_empty_picture_says_that_there_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "white.png"
    Image.new("RGB", (300, 200), "white").save(path)
    with pytest.raises(DocumentError, match="no readable text"):
        parse(path, path.name, ParseOptions())


def test_a_transparent_picture_is_read_on_white(tmp_path: Path) -> None:
    picture = picture_of_text(LINES).convert("L")
    layer = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    layer.putalpha(picture.point(lambda value: 255 - value))
    path = tmp_path / "layer.png"
    layer.save(path)
    assert bare(LINES[1]) in bare(parse(path, path.name, ParseOptions()).pages[0].text)


def test_a_picture_without_ocr_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    picture_of_text(LINES).save(path)
    with pytest.raises(DocumentError, match="OCR is off"):
        parse(path, path.name, ParseOptions(ocr=False))
