"""`wherefrom demo`: the whole job in the terminal, on a fresh library that is gone afterwards.

It reads the sample documents that come with the program, asks three questions about them (the documents do not answer
the third), shows the cited answers and one record, and verifies the ledger. It judges itself: right answers must hold
what the documents say and cite the right one, and the unanswerable question must be refused.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.updates import Answer
from provenance.errors import RetrievalError
from ui.commands.ask import follow
from ui.commands.output import Output, counted, place, shown

if TYPE_CHECKING:
    from ui.api import EngineApi, IngestJob
    from ui.engine.launcher import EngineCommand
    from ui.settings import Settings

__all__ = ["DemoResult", "Question", "load_questions", "run_demo"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One line of `samples/questions.json`."""

    question: str
    answers: tuple[str, ...]  # any of them will do; none where the documents do not say
    document: str

    def judge(self, answer: Answer) -> str:
        """Empty if the answer is right, else what is wrong with it."""
        if not self.answers:
            return "" if answer.refused else "It should have said that the documents do not say."
        if answer.refused:
            return "It should have been answered."
        if not any(_plain(wanted) in _plain(answer.text) for wanted in self.answers):
            return f"The documents say {self.answers[0]}."
        cited = {citation.document for citation in answer.citations}
        return "" if self.document in cited else f"It should cite {self.document}."


@dataclass(slots=True)
class DemoResult:
    """What happened, as `--json` tells it."""

    ok: bool = True
    documents: int = 0
    questions: list[dict[str, Any]] = field(default_factory=list)
    record_events: int = 0
    ledger_ok: bool = False
    ledger_events: int = 0
    home: str = ""  # where the library lies, if it was kept
    seconds: float = 0.0


def run_demo(
    settings: Settings, output: Output, *, keep: bool = False, command: EngineCommand | None = None
) -> DemoResult:
    """Do it all. `command` starts another engine than the usual one (tests).

    Raises:
        AppError: If the engine, the model or the documents fail outright.
    """
    from ui.engine.client import connect

    began, result = time.perf_counter(), DemoResult()
    with _fresh_home(keep=keep) as home:
        # Weights are shared; everything else is the demo's own.
        values = {"home": home, "models_dir": settings.models, "database_url": None}
        client = connect(settings.model_copy(update=values), command)
        try:
            _play(client, output, result)
        finally:
            client.shutdown()
            client.close()
        result.home = str(home) if keep else ""
    result.ok = result.ledger_ok and all(row["ok"] for row in result.questions)
    result.seconds = round(time.perf_counter() - began, 1)
    _conclude(result, output)
    return result


def load_questions() -> list[Question]:
    """The questions that come with the samples."""
    rows = json.loads((files("ui") / "samples" / "questions.json").read_text(encoding="utf-8"))
    return [Question(question=r["question"], answers=tuple(r["answers"]), document=r["document"]) for r in rows]


def _play(client: EngineApi, output: Output, result: DemoResult) -> None:
    with as_file(files("ui") / "samples") as folder:
        paths = [str(path) for path in sorted(folder.iterdir()) if path.suffix != ".json"]
        output.line(f"Reading {len(paths)} sample documents …")
        job = _wait(client, client.ingest(paths))
    result.documents = len(client.documents())
    for row in job.files:
        size = f"{counted(row.pages, 'page')}, {counted(row.passages, 'passage')}"
        output.line(f"  {row.status:9} {shown(Path(row.path).name)}  {size}")
    if any(row.status == "failed" for row in job.files) or result.documents != len(paths):
        raise RetrievalError("A sample document could not be read.", hint="`wherefrom doctor` may say why.")
    for question in load_questions():
        output.line(f"\n? {question.question}")
        answer = follow(client, client.ask(question.question), output)
        problem = question.judge(answer)
        _show(answer, problem, output)
        result.questions.append(_row(question, answer, problem))
    _show_one_record(client, result, output)
    verified = client.verify()
    result.ledger_ok, result.ledger_events = verified.ok, verified.events
    said = "is whole" if verified.ok else f"is NOT whole: {verified.reason}"
    output.line(f"\nThe ledger {said}: {verified.events} events, head {verified.head[:19]}…")


def _wait(client: EngineApi, job: IngestJob) -> IngestJob:
    while job.state in ("waiting", "running"):
        time.sleep(0.1)
        job = client.job(job.id)
    return job


def _show(answer: Answer, problem: str, output: Output) -> None:
    for c in answer.citations:
        output.line(f"    [{c.n}] {place(c.document, c.page_label)}")
    timings = answer.timings
    first = f", first word after {timings.first_token_s:.1f} s" if timings.first_token_s else ""
    output.line(f"    {timings.total_s:.1f} s{first}" + (f"  NOT RIGHT: {problem}" if problem else ""))


def _row(question: Question, answer: Answer, problem: str) -> dict[str, Any]:
    return {
        "question": question.question,
        "answer": answer.text,
        "refused": answer.refused,
        "citations": [{"n": c.n, "document": c.document, "page": c.page, "quote": c.quote} for c in answer.citations],
        "run": answer.run,
        "ok": not problem,
        "problem": problem,
        "timings": answer.timings.model_dump(),
    }


def _show_one_record(client: EngineApi, result: DemoResult, output: Output) -> None:
    """Of the first answer."""
    from ui.commands.audit import show_record

    record = client.record(result.questions[0]["run"])
    result.record_events = len(record.events)
    if not output.json_mode:
        output.line("\nWhere the first answer came from:")
        show_record(record, output, brief=True)


def _conclude(result: DemoResult, output: Output) -> None:
    right = sum(row["ok"] for row in result.questions)
    output.line(f"{right} of {len(result.questions)} questions as they should be, in {result.seconds:.0f} s.")
    if result.home:
        output.line(f"The library is kept: WHEREFROM_HOME={result.home} wherefrom ui")


@contextmanager
def _fresh_home(*, keep: bool) -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="wherefrom-demo-"))
    try:
        yield home
    finally:
        if not keep:
            shutil.rmtree(home, ignore_errors=True)


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace(",", "").split())
