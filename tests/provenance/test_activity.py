"""Counts for the charts, and the filters that look into events."""

from __future__ import annotations

from datetime import UTC, datetime

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
    found = activity(ledger.database)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    counted = {(row.day, row.model, row.outcome): row.count for row in found.days}
    assert counted == {(today, "m-1", "answered"): 2, (today, "m-2", "refused"): 1, (today, "m-1", "blocked"): 1}
    assert {(row.ring, row.action): row.count for row in found.guards} == {("input", "allow"): 3, ("input", "block"): 1}
    assert (found.signed, found.models) == (1, ["m-1", "m-2"])


def test_an_empty_ledger_has_no_activity(ledger: Ledger) -> None:
    found = activity(ledger.database, days=1)
    assert (found.days, found.guards, found.signed) == ([], [], 0)


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
