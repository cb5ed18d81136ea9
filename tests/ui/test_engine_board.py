"""The board of runs: many watchers, late comers, one answer at a time, stop."""

from __future__ import annotations

import threading
import time

import pytest

from agent.updates import Answer, Done, Failed, Step, Stopped, Token, Update
from provenance.errors import GenerationError, NotFoundError
from tests.fake_engine import FakeEngine
from ui.engine.board import Emit, RunBoard, Work


def _answer(run: str, text: str) -> Answer:
    return Answer(run=run, conversation="c", question="q", text=text, refused=False)


def _words(run: str, *, gate: threading.Event | None = None) -> Work:
    """A run that writes five tokens, once the gate is open."""

    def work(stop: threading.Event, emit: Emit) -> None:
        while gate is not None and not gate.wait(0.01):
            if stop.is_set():
                emit(Stopped(answer=_answer(run, "")))
                return
        for i in range(5):
            emit(Token(text=str(i)))
        emit(Done(answer=_answer(run, "01234")))

    return work


def test_everyone_who_watches_sees_every_update_in_order() -> None:
    board, gate = RunBoard(), threading.Event()
    board.start("r", _words("r", gate=gate))
    seen: list[list[Update]] = [[], []]
    threads = [threading.Thread(target=lambda out=out: out.extend(board.watch("r"))) for out in seen]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(5)
    assert seen[0] == seen[1]
    assert [update.n for update in seen[0]] == list(range(6))
    assert isinstance(seen[0][-1], Done)


def test_a_watcher_that_comes_back_gets_only_what_it_missed() -> None:
    board = RunBoard()
    board.start("r", _words("r"))
    list(board.watch("r"))
    assert [update.n for update in board.watch("r", after=3)] == [4, 5]
    assert list(board.watch("r", after=5)) == []
    assert [update.n for update in board.updates("r", after=4)] == [5]


def test_the_second_question_waits_its_turn_and_says_so() -> None:
    board, gate = RunBoard(), threading.Event()
    board.start("one", _words("one", gate=gate))
    board.start("two", _words("two"))
    watcher = board.watch("two")
    first = next(watcher)
    assert isinstance(first, Step) and first.name == "waiting"
    assert board.running() == ["one", "two"]
    gate.set()
    kinds = [type(update) for update in watcher]
    assert kinds[0] is Step and kinds[-1] is Done


def test_a_waiting_question_can_be_stopped_before_its_turn() -> None:
    board, gate = RunBoard(), threading.Event()
    board.start("one", _words("one", gate=gate))
    board.start("two", _words("two", gate=threading.Event()))
    began = time.monotonic()
    board.stop("two")
    assert isinstance(list(board.watch("two"))[-1], Stopped)
    assert time.monotonic() - began < 1
    assert board.running() == ["one"]
    gate.set()
    assert isinstance(list(board.watch("one"))[-1], Done)


def test_an_error_becomes_a_sentence_with_its_hint() -> None:
    def work(_stop: threading.Event, emit: Emit) -> None:
        emit(Token(text="half"))
        raise GenerationError("The model died.", hint="Ask again.")

    board = RunBoard()
    board.start("r", work)
    last = list(board.watch("r"))[-1]
    assert isinstance(last, Failed) and (last.message, last.hint) == ("The model died.", "Ask again.")


def test_a_bug_and_a_missing_end_are_told_too(caplog: pytest.LogCaptureFixture) -> None:
    def bug(_stop: threading.Event, emit: Emit) -> None:
        emit(Token(text="half"))
        raise ValueError("private text")

    board = RunBoard()
    board.start("bug", bug)
    board.start("short", lambda _stop, emit: emit(Token(text="x")))
    last = list(board.watch("bug"))[-1]
    assert isinstance(last, Failed) and "private" not in last.message
    assert isinstance(list(board.watch("short"))[-1], Failed)


def test_an_unknown_run_is_refused_at_once() -> None:
    with pytest.raises(NotFoundError):
        RunBoard().watch("r-none")


def test_the_fake_engine_answers_refuses_and_fails() -> None:
    fake = FakeEngine(token_s=0.0, file_s=0.0)
    done = list(fake.watch(fake.ask("Why did turbine T7 stand still?")))[-1]
    assert isinstance(done, Done) and done.answer.citations and "41 days" in done.answer.text
    refused = list(fake.watch(fake.ask("Who painted it?")))[-1]
    assert isinstance(refused, Done) and refused.answer.refused and not refused.answer.citations
    assert isinstance(list(fake.watch(fake.ask("please fail")))[-1], Failed)
    assert fake.verify().ok
    fake.close()


def test_what_goes_wrong_after_the_end_is_not_told_again() -> None:
    def work(_stop: threading.Event, emit: Emit) -> None:
        emit(Failed(message="first"))
        raise GenerationError("second")

    board = RunBoard()
    board.start("r", work)
    assert [update.n for update in board.watch("r")] == [0]
    board.close()
    assert len(board.updates("r")) == 1


def test_the_log_says_where_a_bug_was_and_not_what_the_person_asked(caplog: pytest.LogCaptureFixture) -> None:
    def bug(_stop: threading.Event, _emit: Emit) -> None:
        try:
            raise KeyError("my private question")
        except KeyError as exc:
            raise ValueError("my private question") from exc

    board = RunBoard()
    board.start("r", bug)
    list(board.watch("r"))
    board.close()
    assert "ValueError" in caplog.text and "KeyError" in caplog.text and "test_engine_board.py" in caplog.text
    assert "private question\n" not in caplog.text.replace('"my private question")', "")
