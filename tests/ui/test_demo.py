"""`wherefrom demo`: it does the whole job, and it judges itself honestly."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent.updates import Answer, Citation
from tests.ui.quick_house import READING
from ui.commands.output import Output
from ui.demo import Question, load_questions, run_demo
from ui.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
ASKED = Question(question="How high?", answers=("18,432 m", "18432 m"), document="tower.pdf")


def _answer(text: str, *documents: str, refused: bool = False) -> Answer:
    citations = [
        Citation(n=n, document_id=n, document=name, document_digest="", page=1, start=0, end=1, quote="", passage_id=n)
        for n, name in enumerate(documents, 1)
    ]
    return Answer(run="r", conversation="c", question="q", text=text, refused=refused, citations=citations)


def test_a_right_answer_says_it_and_cites_the_right_document() -> None:
    assert ASKED.judge(_answer("It is 18,432 M high. [1]", "tower.pdf")) == ""
    assert "18,432" in ASKED.judge(_answer("It is 17 m high. [1]", "tower.pdf"))
    assert "tower.pdf" in ASKED.judge(_answer("It is 18432 m high. [1]", "other.pdf"))
    assert "answered" in ASKED.judge(_answer("The documents do not say.", refused=True))


def test_what_the_documents_do_not_say_must_be_refused() -> None:
    unanswerable = replace(ASKED, answers=(), document="")
    assert unanswerable.judge(_answer("The documents do not say.", refused=True)) == ""
    assert unanswerable.judge(_answer("It is 18,432 m high. [1]", "tower.pdf")) != ""


def test_there_are_three_questions_and_one_has_no_answer() -> None:
    questions = load_questions()
    assert len(questions) == 3 and sum(not question.answers for question in questions) == 1


def test_the_whole_demo_runs_on_the_sample_documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run_demo(Settings(home=tmp_path), Output(json_mode=False), command=READING)
    said = capsys.readouterr().out
    assert result.ok, said
    assert result.documents == 6 and result.ledger_ok and result.ledger_events > 30
    assert "? How many people visited Skarn Light in 2023?" in said and "annual-report-2024.pdf, page 2" in said
    assert "request  #" in said and "The ledger is whole" in said and "3 of 3 questions" in said
    assert not Path(result.home or tmp_path / "none").exists()
    assert list(tmp_path.iterdir()) == []  # nothing of it in the person's own data folder


@pytest.mark.model
@pytest.mark.slow
def test_the_demo_ends_well_with_the_real_model(tmp_path: Path, models_dir: Path) -> None:
    default = Settings().model
    if not (models_dir / default).is_dir():
        pytest.skip(f"{default} is not in {models_dir}; `wherefrom models fetch --default`")
    values = {"WHEREFROM_HOME": str(tmp_path), "WHEREFROM_MODELS_DIR": str(models_dir), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "ui.cli", "demo"]
    done = subprocess.run(command, cwd=ROOT, env=values, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
