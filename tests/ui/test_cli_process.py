"""The command line as a process of its own, talking to an engine of its own: what a shell sees."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provenance.errors import EngineError
from tests.ui.quick_house import QUICK
from ui.engine.client import EngineClient
from ui.engine.launcher import ensure_engine, stop_engine
from ui.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """With an engine that runs already; `seed` makes it slow enough to be interrupted."""
    found = Settings(home=tmp_path / "home", seed=50)
    ensure_engine(found, QUICK)
    yield found
    stop_engine(found)


def _start(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    values = {**os.environ, "WHEREFROM_HOME": str(settings.home), "WHEREFROM_SEED": str(settings.seed)}
    command = [sys.executable, "-m", "ui.cli", *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=values,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _run(settings: Settings, *arguments: str) -> tuple[int, str, str]:
    process = _start(settings, *arguments)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_a_folder_is_read_and_asked_about(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "my documents"
    folder.mkdir()
    (folder / 'the "keeper" 🦉.txt').write_text("The keeper of the lighthouse is Oda Brandt.")
    status, out, err = _run(settings, "ingest", str(folder), "--json")
    assert (status, err) == (0, "") and json.loads(out)["added"] == 1
    status, out, err = _run(settings, "ask", "Who is the keeper of the lighthouse?", "--json")
    answer = json.loads(out)
    assert (status, err) == (0, "") and "Oda Brandt" in answer["answer"]
    assert answer["citations"][0]["document"] == 'the "keeper" 🦉.txt'
    status, out, _ = _run(settings, "record", answer["run"])
    assert status == 0 and "retrieval" in out
    assert json.loads(_run(settings, "audit", "verify", "--json")[1])["ok"] is True
    assert json.loads(_run(settings, "engine", "status", "--json")[1])["documents"] == 1


def test_ctrl_c_stops_the_answer_and_still_gives_one_object(settings: Settings) -> None:
    client = EngineClient(settings, QUICK)
    process = _start(settings, "ask", "Who is the keeper of the lighthouse?", "--json")
    deadline = time.monotonic() + 60
    while not client.state().runs_running and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err == ""
    assert json.loads(out)["reason"] == "stopped"
    assert [row.state for row in client.runs()] == ["stopped"]
    client.close()


def test_ctrl_c_stops_an_ingest_and_says_what_is_done(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(200):
        (folder / f"{i:03}.txt").write_text(f"Note {i}.")
    client = EngineClient(settings, QUICK)
    process = _start(settings, "ingest", str(folder), "--json")
    deadline = time.monotonic() + 60
    while not client.documents() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    job = json.loads(out)
    assert process.returncode == 130 and err == "" and job["state"] == "stopped"
    assert 0 < job["added"] < 200 and job["added"] + job["stopped"] == 200
    assert len(client.documents()) == job["added"]
    client.close()


def test_a_client_that_may_not_start_an_engine_says_that_none_runs(tmp_path: Path) -> None:
    client = EngineClient(Settings(home=tmp_path), start=False)
    with pytest.raises(EngineError, match="No engine is running"):
        client.state()
    client.close()


def test_the_engine_can_be_ended_and_looked_at_from_outside(settings: Settings) -> None:
    assert json.loads(_run(settings, "engine", "stop", "--json")[1]) == {"stopped": True}
    assert json.loads(_run(settings, "engine", "stop", "--json")[1]) == {"stopped": False}
    assert _run(settings, "engine", "status")[1] == "No engine is running.\n"
