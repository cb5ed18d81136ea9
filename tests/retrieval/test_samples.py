"""The sample documents: they are read, they hold what the questions ask for, and their maker makes the same again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from retrieval.document import ParsedDocument
from retrieval.parsing import ParseOptions, parse

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLES = ROOT / "ui" / "samples"
NAMES = sorted(path.name for path in SAMPLES.iterdir() if path.suffix != ".json")


def read(name: str) -> ParsedDocument:
    return parse(SAMPLES / name, name, ParseOptions(ocr=False))


def test_samples_come_in_several_formats_and_are_small() -> None:
    assert {Path(name).suffix for name in NAMES} >= {".pdf", ".docx", ".xlsx", ".html", ".md"}
    assert sum((SAMPLES / name).stat().st_size for name in NAMES) < 300_000


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_read_without_a_warning(name: str) -> None:
    document = read(name)
    assert document.warnings == ()
    assert document.title and document.title != Path(name).stem
    assert any(page.headings for page in document.pages)


def test_the_answers_are_in_the_documents_that_the_questions_name() -> None:
    questions = json.loads((SAMPLES / "questions.json").read_text("utf-8"))
    assert len(questions) == 3
    for question in questions:
        if question.get("unanswerable"):
            continue
        text = " ".join(" ".join(page.text for page in read(question["document"]).pages).split())
        assert any(answer in text for answer in question["answers"])
        follow_up = question.get("follow_up")
        assert follow_up is None or any(answer in text for answer in follow_up["answers"])
    (unanswerable,) = (question for question in questions if question.get("unanswerable"))
    assert "salary" in unanswerable["question"]
    everything = " ".join(page.text for name in NAMES for page in read(name).pages).lower()
    assert "salary" not in everything and "elin marstrand" in everything


def test_the_same_run_makes_the_same_bytes(tmp_path: Path) -> None:
    for module in ("reportlab", "docx", "openpyxl"):
        pytest.importorskip(module)
    subprocess.run([sys.executable, str(ROOT / "docs" / "samples" / "make_samples.py"), str(tmp_path)], check=True)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert {Path(name).suffix for name in made} == {".pdf", ".docx", ".xlsx"}
    for name in made:
        assert (tmp_path / name).read_bytes() == (SAMPLES / name).read_bytes(), name
