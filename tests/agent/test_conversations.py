"""Conversation memory on a real SQLite file."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.conversations import UNTITLED, Conversations, title_from
from provenance.database import Database, open_database, sqlite_url
from provenance.errors import NotFoundError, UsageError
from provenance.ledger import Ledger, new_run_id

EVIDENCE = [
    {
        "n": 1,
        "passage_id": 7,
        "document_id": 2,
        "page": 3,
        "start": 10,
        "end": 42,
        "text": "Die Miete beträgt 950 € – „kalt“.\n\u2028",
        "label": "lease.pdf, page 3",
    }
]
EXCHANGE = [
    {"role": "user", "content": "[1] (lease.pdf, page 3)\nDie Miete  beträgt 950 €.\n\nWhat is the rent? "},
    {"role": "assistant", "content": "950 euros [1].\n"},
]


@pytest.fixture
def store(database: Database) -> Conversations:
    return Conversations(database)


def _ask(store: Conversations, conversation: str, question: str, answer: str = "Yes.") -> str:
    run = new_run_id()
    store.append_user(conversation, run, question)
    assert store.append_assistant(conversation, run, answer, "{}", "done", exchange=EXCHANGE, evidence=EVIDENCE)
    return run


def test_a_question_and_its_answer_come_back_in_order(store: Conversations) -> None:
    conversation = store.create()
    first = _ask(store, conversation, "What is the rent?", "950 euros [1].")
    second = new_run_id()
    store.append_user(conversation, second, "Since when?")
    shown = [(m.turn, m.role, m.run, m.text, m.state) for m in store.messages(conversation)]
    assert shown == [
        (1, "user", first, "What is the rent?", "done"),
        (1, "assistant", first, "950 euros [1].", "done"),
        (2, "user", second, "Since when?", "done"),
        (2, "assistant", second, "", "running"),
    ]


def test_a_conversation_keeps_where_its_last_question_looked(store: Conversations) -> None:
    conversation, other = store.create(), store.create()
    for scope, kept in ((None, ""), ('{"folder": "/a"}', '{"folder": "/a"}'), (None, '{"folder": "/a"}'), ("", "")):
        store.append_user(conversation, new_run_id(), "What is the rent?", scope=scope)
        assert store.scope(conversation) == kept
    store.append_user(conversation, new_run_id(), "And where?", scope='{"folder": "/b"}')
    assert store.scope(other) == ""
    store.delete(conversation)
    with pytest.raises(NotFoundError):
        store.scope(conversation)


def test_history_gives_back_exactly_what_the_model_had(store: Conversations) -> None:
    conversation = store.create()
    run = _ask(store, conversation, "What is the rent?", "950 euros [1].")
    (turn,) = store.history(conversation)
    assert (turn.run, turn.question, turn.answer, turn.state) == (run, "What is the rent?", "950 euros [1].", "done")
    assert list(turn.exchange) == EXCHANGE
    assert list(turn.evidence) == EVIDENCE


def test_history_leaves_out_what_is_running_and_names_what_was_cut_off(store: Conversations) -> None:
    conversation = store.create()
    _ask(store, conversation, "One?")
    stopped = new_run_id()
    store.append_user(conversation, stopped, "Two?")
    store.append_assistant(conversation, stopped, "It", None, "stopped", evidence=EVIDENCE)
    running = new_run_id()
    store.append_user(conversation, running, "Three?")
    assert [(t.question, t.state) for t in store.history(conversation)] == [("One?", "done"), ("Two?", "stopped")]
    assert [t.question for t in store.history(conversation, before_run=stopped)] == ["One?"]


def test_an_answer_written_again_replaces_the_old_one_and_keeps_it(store: Conversations) -> None:
    conversation = store.create()
    old = _ask(store, conversation, "What is the rent?", "900 euros.")
    new = new_run_id()
    assert store.replace_last_assistant(conversation, old, new) == "What is the rent?"
    assert [m.state for m in store.messages(conversation)] == ["done", "running"]
    assert store.history(conversation) == []
    store.append_assistant(conversation, new, "950 euros.")
    assert [m.text for m in store.messages(conversation)] == ["What is the rent?", "950 euros."]
    variants = [(m.run, m.text, m.superseded_by) for m in store.messages(conversation, variants=True)][1:]
    assert variants == [(old, "900 euros.", new), (new, "950 euros.", None)]
    assert [t.answer for t in store.history(conversation)] == ["950 euros."]


def test_only_the_last_finished_answer_can_be_written_again(store: Conversations) -> None:
    conversation = store.create()
    first = _ask(store, conversation, "One?")
    last = _ask(store, conversation, "Two?")
    with pytest.raises(UsageError, match="last answer"):
        store.replace_last_assistant(conversation, first, new_run_id())
    again = new_run_id()
    store.replace_last_assistant(conversation, last, again)
    with pytest.raises(UsageError, match="still being written"):
        store.replace_last_assistant(conversation, again, new_run_id())
    with pytest.raises(UsageError, match="last answer"):
        store.replace_last_assistant(conversation, last, new_run_id())
    with pytest.raises(NotFoundError):
        store.replace_last_assistant(store.create(), last, new_run_id())


def test_the_first_question_gives_the_title_until_a_person_does(store: Conversations) -> None:
    conversation = store.create()
    assert store.list()[0].title == UNTITLED
    _ask(store, conversation, "What is\nthe rent? ")
    _ask(store, conversation, "And the deposit?")
    assert store.list()[0].title == "What is the rent?"
    store.rename(conversation, " Flat \t in Bern ")
    _ask(store, conversation, "Since when?")
    assert store.list()[0].title == "Flat in Bern"
    with pytest.raises(UsageError):
        store.rename(conversation, " \n\u200b ")
    with pytest.raises(NotFoundError):
        store.rename("c-none", "x")


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("", UNTITLED),
        ("🎉🎉", "🎉🎉"),
        ("a" * 80, "a" * 59 + "…"),
        ("word " * 30, "word word word word word word word word word word word word…"),
        ("\x1b[31mred\x00", "[31mred"),
    ],
)
def test_a_title_is_one_short_readable_line(question: str, title: str) -> None:
    assert title_from(question) == title
    assert len(title) <= 60


def test_the_list_begins_with_the_latest_used_and_counts_what_is_shown(database: Database) -> None:
    times = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=n) for n in range(100))
    store = Conversations(database, clock=lambda: next(times))
    one, two = store.create(), store.create()
    assert [c.id for c in store.list()] == [two, one]
    old = _ask(store, one, "One?")
    store.replace_last_assistant(one, old, new_run_id())
    assert [(c.id, c.messages) for c in store.list()] == [(one, 2), (two, 0)]


def test_a_redacted_question_replaces_what_was_asked_and_the_title(store: Conversations) -> None:
    conversation, run = store.create(), new_run_id()
    store.append_user(conversation, run, "Is hunter2 safe?")
    store.append_assistant(conversation, run, "No.", question="Is [removed: password] safe?")
    assert store.messages(conversation)[0].text == "Is [removed: password] safe?"
    assert store.list()[0].title == "Is [removed: password] safe?"


def test_deleting_removes_every_byte_of_text(home: Path) -> None:
    database = open_database(sqlite_url(home / "own.db"))
    store = Conversations(database)
    keep, gone = store.create(), store.create()
    _ask(store, keep, "Keep-me-zebra?")
    old = _ask(store, gone, "Secret-walrus? " * 500, "Secret-answer " * 500)
    new = new_run_id()
    store.replace_last_assistant(gone, old, new)
    assert store.delete(gone) == [old, new]
    files = b"".join(path.read_bytes() for path in home.glob("own.db*"))
    assert b"zebra" in files
    assert b"walrus" not in files
    assert b"Secret-answer" not in files
    assert [c.id for c in store.list()] == [keep]
    for call in (store.messages, store.history, store.delete):
        with pytest.raises(NotFoundError):
            call(gone)
    assert store.find(old) is None
    database.close()


def test_deleting_can_join_a_transaction_and_falls_with_it(database: Database, ledger: Ledger) -> None:
    store = Conversations(database)
    conversation = store.create()
    run = _ask(store, conversation, "One?")
    with pytest.raises(ZeroDivisionError), database.write() as conn:
        runs = store.delete(conversation, connection=conn)
        ledger.append_within(conn, kind="conversation_deleted", run=run, body={"runs": runs})
        raise ZeroDivisionError
    assert len(store.messages(conversation)) == 2
    assert ledger.head().seq == 0


def test_an_answer_for_a_deleted_conversation_is_dropped(store: Conversations) -> None:
    conversation, run = store.create(), new_run_id()
    store.append_user(conversation, run, "One?")
    store.delete(conversation)
    assert store.append_assistant(conversation, run, "Late.") is False
    with pytest.raises(NotFoundError):
        store.append_user(conversation, new_run_id(), "Two?")


def test_what_a_dead_process_left_running_becomes_interrupted(home: Path) -> None:
    url = sqlite_url(home / "own.db")
    first = open_database(url)
    store = Conversations(first)
    conversation, run = store.create(), new_run_id()
    _ask(store, conversation, "One?")
    store.append_user(conversation, run, "Two?")
    first.close()
    second = open_database(url)
    store = Conversations(second)
    assert store.recover() == [run]
    assert store.recover() == []
    assert [m.state for m in store.messages(conversation)] == ["done", "done", "done", "interrupted"]
    again = new_run_id()
    assert store.replace_last_assistant(conversation, run, again) == "Two?"
    second.close()


def test_two_threads_write_at_once_and_no_turn_is_lost(database: Database) -> None:
    store = Conversations(database)
    conversation = store.create()
    barrier = threading.Barrier(2)
    failures: list[BaseException] = []

    def write(name: str) -> None:
        try:
            barrier.wait()
            for n in range(15):
                _ask(store, conversation, f"{name}{n}", f"re {name}{n}")
        except BaseException as exc:  # noqa: BLE001 - a thread's failure must reach the test
            failures.append(exc)

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    turns = store.history(conversation)
    assert len(turns) == 30
    assert all(turn.answer == f"re {turn.question}" for turn in turns)
    for name in "ab":
        assert [t.question for t in turns if t.question.startswith(name)] == [f"{name}{n}" for n in range(15)]
    assert [m.turn for m in store.messages(conversation)] == [n for n in range(1, 31) for _ in range(2)]
