"""kill -9 of the model's process in mid-answer, and of the engine above it: with a real model."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agent.updates import Done, Failed, Token
from ui.engine.client import EngineClient
from ui.engine.launcher import stop_engine
from ui.settings import Settings

pytestmark = [pytest.mark.model, pytest.mark.slow]
SMALL = "smollm2-135m-instruct-q4_1"
EMBEDDER = "all-minilm-l6-v2"


@pytest.fixture
def client(tmp_path: Path, models_dir: Path) -> Iterator[EngineClient]:
    for name in (SMALL, EMBEDDER):
        if not (models_dir / name).is_dir():
            pytest.skip(f"{name} is not in {models_dir}; `wherefrom models fetch {name}`")
    settings = Settings(home=tmp_path / "home", models_dir=models_dir, model=SMALL)
    (tmp_path / "keeper.txt").write_text("The keeper of the lighthouse is Oda Brandt. She has lived there since 1987.")
    found = EngineClient(settings)
    job = found.ingest([str(tmp_path / "keeper.txt")])
    while job.state in ("waiting", "running"):
        time.sleep(0.1)
        job = found.job(job.id)
    assert job.files[0].status == "added", job
    yield found
    found.close()
    stop_engine(settings)


def _loaded(client: EngineClient) -> int:
    """The id of the model's process, once it computes."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        state = client.state()
        if state.model_pid is not None and state.model_loaded:
            return state.model_pid
        time.sleep(0.05)
    pytest.fail("the model was not loaded")


def _runs(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_killed_model_ends_the_answer_with_a_sentence_and_the_next_one_starts_a_new_one(client: EngineClient) -> None:
    run = client.ask("Who is the keeper of the lighthouse?")
    worker = _loaded(client)
    os.kill(worker, signal.SIGKILL)
    last = list(client.watch(run))[-1]
    # It may have been killed after its last word; then the answer is whole.
    assert isinstance(last, Failed | Done)
    if isinstance(last, Failed):
        assert last.message and last.hint
        assert client.record(run).run.state == "failed"
    updates = list(client.watch(client.ask("Who is the keeper of the lighthouse?")))
    assert isinstance(updates[-1], Done), updates[-1]
    assert _loaded(client) != worker
    assert client.verify().ok


def test_the_model_dies_with_its_engine_and_the_answer_is_kept_as_interrupted(client: EngineClient) -> None:
    run = client.ask("Who is the keeper of the lighthouse?")
    worker = _loaded(client)
    written, answer = "", None
    for update in client.watch(run):
        if isinstance(update, Token):
            written += update.text
            break
        if isinstance(update, Done):
            answer = update.answer
    os.kill(client.state().pid, signal.SIGKILL)
    last = list(client.watch(run))[-1]  # the client starts a new engine by itself
    if answer is None and isinstance(last, Failed):
        message = next(m for m in client.conversation(client.conversations()[0].id) if m.role == "assistant")
        assert message.state == "interrupted" and message.text.startswith(written)
        assert client.record(run).run.state == "interrupted"
    else:
        assert isinstance(last, Done)
    deadline = time.monotonic() + 120  # it notices by itself, when it gets the processor
    while _runs(worker) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _runs(worker)
    checks = {check.name: check for check in client.doctor()}
    assert checks["ledger"].ok and checks["library"].ok
