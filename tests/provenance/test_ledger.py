"""Appending and reading."""

from __future__ import annotations

import threading

import pytest

from provenance.database import Database
from provenance.entry import GENESIS, commitment, entry_digest
from provenance.errors import LedgerError, NotFoundError
from provenance.ledger import Event, Ledger, new_run_id


def test_an_appended_event_can_be_read_back(ledger: Ledger) -> None:
    run = new_run_id()
    receipt = ledger.append(kind="request", run=run, body={"n": 1.5}, contents={"question": "Who?", "file": b"\x00"})
    [entry] = ledger.run_entries(run)
    assert (
        (entry.seq, entry.digest, entry.at) == (receipt.seq, receipt.digest, receipt.at) == (1, entry.digest, entry.at)
    )
    assert entry.previous == GENESIS
    assert entry.contents == {"question": "Who?", "file": b"\x00"}
    assert entry.body["n"] == 1.5
    assert entry.body["commitments"]["question"]["bytes"] == 4
    assert ledger.content(1, "question") == "Who?"
    assert ledger.head().digest == receipt.digest
    with pytest.raises(NotFoundError):
        ledger.content(1, "answer")


def test_entries_form_one_chain_whoever_appends(ledger: Ledger) -> None:
    def work() -> None:
        for n in range(20):
            ledger.append(kind="tool_call", run=new_run_id(), body={"n": n})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = ledger.entries()
    assert [entry.seq for entry in entries] == list(range(1, 161))
    assert [entry.previous for entry in entries] == [GENESIS, *(entry.digest for entry in entries[:-1])]


def test_private_text_is_in_the_body_only_as_a_salted_commitment(ledger: Ledger) -> None:
    first = ledger.append(kind="answer", run="r-1", body={}, contents={"text": "the same secret"})
    second = ledger.append(kind="answer", run="r-1", body={}, contents={"text": "the same secret"})
    one, two = ledger.entries()
    assert "secret" not in str(one.body)
    assert one.body["commitments"] != two.body["commitments"]
    assert first.seq + 1 == second.seq


def test_digests_are_those_of_the_written_format() -> None:
    """Numbers computed by hand with `printf ... | sha256sum`, so that the format cannot drift unnoticed."""
    entry = "53ea2858ae4e7b912e2a5806a59043849d8313a29a20de22bcb7a3f4f4c04174"
    content = "24ee0819fff17a91ecaeae2533eba81a3b62e2a9da49dd86a41247b0fb096cde"
    assert entry_digest(1, "a", "b", "c", "d", "{}") == f"v1:{entry}"
    assert commitment(bytes(32), "hi") == {"sha256": content, "bytes": 2}


@pytest.mark.parametrize(
    "event",
    [
        Event(kind="answer", run="r-1", body={"score": float("nan")}),
        Event(kind="answer", run="r-1", body={"what": object()}),
        Event(kind="answer", run="r-1", body={1: 2}),  # type: ignore[dict-item]
        Event(kind="answer", run="r-1", body={"n": 2**60}),
        Event(kind="answer", run="r-1", body={"commitments": {}}),
        Event(kind="answer", run="r-1", body={"lone": "\ud800"}),
        Event(kind="answer", run="r-1", body={"\ud800": 1}),
        Event(kind="answer", run="r-1", body={}, contents={"text": "\ud800"}),
        Event(kind="answer", run="r-1", body={}, contents={"text": 5}),  # type: ignore[dict-item]
        Event(kind="An answer", run="r-1", body={}),
        Event(kind="answer", run="", body={}),
    ],
)
def test_what_cannot_be_recorded_exactly_is_refused_and_leaves_nothing(ledger: Ledger, event: Event) -> None:
    with pytest.raises(LedgerError):
        ledger.append_many([Event(kind="answer", run="r-1", body={}), event])
    assert ledger.head().seq == 0
    assert ledger.append(kind="answer", run="r-1", body={}).seq == 1


def test_a_closed_ledger_refuses_events(ledger: Ledger) -> None:
    ledger.append(kind="answer", run="r-1", body={})
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        ledger.append(kind="answer", run="r-1", body={})


def test_run_ids_sort_in_the_order_they_were_made() -> None:
    made = [new_run_id() for _ in range(1000)]
    assert made == sorted(set(made))
    assert all(len(run) == 28 for run in made)


def test_an_event_within_a_transaction_shares_its_fate(ledger: Ledger, database: Database) -> None:
    ledger.append(kind="ingest", run="r-1", body={})
    with pytest.raises(RuntimeError), database.write() as conn:
        ledger.append_within(conn, kind="document_added", run="r-1", body={"n": 1})
        raise RuntimeError("the rest of the transaction failed")
    assert ledger.head().seq == 1
    with database.write() as conn:
        receipt = ledger.append_within(conn, kind="document_added", run="r-1", body={}, contents={"name": "a.pdf"})
    ledger.append(kind="ingest_done", run="r-1", body={})
    first, second, third = ledger.entries(contents=True)
    assert (second.digest, second.previous, third.previous) == (receipt.digest, first.digest, second.digest)
    assert second.contents == {"name": "a.pdf"}
