"""Passages: exact, in order, complete, of a size that fits the embedder, and under the right headings."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.chunking import Chunk, document_passages, passages
from retrieval.document import Heading, Page, ParsedDocument
from retrieval.parsing import ParseOptions, parse

SENTENCE = "The keeper of the northern light wrote every change of the weather into the book of the tower. "
KINDS = ["text", "md", "pdf", "xlsx", "csv", "python", "html", "eml"]


def check(text: str, chunks: list[Chunk]) -> None:
    """The laws: inside the text, in order, nothing but white space left out, no outer white space."""
    covered = bytearray(len(text))
    last_start = last_end = 0
    for chunk in chunks:
        assert 0 <= chunk.start < chunk.end <= len(text)
        assert (chunk.start >= last_start and chunk.end > last_end) or not last_end
        assert text[chunk.start : chunk.end] == text[chunk.start : chunk.end].strip()
        covered[chunk.start : chunk.end] = b"\1" * (chunk.end - chunk.start)
        last_start, last_end = chunk.start, chunk.end
    assert all(covered[position] or char.isspace() for position, char in enumerate(text))


PIECES = st.sampled_from(
    [
        "word ", "Another sentence ends here. ", "\n", "\n\n", "# Heading\n\n", "2.1 Numbered\n\n", "a | b | c\n",
        "| x | y |\n|---|---|\n", "ALL CAPITALS\n\n", "Title\n=====\n", "漢字かな交じり文。", "x" * 150, "\t", "e.g. ",
        "    code()\n", "```\n", "def f():\n", "- item\n", SENTENCE, SENTENCE * 4, "🗼", "\u00a0", "Dr. A. Smith. ",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(parts=st.lists(PIECES, max_size=60), kind=st.sampled_from(KINDS))
def test_every_text_is_covered_exactly_and_in_order(parts: list[str], kind: str) -> None:
    text = "".join(parts)
    check(text, passages(text, kind=kind))


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=3000), kind=st.sampled_from(KINDS))
def test_any_characters_are_covered_exactly_and_in_order(text: str, kind: str) -> None:
    check(text, passages(text, kind=kind))


@settings(max_examples=100, deadline=None)
@given(
    lines=st.lists(st.sampled_from(["Alpha beta", "Gamma", SENTENCE.strip(), ""]), min_size=1, max_size=40),
    marked=st.sets(st.integers(0, 39)),
)
def test_headings_given_by_the_parser_keep_the_laws(lines: list[str], marked: set[int]) -> None:
    text = "\n".join(lines)
    headings, position = [], 0
    for number, line in enumerate(lines):
        if number in marked and line:
            headings.append(Heading(start=position, end=position + len(line), level=1 + number % 3))
        position += len(line) + 1
    check(text, passages(text, kind="pdf", headings=headings))


def test_prose_is_cut_at_sentences_into_passages_of_the_right_size() -> None:
    text = " ".join(f"Sentence number {number} says that {SENTENCE.strip().lower()}" for number in range(200))
    chunks = passages(text, kind="text")
    for chunk in chunks[:-1]:
        words = len(text[chunk.start : chunk.end].split())
        assert 80 <= words <= 140
        assert text[chunk.start : chunk.end].endswith(".")
        assert text[chunk.start :].startswith("Sentence number")


def test_only_a_cut_paragraph_shares_a_sentence() -> None:
    long = " ".join(f"Sentence {number} is about the lamp of the tower." for number in range(60))
    chunks = passages(long, kind="text")
    assert all(after.start < before.end for before, after in pairwise(chunks))
    short = "\n\n".join(SENTENCE.strip() + f" Number {number}." for number in range(30))
    chunks = passages(short, kind="text")
    assert all(after.start >= before.end for before, after in pairwise(chunks))


def test_a_passage_names_the_sections_above_it() -> None:
    text = (
        f"# Book\n\nIntro.\n\n## Part\n\n{SENTENCE * 8}\n\n### Detail\n\n{SENTENCE * 16}\n\n## Next\n\n{SENTENCE * 8}"
    )
    chunks = passages(text, kind="md", heading_context="Library")
    found = {text[chunk.start : chunk.end][:12]: chunk.heading for chunk in chunks}
    assert found["# Book\n\nIntr"] == "Library"
    assert found["### Detail\n\n"] == "Library > Book > Part"
    assert found["## Next\n\nThe"] == "Library > Book"
    inner = [chunk.heading for chunk in chunks if text.index("## Next") > chunk.start > text.index("### Detail")]
    assert set(inner) == {"Library > Book > Part > Detail"}


def test_a_heading_never_ends_a_passage() -> None:
    text = "\n\n".join(f"# Section {number}\n\n{SENTENCE * 5}" for number in range(12))
    for chunk in passages(text, kind="md"):
        assert not text[chunk.start : chunk.end].splitlines()[-1].startswith("#")


def test_rows_stay_whole_and_name_the_first_row() -> None:
    rows = "\n".join(f"Part {number} | oil | {number * 50} hours | keeper" for number in range(100))
    text = f"Intervals\n\nPart | Job | Interval | Who\n{rows}\n\nDone."
    chunks = [chunk for chunk in passages(text, kind="docx") if "Part 1 " not in text[chunk.start : chunk.end]]
    assert len(chunks) > 3
    for chunk in chunks[:-1]:
        lines = text[chunk.start : chunk.end].split("\n")
        assert all(line.count("|") == 3 or line == "Done." for line in lines)
        assert chunk.heading.endswith("Part | Job | Interval | Who")


def test_sheet_rows_stay_whole() -> None:
    text = "\n".join(f"Month: M{number} | Visitors: {number * 7} | Remark: none at all" for number in range(200))
    for chunk in passages(text, kind="xlsx"):
        assert text[chunk.start : chunk.end].startswith("Month:")
        assert text[chunk.start : chunk.end].endswith("none at all")


def test_no_passage_is_larger_than_the_embedder_reads() -> None:
    for text in ["x" * 50_000, "word " * 20_000, "漢" * 20_000, "a|b\n" * 20_000, "lorem, ipsum; dolor: " * 5000]:
        for kind in ("text", "csv", "python"):
            for chunk in passages(text, kind=kind):
                piece = text[chunk.start : chunk.end]
                assert len(piece.split()) <= 170 and len(piece) <= 1100


def test_no_word_is_cut() -> None:
    text = " ".join(f"word{number}" for number in range(3000))
    whole = set(text.split())
    for chunk in passages(text, kind="text"):
        assert set(text[chunk.start : chunk.end].split()) <= whole


def test_a_function_begins_a_passage_with_its_decorators_and_comments(tmp_path: Path) -> None:
    body = "".join(f"    value_{number} = compute_something(value_{number}, again=True)\n" for number in range(12))
    code = "".join(f"# About number {n}.\n@decorated\ndef function_{n}(value):\n{body}\n\n" for n in range(4))
    path = tmp_path / "module.py"
    method = (body * 3).replace("    ", "        ")
    path.write_text(f"import os\n\n\nclass Box:\n    def method(self):\n{method}\n\n{code}")
    document = parse(path, path.name, ParseOptions())
    page, chunks = next(document_passages(document))
    starts = [page.text[chunk.start : chunk.end] for chunk in chunks]
    assert sum(piece.startswith("# About number") for piece in starts) >= 3
    assert any("Box" in chunk.heading and "method" in chunk.heading for chunk in chunks)
    check(page.text, chunks)


def test_a_section_goes_on_overleaf_in_flowing_formats_only() -> None:
    pages = (
        Page(number=1, text="Storm damage", headings=(Heading(start=0, end=12, level=1),)),
        Page(number=2, text="The roof lost 46 slates."),
    )
    for kind, heading in (("pdf", "Storm damage"), ("pptx", "")):
        document = ParsedDocument(kind=kind, title="", pages=pages)
        _, (_, chunks) = document_passages(document)
        assert chunks[0].heading == heading


def test_an_empty_page_has_no_passages() -> None:
    assert passages("", kind="text") == []
    assert passages(" \n\t\n", kind="md") == []


@pytest.mark.parametrize("shape", ["prose", "rows", "words", "lines", "headings"])
def test_time_grows_with_the_length_not_its_square(shape: str) -> None:
    unit = {
        "prose": SENTENCE * 10 + "\n\n",
        "rows": "a | b | c\n" * 100,
        "words": "word " * 200,
        "lines": "a line without an end\n" * 50,
        "headings": "# Heading\n\ntext\n\n" * 60,
    }[shape]

    def seconds(count: int) -> float:
        text = unit * count
        start = time.process_time()
        passages(text, kind="md")
        return time.process_time() - start

    seconds(20)
    small, large = min(seconds(50) for _ in range(3)), min(seconds(400) for _ in range(2))
    assert large < 8 * small * 2.5 + 0.05


@pytest.mark.parametrize(
    "nasty",
    [
        "# a" + " " * 100_000 + "b", "# " * 50_000,
        "a | b\n" + " " * 100_000 + "| c\n" * 3, "." * 100_000, ". " * 50_000,
        '."' * 50_000, "." + '"' * 100_000, "1." * 50_000, "\n" * 100_000, "\n \n" * 30_000, "=" * 100_000,
        "a\n" + "=" * 100_000 + "b", "A " * 50_000, "- " * 50_000, "```" * 30_000, "\t" * 100_000 + "x", "|" * 100_000,
        "1.1.1.1 " * 12_000, "((" * 50_000, "# " + "#" * 100_000, "@\n" * 50_000, "I" * 100_000 + "\n\n",
    ],
    ids=lambda text: ascii(text[:8]),
)  # fmt: skip
@pytest.mark.parametrize("kind", ["md", "text", "python", "csv"])
def test_no_text_takes_long(nasty: str, kind: str) -> None:
    start = time.process_time()
    chunks = passages(nasty, kind=kind)
    assert time.process_time() - start < 3
    check(nasty, chunks)
