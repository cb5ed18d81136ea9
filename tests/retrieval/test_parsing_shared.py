"""The shared documents: 39 readable ones hold their strings, 22 hostile ones do as is expected of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provenance.errors import DocumentError
from retrieval.chunking import document_passages
from retrieval.document import ParsedDocument
from retrieval.parser import ParseOptions, Parser
from tests.retrieval.documents import manifest

GOOD, HOSTILE = manifest("good"), manifest("hostile")
pytestmark = pytest.mark.skipif(not GOOD, reason="no evaluation data; WHEREFROM_EVAL may name its folder")


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    with Parser(ParseOptions(timeout_s=120)) as opened:
        yield opened


@pytest.fixture(scope="module")
def parser_without_ocr() -> Iterator[Parser]:
    with Parser(ParseOptions(ocr=False, timeout_s=60)) as opened:
        yield opened


def bare(text: str) -> str:
    return "".join(text.split()).casefold()


def text_of(document: ParsedDocument) -> str:
    return bare("".join(page.text for page in document.pages))


def check_form(document: ParsedDocument) -> None:
    """What every consumer relies on: storable text, headings and words inside it, passages that are exact slices."""
    for number, page in enumerate(document.pages, start=1):
        assert page.number == number
        assert "\0" not in page.text
        page.text.encode("utf-8")
        edge = 0
        for heading in page.headings:
            assert edge <= heading.start < heading.end <= len(page.text)
            assert page.text[heading.start : heading.end].strip()
            edge = heading.end
        assert all(0 <= word.start < word.end <= len(page.text) for word in page.words)
        assert all(0 <= side <= 1 for word in page.words for side in (word.x0, word.y0, word.x1, word.y1))
    for page, chunks in document_passages(document):
        covered = "".join(page.text[chunk.start : chunk.end] for chunk in chunks)
        assert bare(page.text) == bare(covered) or len(bare(covered)) > len(bare(page.text))  # cut ones overlap


@pytest.mark.parametrize("entry", GOOD, ids=lambda entry: Path(entry["file"]).name)
def test_a_readable_file_holds_its_strings(entry: dict[str, Any], parser: Parser) -> None:
    document = parser.parse(entry["path"], entry["path"].name)
    check_form(document)
    found = text_of(document)
    for wanted in [*(entry.get("must_contain") or []), *(entry.get("must_contain_ocr") or [])]:
        assert bare(wanted) in found
    assert document.pages
    assert document.title


@pytest.mark.parametrize(
    "entry",
    [entry for entry in GOOD if entry.get("must_contain_ocr")],
    ids=lambda entry: Path(entry["file"]).name,
)
def test_a_scan_without_ocr_is_named_as_one(entry: dict[str, Any], parser_without_ocr: Parser) -> None:
    with pytest.raises(DocumentError, match="OCR is off") as caught:
        parser_without_ocr.parse(entry["path"], entry["path"].name)
    assert "OCR" in caught.value.hint


@pytest.mark.parametrize("entry", HOSTILE, ids=lambda entry: Path(entry["file"]).name)
def test_a_hostile_file_does_as_expected(entry: dict[str, Any], parser: Parser) -> None:
    expect = entry["expect"]
    try:
        document = parser.parse(entry["path"], entry["path"].name)
    except DocumentError as exc:
        message = str(exc)
        assert message.endswith(".") and exc.hint.endswith(".")
        assert "crash" not in message and "unexpectedly" not in message
        wanted = {"password": "password", "encrypted": "encrypted", "empty": "empty|white space", "refused": "archive"}
        words = [pattern for word, pattern in wanted.items() if word in expect]
        assert not words or any(part in message for pattern in words for part in pattern.split("|"))
        assert not entry.get("must_contain"), message
        return
    check_form(document)
    for wanted_text in entry.get("must_contain") or []:
        assert bare(wanted_text) in text_of(document)
    assert expect in {
        "text kept", "read as text", "no crash", "no crash; bounded", "no crash; storable as UTF-8", "macro never run",
        "umlauts decoded, no crash", "no execution; no crash", "opened or says it is encrypted",
    }  # fmt: skip
    if "umlauts" in expect:
        assert "äöüß" in text_of(document) or "können" in text_of(document)
    if "macro" in expect:
        assert any("never run" in warning for warning in document.warnings)


def test_the_shared_set_is_whole() -> None:
    assert (len(GOOD), len(HOSTILE)) == (39, 22)
    assert all(entry["path"].stat().st_size == entry["bytes"] for entry in GOOD + HOSTILE)
