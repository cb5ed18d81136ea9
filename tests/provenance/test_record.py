"""Runs and records as a person reads them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from provenance.database import Database
from provenance.errors import NotFoundError
from provenance.ledger import Ledger, new_run_id
from provenance.record import record, runs


def _ask(ledger: Ledger, question: str, *, refused: bool = False, blocked: bool = False) -> str:
    run = new_run_id()
    ledger.append(kind="request", run=run, body={}, contents={"question": question})
    call = ledger.append(kind="model_call", run=run, body={"model": {"name": "smollm2"}, "seconds": 1.23456})
    action = "block" if blocked else "allow"
    ledger.append(kind="guard", run=run, body={"action": action, "note": '"action":"block"', "parent": call.seq})
    ledger.append(kind="answer", run=run, body={"refused": refused}, contents={"answer": f"About {question}"})
    return run


def _ingest(ledger: Ledger, files: list[str], *, end: str | None = "ingest_done") -> str:
    run = new_run_id()
    ledger.append(kind="ingest", run=run, body={"files": len(files)}, contents={"files": json.dumps(files)})
    ledger.append(kind="document_added", run=run, body={"digest": "d" * 64})
    if end:
        ledger.append(kind=end, run=run, body={})
    return run


def test_the_newest_run_comes_first_with_what_a_list_shows(ledger: Ledger) -> None:
    first = _ask(ledger, "Who keeps\n the key?")
    second = _ask(ledger, "Is it raining?", refused=True, blocked=True)
    newest, oldest = runs(ledger)
    assert (newest.run, oldest.run) == (second, first)
    assert (oldest.title, oldest.kind, oldest.model, oldest.events) == ("Who keeps the key?", "ask", "smollm2", 4)
    assert (oldest.state, oldest.refused, oldest.blocked) == ("done", False, False)
    assert (newest.refused, newest.blocked) == (True, True)
    assert oldest.at == ledger.entries()[0].at


def test_runs_are_filtered_by_kind_and_text(ledger: Ledger) -> None:
    asked = [_ask(ledger, f"Question ÄNDERUNG {n}") for n in range(5)]
    ingested = _ingest(ledger, ["/home/me/Änderung.pdf", "/home/me/two.docx"])
    assert [run.run for run in runs(ledger, kind="ask")] == asked[::-1]
    assert [run.run for run in runs(ledger, kind="ask", limit=2)] == asked[:2:-1]
    [only] = runs(ledger, kind="ingest")
    assert (only.run, only.title, only.kind) == (ingested, "/home/me/Änderung.pdf, /home/me/two.docx", "ingest")
    assert {run.run for run in runs(ledger, text="änderung")} == {ingested, *asked}
    assert [run.run for run in runs(ledger, text="änderung", kind="ingest")] == [ingested]
    assert [run.run for run in runs(ledger, text="änderung 3")] == [asked[3]]
    assert [run.run for run in runs(ledger, text=asked[1][:-2])] == [asked[1]]
    assert [run.run for run in runs(ledger, text=asked[1])] == [asked[1]]
    assert runs(ledger, text="%") == runs(ledger, text="r-zzz") == runs(ledger, kind="unheard") == []


def test_every_page_of_a_long_list_is_reached(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provenance.runs._PAGE", 3)
    made = [_ask(ledger, f"Question {n}") for n in range(10)]
    assert [run.run for run in runs(ledger)] == made[::-1]
    assert [run.run for run in runs(ledger, limit=7, kind="ask")] == made[:2:-1]


@pytest.mark.parametrize(
    ("end", "state"), [("ingest_done", "done"), ("stopped", "stopped"), ("error", "failed"), (None, "running")]
)
def test_a_run_ends_as_its_last_event_says(ledger: Ledger, end: str | None, state: str) -> None:
    run = _ingest(ledger, ["a.pdf"], end=end)
    assert [found.state for found in runs(ledger)] == [state]
    if end is None:
        assert record(ledger, run, live={run}).run.state == "running"
        assert record(ledger, run, live=set()).run.state == "interrupted"
    else:
        assert record(ledger, run, live=set()).run.state == state


def test_an_ingest_goes_on_after_a_bad_file_and_ends_as_it_says(ledger: Ledger) -> None:
    run = _ingest(ledger, ["a.pdf", "b.pdf"], end=None)
    ledger.append(kind="error", run=run, body={"file": 0, "error": "DocumentError"})
    assert runs(ledger, live=[run])[0].state == "running"
    ledger.append(kind="ingest_done", run=run, body={"state": "stopped"})
    assert runs(ledger)[0].state == "stopped"


def test_paths_are_a_title(ledger: Ledger) -> None:
    ledger.append(kind="ingest", run=new_run_id(), body={}, contents={"paths": "/home/me/a.pdf\n/home/me/b"})
    assert runs(ledger)[0].title == "/home/me/a.pdf, /home/me/b"


def test_a_silent_run_without_an_end_counts_as_interrupted(database: Database) -> None:
    ledger = Ledger(database, clock=lambda: datetime.now(UTC) - timedelta(minutes=11))
    _ingest(ledger, ["a.pdf"], end=None)
    ledger.append(kind="document_removed", run=new_run_id(), body={"digest": "d" * 64})
    assert [(run.kind, run.state, run.title) for run in runs(ledger)] == [
        ("document_removed", "done", "document removed"),
        ("ingest", "interrupted", "a.pdf"),
    ]
    ledger.close()


def test_a_record_is_a_readable_tree(ledger: Ledger) -> None:
    run = _ask(ledger, "Who keeps the key?")
    found = record(ledger, run)
    assert found.answer == "About Who keeps the key?"
    assert [event.kind for event in found.events] == ["request", "model_call", "guard", "answer"]
    assert found.tree.event.kind == "request"
    assert [node.event.kind for node in found.tree.children] == ["model_call", "answer"]
    assert [node.event.kind for node in found.tree.children[0].children] == ["guard"]
    assert found.tree.children[0].event.label == "model call: seconds 1.23"
    assert found.tree.children[1].event.label == "answer: refused no"
    assert found.events[0].contents == {"question": "Who keeps the key?"}


def test_a_parent_of_another_run_or_of_the_future_is_not_followed(ledger: Ledger) -> None:
    ledger.append(kind="request", run="r-1", body={})
    ledger.append(kind="request", run="r-2", body={"parent": 2})
    ledger.append(kind="plan", run="r-2", body={"parent": 1})
    ledger.append(kind="plan", run="r-2", body={"parent": 5})
    ledger.append(kind="plan", run="r-2", body={"parent": "2"})
    assert [node.event.seq for node in record(ledger, "r-2").tree.children] == [3, 4, 5]


def test_bytes_are_shown_by_their_size(ledger: Ledger) -> None:
    ledger.append(kind="request", run="r-1", body={}, contents={"picture": b"12345"})
    assert record(ledger, "r-1").events[0].contents == {"picture": "(5 bytes)"}


def test_an_unknown_run_has_no_record(ledger: Ledger) -> None:
    with pytest.raises(NotFoundError):
        record(ledger, "r-9")


def test_the_list_reads_by_index_alone(ledger: Ledger, database: Database) -> None:
    """However many events there are: no step of a list or a record may scan the whole ledger."""
    statements: list[tuple[str, object]] = []
    from sqlalchemy import event

    run = _ask(ledger, "Who keeps the key?")

    def note(_conn: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    runs(ledger)
    runs(ledger, kind="ask")
    record(ledger, run)
    event.remove(database.engine, "before_cursor_execute", note)
    with database.read() as conn:
        for statement, parameters in statements:
            if "SELECT" in statement:
                plan = [row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
                scans = [step for step in plan if step.startswith("SCAN ledger") and "INDEX" not in step]
                assert not scans, (statement, plan)
