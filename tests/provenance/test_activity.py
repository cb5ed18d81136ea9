"""Counts for the charts, and the filters that look into events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from provenance.activity import activity, runs_with
from provenance.ledger import Ledger
from provenance.record import runs

DIGEST = "ab" * 32


def _ask(ledger: Ledger, run: str, *, model: str = "m-1", refused: bool = False, action: str = "allow") -> None:
    ledger.append(kind="request", run=run, body={"model": model}, contents={"question": "Who?"})
    ledger.append(kind="guard", run=run, body={"ring": "input", "action": action})
    ledger.append(kind="retrieval", run=run, body={"given": [{"document_digest": DIGEST}]} if model == "m-1" else {})
    ledger.append(kind="answer", run=run, body={"model": model, "refused": refused}, contents={"answer": "You."})


def test_runs_are_counted_by_day_model_and_outcome(ledger: Ledger) -> None:
    _ask(ledger, "r-1")
    _ask(ledger, "r-2")
    _ask(ledger, "r-3", model="m-2", refused=True)
    _ask(ledger, "r-4", action="block")
    ledger.append(kind="export", run="r-1", body={"form": "pdf"})
    _drawn(ledger, "r-5", {"mime": "image/png", "image_mark": "m", "signed": True})
    found = activity(ledger.database)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    counted = {(row.day, row.model, row.outcome): row.count for row in found.days}
    del counted[today, "", "done"]  # the picture
    assert counted == {(today, "m-1", "answered"): 2, (today, "m-2", "refused"): 1, (today, "m-1", "blocked"): 1}
    assert {(row.ring, row.action): row.count for row in found.guards} == {("input", "allow"): 3, ("input", "block"): 1}
    assert (found.signed, found.models) == (2, ["m-1", "m-2"])


def _drawn(ledger: Ledger, run: str, *marks: dict[str, Any], pictures: int = 1) -> None:
    ledger.append(kind="request", run=run, body={"task": "image"})
    for mark in marks:
        ledger.append(kind="mark", run=run, body=mark)
    ledger.append(kind="answer", run=run, body={"task": "image", "refused": False, "pictures": [{}] * pictures})


def test_what_left_is_counted_by_the_marks_it_carries(ledger: Ledger) -> None:
    for run, more in (("r-1", {"text_mark": {"key": "k"}}), ("r-2", {}), ("r-3", {"refused": True})):
        ledger.append(kind="answer", run=run, body={"refused": False, "tool": "search_documents", **more})
    chat = {"refused": False, "artifacts": [{"kind": "image"}]}
    ledger.append(kind="mark", run="r-4", body={"mime": "image/png", "image_mark": "m", "signed": True})
    ledger.append(kind="answer", run="r-4", body=chat)
    _drawn(ledger, "r-5", {"mime": "image/webp", "signed": True}, {"mime": "image/svg+xml", "signed": True}, pictures=3)
    ledger.append(kind="answer", run="r-6", body={"task": "code", "refused": False, "artifacts": [{"kind": "code"}]})
    ledger.append(kind="export", run="r-1", body={"form": "docx"})
    found = {(row.what, row.state): row.count for row in activity(ledger.database).marks}
    assert found == {
        ("texts", "marked"): 1,
        ("texts", "neither"): 1,
        ("pictures", "marked and signed"): 1,
        ("pictures", "signed"): 1,
        ("pictures", "neither"): 2,
        ("outlines", "signed"): 1,
        ("reports", "signed"): 1,
    }
    assert activity(ledger.database).signed == 4


def test_an_empty_ledger_has_no_activity(ledger: Ledger) -> None:
    found = activity(ledger.database, days=1)
    assert (found.days, found.guards, found.marks, found.signed) == ([], [], [], 0)


def test_runs_are_found_by_document_guard_and_model(ledger: Ledger) -> None:
    _ask(ledger, "r-1")
    _ask(ledger, "r-2", model="m-2", action="redact")
    _ask(ledger, "r-3", action="redact")
    assert runs_with(ledger.database, document=DIGEST) == {"r-1", "r-3"}
    assert runs_with(ledger.database, guard="redact") == {"r-2", "r-3"}
    assert runs_with(ledger.database, document=DIGEST, guard="redact") == {"r-3"}
    assert runs_with(ledger.database, document="cd" * 32) == set() == runs_with(ledger.database)
    assert [row.run for row in runs(ledger, among={"r-1", "r-3"})] == ["r-3", "r-1"]
    assert [row.run for row in runs(ledger, model="m-2")] == ["r-2"]
    assert [row.run for row in runs(ledger, among={"r-1", "r-3"}, limit=1)] == ["r-3"]
