"""The engine's door and its client: every call over real HTTP, and nobody else gets in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from agent.updates import Done, Failed, Token
from provenance.errors import (
    AppError,
    DocumentError,
    GenerationError,
    LedgerCorruptError,
    NotFoundError,
    UsageError,
)
from tests.fake_engine import FakeEngine
from tests.ui.engine_process import KEY, served
from ui.engine.client import EngineClient
from ui.engine.wire import error_body, error_status, rebuild_error


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[tuple[EngineClient, FakeEngine, str]]:
    fake = FakeEngine(token_s=0.005, file_s=0.0)
    with served(tmp_path, fake) as (client, url):
        yield client, fake, url


def test_an_answer_streams_token_by_token_over_the_wire(engine: tuple[EngineClient, FakeEngine, str]) -> None:
    client, fake, _ = engine
    run = client.ask("Why did turbine T7 stand still?")
    seen = list(client.watch(run))
    assert seen == fake.board.updates(run)
    assert sum(isinstance(update, Token) for update in seen) > 5
    last = seen[-1]
    assert isinstance(last, Done) and last.answer.citations[0].document == "turbine-report.pdf"
    assert client.updates(run, after=last.n - 1) == [last]
    assert client.citation(run, 1) == last.answer.citations[0]
    assert client.record(run).answer == last.answer


def test_two_people_may_watch_one_answer(engine: tuple[EngineClient, FakeEngine, str]) -> None:
    client, _, _ = engine
    run = client.ask("Tell me something long about the turbine")
    lists: list[list[object]] = [[], []]
    threads = [threading.Thread(target=lambda out=out: out.extend(client.watch(run))) for out in lists]
    for thread in threads:
        thread.start()
    client.stop(run)
    for thread in threads:
        thread.join(10)
    assert lists[0] == lists[1] and lists[0]


def test_every_other_call_crosses_the_wire(engine: tuple[EngineClient, FakeEngine, str]) -> None:
    client, fake, _ = engine
    assert client.state().documents == 3
    assert client.doctor() == fake.doctor() and client.doctor(full=True) == fake.doctor(full=True)
    assert client.backends() == fake.backends() and client.models() == fake.models()
    assert [client.card(name) for name in client.card_names()] == [fake.card(name) for name in fake.card_names()]
    with pytest.raises(NotFoundError, match="no model called"):
        client.card("none")
    conversation = client.new_conversation()
    client.rename_conversation(conversation, "Wind 🌬️")
    assert [row.title for row in client.conversations()] == ["Wind 🌬️"]
    assert client.conversation(conversation) == []
    client.delete_conversation(conversation)
    document = client.documents()[0]
    assert client.search("yaw gear cracked", top_k=1)[0].document == document.name
    assert client.page(document.id, 2, start=3, end=9).start == 3
    assert client.page_image(document.id, 1, width_px=300).startswith(b"\x89PNG")
    client.delete_document(document.id)
    assert len(client.documents()) == 2
    assert client.runs(text="no such title") == []
    assert [event.seq for event in client.events(after=1, limit=2)] == [2, 3]
    assert client.verify().ok


def test_names_with_quotes_newlines_and_emoji_arrive_exactly(engine: tuple[EngineClient, FakeEngine, str]) -> None:
    client, fake, _ = engine
    names = ['say "hi".txt', "two\nlines.txt", "🦉 ö.txt", "a;b=c%20.txt"]
    job = client.upload([(name, f"text of {i}".encode()) for i, name in enumerate(names)])
    assert [row.path for row in job.files] == names
    while client.job(job.id).state == "running":
        pass
    assert {row.name for row in fake.documents()} >= set(names)
    assert client.jobs()[0].id == job.id
    client.stop_job(job.id)


def test_files_of_this_machine_are_ingested_by_path(
    engine: tuple[EngineClient, FakeEngine, str], tmp_path: Path
) -> None:
    client, _, _ = engine
    (tmp_path / "note.txt").write_text("A note.")
    assert client.ingest([str(tmp_path / "note.txt")]).files_total == 1
    with pytest.raises(NotFoundError, match="does not exist"):
        client.ingest([str(tmp_path / "none.txt")])


def test_errors_come_back_as_what_they_were(engine: tuple[EngineClient, FakeEngine, str]) -> None:
    client, _, _ = engine
    with pytest.raises(UsageError, match="empty") as caught:
        client.ask("   ")
    assert caught.value.hint
    with pytest.raises(UsageError, match="too long"):
        client.ask("x" * 50_000)
    with pytest.raises(UsageError):
        client.upload([])
    with pytest.raises(NotFoundError):
        list(client.watch("r-none"))
    with pytest.raises(NotFoundError):
        client.page(1, 99)
    assert isinstance(list(client.watch(client.ask("please fail")))[-1], Failed)


@pytest.mark.parametrize(
    "error",
    [
        UsageError("a", hint="b"),
        DocumentError("a"),
        GenerationError("a", hint="b"),
        LedgerCorruptError("a", seq=7, hint="b"),
    ],
)
def test_an_error_survives_the_round_trip(error: AppError) -> None:
    again = rebuild_error(error_body(error))
    assert (type(again), str(again), again.hint) == (type(error), str(error), error.hint)
    assert getattr(again, "seq", None) == getattr(error, "seq", None)
    assert 400 <= error_status(error) < 600


def test_an_error_from_elsewhere_never_becomes_another_class() -> None:
    assert type(rebuild_error({"error": "annotations", "message": "m"})) is AppError
    assert type(rebuild_error({})) is AppError


def test_a_request_with_a_wrong_shape_is_wrong_use(engine: tuple[EngineClient, FakeEngine, str]) -> None:
    _, _, url = engine
    answer = httpx.post(f"{url}/v1/runs", json={}, headers={"Authorization": f"Bearer {KEY}"})
    assert answer.status_code == 400 and answer.json()["error"] == "UsageError"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Bearer {KEY}", "Host": "evil.example"}, 403),
        ({"Authorization": f"Bearer {KEY}", "Origin": "http://evil.example"}, 403),
    ],
)
def test_strangers_are_refused_on_every_path(
    engine: tuple[EngineClient, FakeEngine, str], headers: dict[str, str], status: int
) -> None:
    _, _, url = engine
    for path in ("/v1/hello", "/v1/state", "/v1/runs", "/", "/docs", "/openapi.json"):
        assert httpx.get(f"{url}{path}", headers=headers).status_code == status
