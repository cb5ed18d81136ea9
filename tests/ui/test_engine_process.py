"""The engine as a process: one however many ask, found again, replaced when it is another, gone when idle."""

from __future__ import annotations

import os
import signal
import stat
import threading
import time
from pathlib import Path

import pytest

from agent.updates import Done, Stopped
from provenance.errors import EngineError, NotFoundError, StorageError
from tests.ui.engine_process import FAKE, engine_process, make_settings
from ui.engine.client import EngineClient, connect
from ui.engine.info import EngineInfo, engine_file, log_file
from ui.engine.launcher import EngineCommand, ensure_engine, find_engine, stop_engine
from ui.engine.quiet import QUIET

QUESTION = "Why did turbine T7 stand still?"


def test_the_first_call_starts_the_engine_and_later_clients_find_it(tmp_path: Path) -> None:
    with engine_process(tmp_path) as (client, settings):
        last = list(client.watch(client.ask(QUESTION)))[-1]
        assert isinstance(last, Done)
        other = connect(settings, FAKE)
        assert other.state().pid == client.state().pid != os.getpid()
        other.close()
        assert stat.S_IMODE(engine_file(tmp_path).stat().st_mode) == 0o600
        assert stat.S_IMODE(log_file(tmp_path).stat().st_mode) == 0o600
        assert QUESTION not in log_file(tmp_path).read_text()
    assert not engine_file(tmp_path).exists()


def test_ten_clients_at_once_start_one_engine(tmp_path: Path) -> None:
    settings, pids = make_settings(tmp_path), set()

    def call() -> None:
        pids.add(ensure_engine(settings, FAKE).pid)

    threads = [threading.Thread(target=call) for _ in range(10)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(pids) == 1
    finally:
        stop_engine(settings)


def test_a_killed_engine_is_replaced_at_the_next_call(tmp_path: Path) -> None:
    with engine_process(tmp_path) as (client, _):
        first = client.state().pid
        os.kill(first, signal.SIGKILL)
        assert EngineInfo.read(tmp_path) is not None  # a killed process cleans nothing up
        assert client.state().pid != first


def test_a_watched_run_of_a_killed_engine_ends_with_a_clear_error(tmp_path: Path) -> None:
    with engine_process(tmp_path) as (client, _):
        watcher = client.watch(client.ask("Tell me something long about the turbine"))
        next(watcher)
        os.kill(client.state().pid, signal.SIGKILL)
        with pytest.raises(NotFoundError):  # the engine in memory forgets; the real one tells what was written
            list(watcher)


def test_a_file_of_a_stranger_is_ignored(tmp_path: Path) -> None:
    values = {"build": "x", "settings": "x", "started_at": ""}
    EngineInfo(pid=os.getpid(), port=9, key="k", **values).write(tmp_path)
    with engine_process(tmp_path) as (client, _):
        assert client.state().pid != os.getpid()
    engine_file(tmp_path).write_text("{ not json")
    assert find_engine(make_settings(tmp_path)) is None


def test_other_settings_replace_an_idle_engine_and_spare_a_busy_one(tmp_path: Path) -> None:
    with engine_process(tmp_path) as (client, _):
        first = client.state().pid
        other = make_settings(tmp_path, top_k=3)
        run = client.ask("Tell me something long about the turbine")
        with pytest.raises(EngineError, match="settings") as caught:
            ensure_engine(other, FAKE)
        assert "engine stop" in caught.value.hint
        client.stop(run)
        assert isinstance(list(client.watch(run))[-1], Stopped)
        assert ensure_engine(other, FAKE).pid != first
        page_only = make_settings(tmp_path, top_k=3, page_port=9000)
        assert ensure_engine(page_only, FAKE).pid == ensure_engine(other, FAKE).pid


def test_an_idle_engine_ends_by_itself(tmp_path: Path) -> None:
    with engine_process(tmp_path, engine_idle_s=3.0) as (client, settings):
        client.state()
        deadline = time.monotonic() + 20
        while find_engine(settings) is not None and time.monotonic() < deadline:
            time.sleep(4.0)  # asking more often would keep it awake
        assert find_engine(settings) is None
        assert client.state().documents == 3


def test_a_polite_end_stops_the_runs_and_leaves_no_file(tmp_path: Path) -> None:
    with engine_process(tmp_path) as (client, settings):
        info = client.connection()
        client.ask("Tell me something long about the turbine")
        os.kill(info.pid, signal.SIGTERM)
        deadline = time.monotonic() + 20
        while "engine ended" not in log_file(tmp_path).read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not engine_file(tmp_path).exists()
        assert find_engine(settings) is None
        assert "engine ended" in log_file(tmp_path).read_text()


def test_an_engine_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="on purpose") as caught:
        connect(make_settings(tmp_path, seed=666), FAKE)
    assert caught.value.hint == "Choose another seed."
    with pytest.raises(EngineError, match="could not be started") as failed:
        connect(make_settings(tmp_path), EngineCommand(("--services", "tests.no_such_module:x")))
    assert str(log_file(tmp_path)) in failed.value.hint


def test_a_data_folder_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        EngineClient(make_settings(tmp_path / "file" / "home"), FAKE).state()


def test_the_engine_turns_telemetry_off(tmp_path: Path) -> None:
    with engine_process(tmp_path) as (client, _):
        pid = client.state().pid
        given = dict(item.split("=", 1) for item in Path(f"/proc/{pid}/environ").read_text().split("\0") if "=" in item)
        assert given["WHEREFROM_HOME"] == str(tmp_path)
        assert "WHEREFROM_PASSWORD" not in given
        assert QUIET.items() <= given.items()
