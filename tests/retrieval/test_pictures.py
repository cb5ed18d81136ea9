"""Pictures of pages: the span is yellow, the rest is untouched, and the mapping holds where text was reordered."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from provenance.errors import DocumentError
from retrieval.document import Page
from retrieval.parser import ParseOptions, Parser
from retrieval.parsing import parse
from retrieval.parsing.pdf import load_page, open_pdf, page_layout
from retrieval.pictures import mark, page_png, span_rects
from tests.retrieval.documents import PdfText, make_pdf, manifest, picture_of_text

WIDTH = 900
OPTIONS = ParseOptions(ocr=False)


def pixels(png: bytes | None) -> np.ndarray:
    assert png is not None
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def drawn(path: Path, page: Page, start: int, end: int, kind: str = "pdf") -> tuple[np.ndarray, np.ndarray]:
    """(the page marked, the page without a mark)."""
    marked = page_png(path, kind, page, start=start, end=end, width_px=WIDTH)
    clean = page_png(path, kind, page, start=0, end=0, width_px=WIDTH)
    return pixels(marked), pixels(clean)


def changed_box(marked: np.ndarray, clean: np.ndarray) -> tuple[float, float, float, float]:
    """The box of the pixels that differ, as fractions x0, y0, x1, y1; every one of them turned yellow."""
    rows, columns = np.nonzero((marked != clean).any(axis=2))
    assert len(rows)
    was, now = clean[rows, columns], marked[rows, columns]
    assert (now[:, 2] <= was[:, 2]).all() and (was[:, 2] - now[:, 2]).mean() > 40  # blue is taken away
    assert (was[:, 0] == now[:, 0]).all()  # red stays
    height, width = clean.shape[:2]
    return columns.min() / width, rows.min() / height, columns.max() / width, rows.max() / height


@pytest.fixture
def memo(tmp_path: Path) -> Path:
    path = tmp_path / "memo.pdf"
    lines: list[PdfText] = [
        (60, 740, 18, "Memo"),
        (60, 700, 12, "The store holds 20,000 bottles of water and 10,000"),
        (60, 684, 12, "blankets. Three trucks were used for 15 hours."),
        (60, 640, 12, "Nothing else was moved that day."),
    ]
    path.write_bytes(make_pdf([lines]))
    return path


def test_a_known_sentence_is_marked_where_it_stands(memo: Path) -> None:
    page = parse(memo, "memo.pdf", OPTIONS).pages[0]
    start = page.text.index("Three trucks")
    end = page.text.index("15 hours.") + len("15 hours.")
    x0, y0, x1, y1 = changed_box(*drawn(memo, page, start, end))
    assert abs(y0 - (800 - 684 - 12) / 800) < 0.012 and abs(y1 - (800 - 684 + 4) / 800) < 0.012
    assert 0.18 < x0 < 0.22 and x1 < 0.62  # after "blankets.", before the margin


def test_a_span_over_two_lines_is_two_marks(memo: Path) -> None:
    page = parse(memo, "memo.pdf", OPTIONS).pages[0]
    start, end = page.text.index("water"), page.text.index("Three")
    marked, clean = drawn(memo, page, start, end)
    rows = np.nonzero((marked != clean).any(axis=(1, 2)))[0] / clean.shape[0]
    upper = marked[int(0.122 * clean.shape[0])] != clean[int(0.122 * clean.shape[0])]
    columns = np.nonzero(upper.any(axis=1))[0] / clean.shape[1]
    assert rows.min() < 0.13 < rows.max()
    assert columns.min() > 0.3  # on the first line only from "water" on


def test_the_characters_under_the_marks_are_the_span(memo: Path) -> None:
    page = parse(memo, "memo.pdf", OPTIONS).pages[0]
    start = page.text.index("20,000 bottles")
    with open_pdf(memo) as document, load_page(document, 0) as loaded:
        layout = page_layout(loaded)
        assert layout.text == page.text
        textpage = loaded.get_textpage()
        picked = "".join(
            textpage.get_text_range(index, 1) for index in layout.characters(start, start + len("20,000 bottles"))
        )
        textpage.close()
        assert picked == "20,000 bottles"
        assert len(span_rects(loaded, layout, start, start + 14)) == 1


def test_nothing_outside_the_marks_changes_and_nothing_to_mark_is_no_error(memo: Path) -> None:
    page = parse(memo, "memo.pdf", OPTIONS).pages[0]
    for start, end in ((0, 0), (5, 5), (len(page.text), len(page.text) + 50), (4, 5)):  # 4:5 is the blank line
        marked, clean = drawn(memo, page, start, end)
        assert (marked == clean).all()


@pytest.mark.parametrize("rotate", [90, 180, 270])
def test_marks_follow_a_rotated_page(rotate: int, tmp_path: Path) -> None:
    path = tmp_path / "turned.pdf"
    path.write_bytes(make_pdf([[(60, 700, 12, "Only these words stand here")]], rotate=rotate))
    page = parse(path, "turned.pdf", OPTIONS).pages[0]
    box = changed_box(*drawn(path, page, 0, len(page.text)))
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    upright = (135 / 600, 1 - 704 / 800)
    expected = {
        90: (1 - upright[1], upright[0]),
        180: (1 - upright[0], 1 - upright[1]),
        270: (upright[1], 1 - upright[0]),
    }
    assert abs(middle[0] - expected[rotate][0]) < 0.03 and abs(middle[1] - expected[rotate][1]) < 0.03


def interleaved() -> list[PdfText]:
    """Two columns of prose written row by row, as some producers do."""
    left = "the left column tells of the lamp and"
    right = "the right one speaks of the ferry and"
    rows: list[PdfText] = [(60, 760, 20, "Two columns")]
    for number in range(12):
        rows.append((60, 700 - 16 * number, 11, f"L{number} {left}"))
        rows.append((320, 700 - 16 * number, 11, f"R{number} {right}"))
    return rows


def test_two_columns_written_row_by_row_are_read_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "columns.pdf"
    path.write_bytes(make_pdf([interleaved()]))
    page = parse(path, "columns.pdf", OPTIONS).pages[0]
    order = [word for word in page.text.split() if word[0] in "LR" and word[1:].isdigit()]
    assert order == [f"L{number}" for number in range(12)] + [f"R{number}" for number in range(12)]
    start = page.text.index("R3 ")
    x0, y0, x1, y1 = changed_box(*drawn(path, page, start, start + 30))
    assert 0.5 < x0 < 0.56 and x1 < 0.85
    assert abs((y0 + y1) / 2 - (800 - 652 - 4) / 800) < 0.012


def test_a_table_keeps_its_rows(tmp_path: Path) -> None:
    rows: list[PdfText] = []
    for number in range(12):
        rows.append((60, 700 - 16 * number, 11, f"Cost item number {number} of the yearly accounts"))
        rows.append((480, 700 - 16 * number, 11, f"{number * 1111}"))
    path = tmp_path / "table.pdf"
    path.write_bytes(make_pdf([rows]))
    lines = parse(path, "table.pdf", OPTIONS).pages[0].text.split("\n")
    assert lines[3] == "Cost item number 3 of the yearly accounts 3333"


def test_lines_out_of_order_are_put_in_order(tmp_path: Path) -> None:
    lines: list[PdfText] = [(60, 700 - 20 * number, 12, f"Line {number} of the page") for number in range(20)]
    path = tmp_path / "shuffled.pdf"
    path.write_bytes(make_pdf([lines[::-1]]))
    text = parse(path, "shuffled.pdf", OPTIONS).pages[0].text
    assert [line for line in text.split("\n") if line] == [f"Line {number} of the page" for number in range(20)]


def test_a_scan_is_marked_by_its_word_boxes(tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    picture_of_text(["The lantern was lit in 1871.", "It needs 4.2 litres of oil."]).save(path)
    pdf = tmp_path / "scan.pdf"
    Image.open(path).save(pdf)
    for file, kind in ((path, "png"), (pdf, "pdf")):
        page = parse(file, file.name, ParseOptions()).pages[0]
        assert page.source == "ocr"
        start = page.text.index("litres")
        x0, y0, x1, y1 = changed_box(*drawn(file, page, start, start + 6, kind))
        assert 0.2 < x0 < x1 < 0.5 and 0.2 < y0 < y1 < 0.32


def test_a_page_of_a_tiff_is_drawn_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "two.tif"
    first, second = picture_of_text(["First page here"]), picture_of_text(["Second sheet now"])
    first.save(path, save_all=True, append_images=[second])
    pages = parse(path, "two.tif", ParseOptions()).pages
    assert [page.label for page in pages] == ["page 1", "page 2"]
    other = pixels(page_png(path, "tiff", pages[1], start=0, end=0, width_px=500))
    assert (other != pixels(page_png(path, "tiff", pages[0], start=0, end=0, width_px=500))).any()
    with pytest.raises(DocumentError, match="no longer has this page"):
        page_png(path, "tiff", Page(number=3, text=""), start=0, end=0, width_px=500)


def test_formats_without_pictures_give_none(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_text("any")
    assert page_png(path, "docx", Page(number=1, text="any"), start=0, end=3, width_px=500) is None


def test_marking_is_a_multiplication() -> None:
    picture = Image.new("RGB", (100, 100), (200, 100, 50))
    result = mark(picture, [(0.2, 0.2, 0.8, 0.8)])
    assert result.getpixel((50, 50)) == (200, 100 * 235 // 255, 50 * 90 // 255)
    assert result.getpixel((5, 5)) == (200, 100, 50)


def test_the_child_draws_too_and_beside_the_reader(memo: Path) -> None:
    with Parser(OPTIONS) as parser:
        page = parser.parse(memo, "memo.pdf").pages[0]
        here = page_png(memo, "pdf", page, start=0, end=4, width_px=400)
        assert parser.page_png(memo, "pdf", page, start=0, end=4, width_px=400) == here
        memo.write_bytes(b"%PDF-1.4 broken")
        with pytest.raises(DocumentError, match="damaged"):
            parser.page_png(memo, "pdf", page, start=0, end=4, width_px=400)
        missing = memo.with_name("gone.pdf")
        with pytest.raises(DocumentError):
            parser.page_png(missing, "pdf", page, start=0, end=4, width_px=400)


SHARED = [entry for entry in manifest("good") if entry["format"] == "pdf" and entry.get("must_contain")]


@pytest.mark.skipif(not SHARED, reason="no evaluation data; WHEREFROM_EVAL may name its folder")
@pytest.mark.parametrize("entry", SHARED, ids=lambda entry: Path(entry["file"]).name)
def test_the_mapping_gives_back_the_text_of_real_pdfs(entry: dict[str, object]) -> None:
    path = entry["path"]
    assert isinstance(path, Path)
    document = parse(path, path.name, OPTIONS)
    with open_pdf(path) as opened:
        for page in document.pages:
            with load_page(opened, page.number - 1) as loaded:
                layout = page_layout(loaded)
                assert page.text.startswith(layout.text)
                textpage = loaded.get_textpage()
                raw = textpage.get_text_range()
                textpage.close()
                for text_start, first, length in layout.runs:
                    assert layout.text[text_start : text_start + length] == raw[first : first + length]
                covered = sum(length for _, _, length in layout.runs)
                generated = sum(char in " \n-" for char in layout.text)
                assert covered + generated >= len(layout.text)


def test_words_of_a_leaning_line_are_marked_one_by_one() -> None:
    from retrieval.document import WordBox
    from retrieval.pictures import _word_rects

    words = tuple(
        WordBox(start=4 * n, end=4 * n + 3, x0=0.1 * n, y0=0.1 + 0.02 * n, x1=0.1 * n + 0.09, y1=0.14 + 0.02 * n)
        for n in range(6)
    )
    page = Page(number=1, text="one two six ten few now", source="ocr", words=words)
    rects = _word_rects(page, 0, len(page.text))
    assert len(rects) == 6
    assert max(y1 - y0 for _, y0, _, y1 in rects) < 0.05
    level = tuple(WordBox(start=4 * n, end=4 * n + 3, x0=0.1 * n, y0=0.1, x1=0.1 * n + 0.09, y1=0.14) for n in range(6))
    assert len(_word_rects(Page(number=1, text=page.text, source="ocr", words=level), 0, 11)) == 1
