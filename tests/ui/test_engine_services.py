"""The services behind the engine: real SQLite, FAISS, ledger and agent; only the weights are pretended."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

import pytest

from agent.updates import Done, Failed, Step, Stopped, Token
from provenance.errors import BackendUnavailableError, NotFoundError, StorageError, UsageError
from tests.ui.houses import KEEPER, Build, house, make
from ui.api import IngestJob
from ui.services import Services

__all__ = ["house", "make"]


def _wait(services: Services, job: IngestJob) -> IngestJob:
    deadline = time.monotonic() + 30
    while job.state in ("waiting", "running") and time.monotonic() < deadline:
        time.sleep(0.02)
        job = services.job(job.id)
    assert job.state == "done", job
    return job


def test_a_question_is_answered_cited_kept_and_recorded(house: Services) -> None:
    run = house.ask("Who is the keeper of the lighthouse?")
    updates = list(house.watch(run))
    last = updates[-1]
    assert isinstance(last, Done) and not last.answer.refused
    assert "Oda Brandt" in last.answer.text and any(isinstance(update, Token) for update in updates)
    cited = house.citation(run, last.answer.citations[0].n)
    assert cited.document == "keeper.txt" and cited.quote in KEEPER.decode()
    page = house.page(cited.document_id, cited.page, start=cited.start, end=cited.end)
    assert page.text[cited.start : cited.end] == cited.quote and page.start == cited.start
    question, answer = house.conversation(last.answer.conversation)
    assert (question.role, answer.role, answer.state) == ("user", "assistant", "done")
    assert answer.answer == last.answer and answer.run == run
    record = house.record(run)
    assert {"request", "plan", "retrieval", "model_call", "answer"} <= {event.kind for event in record.events}
    assert record.answer == last.answer and record.run.state == "done"
    assert house.verify().ok


def test_what_no_passage_holds_is_refused(house: Services) -> None:
    last = list(house.watch(house.ask("Where does the zebra live?")))[-1]
    assert isinstance(last, Done) and last.answer.refused and not last.answer.citations
    assert house.runs()[0].refused


def test_an_answer_can_be_written_again(house: Services) -> None:
    first = house.ask("Who is the keeper of the lighthouse?")
    end = list(house.watch(first))[-1]
    assert isinstance(end, Done)
    again = house.ask("", regenerate=first)
    assert isinstance(list(house.watch(again))[-1], Done)
    messages = house.conversation(end.answer.conversation)
    assert [message.run for message in messages] == [first, again]
    assert house.updates(first)[-1] == end
    with pytest.raises(NotFoundError):
        house.ask("", regenerate="r-none")


def test_stop_ends_an_answer_within_a_second_and_keeps_what_was_written(make: Build) -> None:
    house = make(seed=60)
    _wait(house, house.upload([("keeper.txt", KEEPER)]))
    run = house.ask("Who is the keeper of the lighthouse?")
    written = ""
    for update in house.watch(run):
        if isinstance(update, Token):
            written += update.text
            break
    began = time.monotonic()
    house.stop(run)
    last = list(house.watch(run))[-1]
    assert time.monotonic() - began < 1.0
    assert isinstance(last, Stopped) and last.answer.text.startswith(written.strip())
    assert house.conversation(last.answer.conversation)[1].state == "stopped"
    assert house.record(run).run.state == "stopped"
    house.stop(run)  # nothing left to stop


def test_stop_reaches_a_model_that_has_not_said_a_word_yet(house: Services) -> None:
    house.parts.backend.delay_ms = 30_000.0  # type: ignore[attr-defined]
    run = house.ask("Who is the keeper of the lighthouse?")
    while not any(isinstance(update, Step) and update.name == "read" for update in house.updates(run)):
        time.sleep(0.01)
    time.sleep(0.1)
    began = time.monotonic()
    house.stop(run)
    assert isinstance(list(house.watch(run))[-1], Stopped)
    assert time.monotonic() - began < 1.0
    assert house.record(run).run.state == "stopped"


def test_an_answer_is_told_again_after_a_restart(make: Build, house: Services) -> None:
    run = house.ask("How many loaves does the bakery sell?")
    end = list(house.watch(run))[-1]
    assert isinstance(end, Done)
    again = make()
    assert list(again.watch(run)) == [Done(answer=end.answer)]
    assert again.updates(run, after=7) == [Done(n=8, answer=end.answer)]
    assert [row.name for row in again.documents()] == ["bakery.txt", "keeper.txt"]
    assert again.search("oven")[0].document == "bakery.txt"


def test_a_deleted_conversation_leaves_no_text_and_a_whole_ledger(house: Services) -> None:
    run = house.ask("Who is the keeper of the lighthouse?")
    end = list(house.watch(run))[-1]
    assert isinstance(end, Done)
    house.delete_conversation(end.answer.conversation)
    with pytest.raises(NotFoundError):
        house.conversation(end.answer.conversation)
    for event in house.record(run).events:
        assert all(text is None for text in event.contents.values())
    assert house.runs()[0].title != "Who is the keeper of the lighthouse?"
    assert house.verify().ok
    assert house.events()[-1].kind == "erasure"
    with pytest.raises(NotFoundError):
        house.citation(run, 1)


@pytest.mark.parametrize("what", ["conversation", "document", "erasure"])
def test_what_a_model_kept_of_prompts_goes_with_what_is_deleted(house: Services, tmp_path: Path, what: str) -> None:
    kept = tmp_path / "home" / "warm" / "0123" / "slot-0.bin"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"keys and values")
    match what:
        case "conversation":
            house.delete_conversation(house.new_conversation())
        case "document":
            house.delete_document(house.documents()[0].id)
        case "erasure":
            house.erase(document="keeper.txt", requested_by="a person", reason="asked")
    assert not kept.exists()


def test_a_conversation_that_is_being_answered_can_be_deleted(make: Build) -> None:
    house = make(seed=60)
    _wait(house, house.upload([("keeper.txt", KEEPER)]))
    conversation = house.new_conversation()
    run = house.ask("Who is the keeper of the lighthouse?", conversation=conversation)
    house.delete_conversation(conversation)
    assert house.conversations() == []
    assert house.board.running() == []
    assert all(text is None for event in house.record(run).events for text in event.contents.values())
    assert house.verify().ok


def test_files_of_this_machine_are_listed_with_their_reasons(house: Services, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("The mast is 41 metres high.")
    (tmp_path / "bad.bin").write_bytes(b"\xff\xfe\xfd")
    job = _wait(house, house.ingest([str(tmp_path / "good.txt"), str(tmp_path / "bad.bin")]))
    assert {Path(row.path).name: row.status for row in job.files} == {"good.txt": "added", "bad.bin": "failed"}
    assert all(row.reason and row.hint for row in job.files if row.status == "failed")
    assert house.jobs()[0].id == job.id
    assert "good.txt" in next(row for row in house.runs(kind="ingest") if row.run == job.run).title
    with pytest.raises(UsageError, match="absolute"):
        house.ingest(["good.txt"])
    with pytest.raises(NotFoundError):
        house.job("j-none")


def test_uploads_leave_nothing_in_the_staging_folder(house: Services) -> None:
    staged = house.staging() / "abc"
    staged.write_bytes(b"The pier is 12 metres long.")
    _wait(house, house.upload_files([("pier.txt", staged)]))
    assert not list(house.staging().iterdir())
    assert "pier.txt" in {row.name for row in house.documents()}


def test_a_deleted_document_is_out_of_answers_at_once(house: Services) -> None:
    number = next(row.id for row in house.documents() if row.name == "keeper.txt")
    house.delete_document(number)
    assert all(hit.document != "keeper.txt" for hit in house.search("keeper lighthouse"))
    with pytest.raises(NotFoundError):
        house.page(number, 1)
    with pytest.raises(NotFoundError):
        house.delete_document(number)


@pytest.mark.parametrize("question", ["", " \n", "x" * 50_000])
def test_a_bad_question_leaves_no_trace(house: Services, question: str) -> None:
    with pytest.raises(UsageError) as caught:
        house.ask(question)
    assert caught.value.hint
    assert house.conversations() == []


def test_a_bad_search_and_a_bad_span_are_bounded(house: Services) -> None:
    for query in ("", "x" * 50_000):
        with pytest.raises(UsageError):
            house.search(query)
    with pytest.raises(UsageError):
        house.search("x", top_k=1000)
    number = house.documents()[0].id
    view = house.page(number, 1, start=-5, end=10**9)
    assert (view.start, view.end) == (0, len(view.text))
    assert house.page(number, 1, start=9, end=2).start is None
    with pytest.raises(NotFoundError, match="no picture"):
        house.page_image(number, 1)


def test_a_locked_database_is_one_sentence_and_nothing_is_half_done(
    make: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provenance.database.BUSY_TIMEOUT_MS", 100)
    house = make()
    with contextlib.closing(sqlite3.connect(tmp_path / "home" / "wherefrom.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked") as caught:
            house.ask("Who is the keeper?")
        assert caught.value.hint
        with pytest.raises(StorageError, match="locked"):
            house.upload([("keeper.txt", KEEPER)])
        other.rollback()
    assert house.conversations() == [] and house.jobs() == []
    _wait(house, house.upload([("keeper.txt", KEEPER)]))
    assert isinstance(list(house.watch(house.ask("Who is the keeper?")))[-1], Done)


def test_only_emoji_is_answered_or_refused(house: Services) -> None:
    assert isinstance(list(house.watch(house.ask("🦉🦉🦉")))[-1], Done)


def test_a_backend_that_cannot_run_is_said_before_anything_is_written(make: Build) -> None:
    house = make()
    house.parts.backend.available = lambda: "The weights are missing."  # type: ignore[method-assign]
    with pytest.raises(BackendUnavailableError, match="weights"):
        house.ask("Who?")
    assert house.conversations() == [] and house.events() == []


def test_a_model_that_breaks_ends_the_run_with_a_sentence(house: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.parts.assistant, "run", lambda *_args, **_options: 1 // 0)
    run = house.ask("Who is the keeper?")
    last = list(house.watch(run))[-1]
    assert isinstance(last, Failed) and "division" not in last.message
    [row] = house.conversations()
    assert house.conversation(row.id)[1].state == "failed"
    assert house.record(run).run.state == "failed"


def test_the_state_and_the_doctor_tell_how_things_are(house: Services) -> None:
    state = house.state()
    assert (state.documents, state.jobs_running, state.runs_running) == (2, 0, 0)
    assert state.passages >= 2 and state.memory_bytes > 0 and "openai_key" not in state.settings
    checks = {check.name: check for check in house.doctor()}
    assert all(checks[name].ok for name in ("ledger", "library", "parser", "model", "database", "loopback"))
    assert {row.name for row in house.backends()} >= {"fake", "llamacpp"}
    assert any(row.default for row in house.models())


def test_a_changed_ledger_is_found(make: Build, house: Services, tmp_path: Path) -> None:
    house.close()
    with sqlite3.connect(tmp_path / "home" / "wherefrom.db") as conn:
        for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            conn.execute(f'DROP TRIGGER "{name}"')
        conn.execute("UPDATE ledger_entry SET body = replace(body, '2', '3') WHERE seq = 2")
    again = make()
    found = again.verify()
    assert not found.ok and found.first_bad == 2
    ledger = next(check for check in again.doctor() if check.name == "ledger")
    assert not ledger.ok and ledger.hint
