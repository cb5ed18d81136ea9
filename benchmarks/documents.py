"""Questions over a folder of documents: is the answer right, does it cite the right file, is the unanswerable refused?

    wherefrom bench documents --data DIR

`DIR` holds `qa.jsonl` ({id, doc, question, answers | answers_all, unanswerable?}) and the files, in `good/` or beside
it. Everything goes through the engine, as the page and the command line do.
"""

from __future__ import annotations

import json
import random
import re
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.sets import data_folder

__all__ = ["run"]


def run(*, data: str | None = None, limit: int = 0, seed: int = 0, **_options: Any) -> dict[str, Any]:
    """Ingest the folder into a fresh library, ask every question in a conversation of its own.

    Args:
        data: The folder; default: `../shared/eval/docs` beside the checkout.
        limit: Ask only this many questions, drawn with `seed`; 0 asks all.
    Returns:
        {answerable, right, right_and_cited, unanswerable, refused, wrong: [...], ingest_s, questions_s}
    """
    from ui.engine.client import connect
    from ui.settings import Settings

    folder = data_folder(data, "docs")
    questions = [json.loads(line) for line in (folder / "qa.jsonl").read_text(encoding="utf-8").splitlines() if line]
    if limit:
        questions = random.Random(seed).sample(questions, min(limit, len(questions)))
    files = folder / "good" if (folder / "good").is_dir() else folder
    ordinary = Settings()
    with tempfile.TemporaryDirectory(prefix="wherefrom-bench-") as home:
        settings = ordinary.model_copy(update={"home": Path(home), "models_dir": ordinary.models, "database_url": None})
        engine = connect(settings)
        try:
            return {**_ingest(engine, files), **_ask_all(engine, questions), "model": engine.state().model}
        finally:
            engine.shutdown()


def _ingest(engine: Any, files: Path) -> dict[str, Any]:
    began = time.perf_counter()
    job = engine.ingest([str(files)])
    while job.state in ("waiting", "running"):
        time.sleep(0.5)
        job = engine.job(job.id)
    failed = [f"{file.path}: {file.reason}" for file in job.files if file.status == "failed"]
    return {"files": job.files_total, "failed": failed, "ingest_s": round(time.perf_counter() - began, 2)}


def _ask_all(engine: Any, questions: list[dict[str, Any]]) -> dict[str, Any]:
    began = time.perf_counter()
    rows = [_ask(engine, question) for question in questions]
    answerable = [row for row in rows if not row["unanswerable"]]
    unanswerable = [row for row in rows if row["unanswerable"]]
    return {
        "answerable": len(answerable),
        "right": sum(row["right"] for row in answerable),
        "right_and_cited": sum(row["right"] and row["cited"] for row in answerable),
        "unanswerable": len(unanswerable),
        "refused": sum(row["refused"] for row in unanswerable),
        "questions_s": round(time.perf_counter() - began, 2),
        "rows": rows,
    }


def _ask(engine: Any, question: dict[str, Any]) -> dict[str, Any]:
    answer = None
    for update in engine.watch(engine.ask(question["question"])):
        if update.type in ("done", "stopped"):
            answer = update.answer
    wanted = question.get("answers_all") or question.get("answers") or []
    text = answer.text if answer else ""
    found = [_holds(text, item) for item in wanted]
    right = bool(found) and (all(found) if "answers_all" in question else any(found))
    return {
        "id": question["id"],
        "question": question["question"],
        "unanswerable": bool(question.get("unanswerable")),
        "answer": text,
        "refused": bool(answer and answer.refused),
        "right": right and not (answer and answer.refused),
        "cited": any(
            question["doc"] in (c.document, *(place.document for place in c.also))
            for c in (answer.citations if answer else [])
        ),
        "sources": [f"{c.document} p.{c.page}: {c.quote[:80]}" for c in (answer.citations if answer else [])],
        "seconds": answer.timings.total_s if answer else None,
    }


def _holds(text: str, wanted: str) -> bool:
    def plain(value: str) -> str:
        return re.sub(r"[\s,]+", " ", re.sub(r"\s*\[\d+\]", "", value)).casefold().strip()

    return re.search(rf"(?<!\w){re.escape(plain(wanted))}(?!\w)", plain(text)) is not None
