"""kill -9 of the engine, or of the model's process, at random moments of ingest and chat.

After the next start: the ledger verifies, the index equals the library, and nothing that was acknowledged is lost: no
event that was read, no question that got its run, no file whose job was taken, no answer that was shown as done.
`WHEREFROM_FAULT_ROUNDS=50` kills as often as one likes.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.updates import Answer, Done, Failed
from provenance.errors import AppError, NotFoundError
from tests.ui.quick_house import QUICK
from ui.api import EngineApi, EventRow
from ui.engine.client import EngineClient
from ui.engine.launcher import ensure_engine, stop_engine
from ui.settings import Settings

ROUNDS = int(os.environ.get("WHEREFROM_FAULT_ROUNDS", "3"))
PAUSE_MS = 15  # of each embedded batch, page and written word: long enough to be hit
WAIT_S = 240.0  # of a loaded machine; what is waited for takes a second or two


@dataclass(slots=True)
class Acknowledged:
    """What the engine said it had, before it was killed."""

    runs: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    events: dict[int, str] = field(default_factory=dict)  # seq -> digest

    def see(self, rows: list[EventRow]) -> None:
        self.events.update({row.seq: row.digest for row in rows})


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    found = Settings(home=tmp_path / "home", seed=PAUSE_MS)
    yield found
    stop_engine(found)


def _write_files(folder: Path, count: int, salt: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        pages = [
            f"Station {salt}-{i}-{page} keeps {salt * 31 + i * 7 + page} lamps. It stands alone." for page in range(5)
        ]
        (folder / f"station-{salt}-{i}.txt").write_text("\f".join(pages))


def _asks(client: EngineApi, known: Acknowledged, salt: int) -> None:
    """A person who asks and watches, until the engine is gone."""
    with contextlib.suppress(AppError):
        for i in range(100):
            run = client.ask(f"How many lamps does station {salt}-{i % 4}-1 keep?")
            known.runs.append(run)
            for update in client.watch(run):
                if isinstance(update, Done):
                    known.answers[run] = update.answer


def _adds(client: EngineApi, known: Acknowledged, folder: Path, salt: int) -> None:
    """Another one who adds documents."""
    with contextlib.suppress(AppError):
        for i in range(4):
            _write_files(folder / str(i), 6, salt * 10 + i)
            known.jobs.append(client.ingest([str(folder / str(i))]).id)


def _reads(client: EngineApi, known: Acknowledged) -> None:
    """A third one who reads the ledger as it grows."""
    after = max(known.events, default=0)
    with contextlib.suppress(AppError):
        while True:
            rows = client.events(after=after)
            known.see(rows)
            after = max([after, *(row.seq for row in rows)])
            time.sleep(0.02)


def _one_life(settings: Settings, known: Acknowledged, folder: Path, salt: int, chance: random.Random) -> None:
    """Start an engine, let three people use it at once, and kill it at a random moment."""
    engine = ensure_engine(settings, QUICK)
    clients = [EngineClient(settings, start=False) for _ in range(3)]
    threads = [
        threading.Thread(target=_asks, args=(clients[0], known, salt)),
        threading.Thread(target=_adds, args=(clients[1], known, folder, salt)),
        threading.Thread(target=_reads, args=(clients[2], known)),
    ]
    for thread in threads:
        thread.start()
    time.sleep(chance.uniform(0.05, 4.0))
    os.kill(engine.pid, signal.SIGKILL)
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()
    for client in clients:
        client.close()


def _check_nothing_lost(settings: Settings, known: Acknowledged) -> None:
    client = EngineClient(settings, QUICK)
    for id_ in known.jobs:
        deadline = time.monotonic() + WAIT_S
        while client.job(id_).state in ("waiting", "running") and time.monotonic() < deadline:
            time.sleep(0.05)
        job = client.job(id_)
        assert job.state == "done" and {row.status for row in job.files} <= {"added", "unchanged"}, job
    checks = {check.name: check for check in client.doctor()}
    assert checks["ledger"].ok, checks["ledger"]
    assert checks["library"].ok, checks["library"]
    assert checks["database"].ok, checks["database"]
    assert client.verify().ok
    now = {row.seq: row.digest for row in client.events(limit=10_000)}
    assert known.events.items() <= now.items()
    for run in known.runs:
        _check_run(client, known, run)
    assert not list((settings.home / "runs").iterdir())
    known.see(client.events(limit=10_000))
    client.close()


def _check_run(client: EngineClient, known: Acknowledged, run: str) -> None:
    last = client.updates(run)[-1]
    assert isinstance(last, Done | Failed)
    if run in known.answers:
        assert isinstance(last, Done) and last.answer == known.answers[run]
        assert "answer" in {event.kind for event in client.record(run).events}
        return
    if isinstance(last, Failed):
        with contextlib.suppress(NotFoundError):  # it was still waiting for its turn: nothing had happened yet
            assert client.record(run).run.state in ("interrupted", "done", "failed")


@pytest.mark.slow
@pytest.mark.timeout(600 + 60 * ROUNDS)
def test_a_killed_engine_loses_nothing_that_it_acknowledged(settings: Settings, tmp_path: Path) -> None:
    chance, known = random.Random(ROUNDS), Acknowledged()
    for salt in range(ROUNDS):
        _one_life(settings, known, tmp_path / f"round-{salt}", salt, chance)
        _check_nothing_lost(settings, known)
    assert known.runs and known.jobs and known.events
    counts = [len(known.runs), len(known.answers), len(known.jobs), len(known.events)]
    print("rounds {}: {} questions, {} answers, {} jobs, {} events, nothing lost".format(ROUNDS, *counts))
