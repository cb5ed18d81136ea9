"""Private texts can go; the ledger stays whole and says what went."""

from __future__ import annotations

from pathlib import Path

import pytest

from provenance import ledger as ledger_module
from provenance.database import open_database, sqlite_url
from provenance.erasure import (
    carry_out,
    erase_contents,
    erase_document,
    erase_person,
    erase_run,
    find_person,
    plan_document,
    plan_runs,
    widened,
)
from provenance.errors import NotFoundError, UsageError
from provenance.ledger import Ledger
from provenance.record import record, runs

WHY = {"requested_by": "Ada", "reason": "asked in a letter"}
DIGEST = "ab" * 32


def _ask(ledger: Ledger, run: str, question: str, answer: str, digest: str = "cd" * 32) -> None:
    ledger.append(kind="request", run=run, body={}, contents={"question": question})
    ledger.append(kind="retrieval", run=run, body={"documents": [digest]}, contents={"passages": f"from {answer}"})
    ledger.append(kind="answer", run=run, body={}, contents={"answer": answer, "data": b"\x00"})


def test_a_run_is_erased_and_everything_still_verifies(ledger: Ledger) -> None:
    _ask(ledger, "r-1", "Who is Zebulon?", "A baker.")
    _ask(ledger, "r-2", "Who is Ines?", "A pilot.")
    done = erase_run(ledger, "r-1", **WHY)
    assert (done.contents, done.runs, len(done.receipts)) == (4, 1, 1)
    assert ledger.verify().ok
    assert all(content is None for entry in ledger.run_entries("r-1") for content in entry.contents.values())
    assert ledger.content(4, "question") == "Who is Ines?"
    [event] = ledger.run_entries(done.run)
    assert event.kind == "erasure"
    assert event.body["scope"] == "run"
    assert event.body["targets"] == [[1, "question"], [2, "passages"], [3, "answer", "data"]]
    assert event.contents == {"requested_by": "Ada", "reason": "asked in a letter"}
    assert record(ledger, "r-1").run.title == "(erased)"
    assert {run.run: run.title for run in runs(ledger)}["r-2"] == "Who is Ines?"


def test_erased_text_is_in_no_byte_of_the_data_folder(home: Path) -> None:
    database = open_database(sqlite_url(home / "wherefrom.db"))
    ledger = Ledger(database)
    _ask(ledger, "r-1", "Who is Zebulon?", "Zebulon is a baker. " * 500)
    erase_run(ledger, "r-1", **WHY)
    assert not any(b"Zebulon" in path.read_bytes() for path in home.iterdir())
    ledger.close()
    database.close()


def test_a_document_is_erased_from_every_run_that_used_it(ledger: Ledger) -> None:
    _ask(ledger, "r-1", "Who is Zebulon?", "A baker.", DIGEST)
    _ask(ledger, "r-2", "Who is Ines?", "A pilot.")
    done = erase_document(ledger, DIGEST.upper(), **WHY)
    assert (done.contents, done.runs) == (3, 1)
    assert [entry.contents for entry in ledger.run_entries("r-1")] == [
        {"question": "Who is Zebulon?"},
        {"passages": None},
        {"answer": None, "data": None},
    ]
    assert record(ledger, "r-2").answer == "A pilot."
    assert ledger.verify().ok
    assert erase_document(ledger, DIGEST, **WHY).contents == 0


def test_a_person_is_erased_wherever_a_text_names_them(ledger: Ledger) -> None:
    _ask(ledger, "r-1", "Where does ZOË Marš live?", "Zoë lives in Brno.")
    _ask(ledger, "r-2", "Who is Ines?", "A friend of zoë marš.")
    assert find_person(ledger, ["zoë marš"]) == [(1, "question"), (5, "passages"), (6, "answer")]
    done = erase_person(ledger, ["zoë marš"], **WHY)
    assert (done.contents, done.runs) == (3, 2)
    assert find_person(ledger, ["zoë marš"]) == []
    assert ledger.content(4, "question") == "Who is Ines?"
    assert ledger.verify().ok
    [event] = ledger.run_entries(done.run)
    assert event.body["names"] == 1 and "names" not in event.contents  # the person is not kept in the proof of it
    erase_run(ledger, done.run, **WHY)
    assert ledger.verify().ok
    assert ledger.run_entries(done.run)[0].contents == {"reason": None, "requested_by": None}


def test_what_quotes_an_erased_text_in_the_same_conversation_goes_with_it(ledger: Ledger) -> None:
    _ask(ledger, "r-1", "Who is Zebulon?", "Zebulon is a baker of great renown.")
    ledger.append(kind="model_call", run="r-2", body={}, contents={"prompt": "user: Who is Zebulon?", "output": "Yes."})
    ledger.append(kind="model_call", run="r-3", body={}, contents={"prompt": "user: Who is Ines?"})
    plan = widened(ledger, plan_runs(ledger, ["r-1"]), fellows=["r-2", "r-3"], names=["question", "answer"])
    assert plan.runs == ["r-1", "r-2"] and plan.targets[-1] == (4, "prompt", "r-2")
    carry_out(ledger, plan, **WHY)
    assert ledger.run_entries("r-2")[0].contents == {"output": "Yes.", "prompt": None}
    assert ledger.run_entries("r-3")[0].contents == {"prompt": "user: Who is Ines?"}
    assert ledger.verify().ok


def test_a_document_leaves_the_other_files_of_its_ingest_alone(ledger: Ledger) -> None:
    ledger.append(kind="ingest", run="r-1", body={}, contents={"paths": "one.pdf\ntwo.pdf"})
    ledger.append(kind="document_added", run="r-1", body={"digest": DIGEST}, contents={"name": "one.pdf"})
    ledger.append(kind="document_added", run="r-1", body={"digest": "cd" * 32}, contents={"name": "two.pdf"})
    plan = plan_document(ledger, DIGEST)
    assert plan.targets == [(2, "name", "r-1")]
    assert plan_document(ledger, DIGEST, names=["one.pdf"]).targets == [(2, "name", "r-1"), (1, "paths", "r-1")]


def test_many_contents_are_erased_by_several_events_at_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "ERASURES_PER_EVENT", 3)
    _ask(ledger, "r-1", "one", "two")
    _ask(ledger, "r-1", "three", "four")
    done = erase_run(ledger, "r-1", **WHY)
    assert [receipt.seq for receipt in done.receipts] == [7, 8, 9]
    assert ledger.verify().ok


def test_an_erasure_of_what_is_gone_or_unknown_changes_nothing(ledger: Ledger) -> None:
    _ask(ledger, "r-1", "one", "two")
    assert erase_contents(ledger, [(1, "question"), (1, "unknown"), (9, "question")], **WHY).contents == 1
    again = erase_contents(ledger, [(1, "question")], **WHY)
    assert (again.contents, again.receipts) == (0, [])
    assert ledger.head().seq == 4
    assert ledger.verify().ok


def test_an_erasure_needs_a_target_a_requester_and_a_reason(ledger: Ledger) -> None:
    _ask(ledger, "r-1", "one", "two")
    with pytest.raises(NotFoundError):
        erase_run(ledger, "r-9", **WHY)
    with pytest.raises(UsageError):
        erase_run(ledger, "r-1", requested_by=" ", reason="x")
    with pytest.raises(UsageError):
        erase_run(ledger, "r-1", requested_by="x", reason="")
    with pytest.raises(UsageError):
        erase_document(ledger, "%", **WHY)
    with pytest.raises(UsageError):
        erase_person(ledger, ["Al"], **WHY)
    assert ledger.head().seq == 3
