"""Find the engine of a data folder, or start one: detached, private, and only one however many ask at once.

An engine with another build or other settings is replaced when it is idle; while it works it is left alone, and
whoever asks is told. The file of a dead engine is ignored.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import httpx

import ui
from provenance.errors import AppError, EngineError
from ui.engine.info import EngineInfo, build_id, fingerprint, lock_file, log_file, prepare_home
from ui.engine.quiet import QUIET
from ui.engine.wire import rebuild_error
from ui.settings import Settings

__all__ = ["EngineCommand", "ensure_engine", "find_engine", "python_path", "stop_engine"]

START_S = 90.0
STOP_S = 30.0
HELLO_S = 20.0  # a machine that computes on every core answers late
LOG_KEEP_BYTES = 1 << 20
POLL_S = 0.05

_children: list[subprocess.Popen[bytes]] = []  # engines that this process started; polled, so that none stays a zombie


@dataclass(frozen=True, slots=True)
class EngineCommand:
    """How to start an engine; tests add `--services module:function`."""

    arguments: Sequence[str] = ()

    def line(self) -> list[str]:
        """The command line. `-P`: the working folder is no place to import from."""
        return [sys.executable, "-P", "-m", "ui.engine", *self.arguments]


def find_engine(settings: Settings) -> tuple[EngineInfo, dict[str, Any]] | None:
    """The engine that runs for this data folder and what it says of itself; None where none answers."""
    info = EngineInfo.read(settings.home)
    hello = _hello(info) if info is not None else None
    return (info, hello) if info is not None and hello is not None else None


def ensure_engine(settings: Settings, command: EngineCommand | None = None) -> EngineInfo:
    """The engine of this data folder, started if there is none.

    Raises:
        StorageError: If the data folder cannot be written.
        EngineError: If it does not start, or another one is busy with other settings.
    """
    _reap()
    found = find_engine(settings)
    if found is not None and _fits(found[1], settings):
        return found[0]
    prepare_home(settings.home)
    try:
        with filelock.FileLock(settings.home / "engine.start.lock", timeout=START_S + STOP_S, mode=0o600):
            found = find_engine(settings)
            if found is not None and _fits(found[1], settings):
                return found[0]
            if found is not None:
                _retire(settings, *found)
            return _start(settings, command or EngineCommand())
    except filelock.Timeout as exc:
        raise EngineError("Another program has been starting the engine for too long.", hint="Try again.") from exc


def stop_engine(settings: Settings) -> bool:
    """End the engine of this data folder and wait for it; False where none ran.

    Raises:
        EngineError: If it does not end.
    """
    found = find_engine(settings)
    if found is None:
        _reap()
        return False
    _end(settings, found[0])
    return True


def _fits(hello: dict[str, Any], settings: Settings) -> bool:
    return hello.get("build") == build_id() and hello.get("settings") == fingerprint(settings)


def _retire(settings: Settings, info: EngineInfo, hello: dict[str, Any]) -> None:
    if hello.get("busy"):
        what = "settings" if hello.get("build") == build_id() else "a version"
        raise EngineError(
            f"The engine is at work with {what} other than yours.",
            hint="Wait until it is done, or end it with `wherefrom engine stop`.",
        )
    _end(settings, info)


def _end(settings: Settings, info: EngineInfo) -> None:
    headers = {"Authorization": f"Bearer {info.key}"}
    with contextlib.suppress(httpx.HTTPError):  # it may be gone already; the lock tells
        httpx.post(f"{info.url}/v1/shutdown", headers=headers, timeout=HELLO_S, trust_env=False)
    lock = filelock.FileLock(lock_file(settings.home), mode=0o600)
    for patience in (STOP_S, 5.0):
        try:
            with lock.acquire(timeout=patience, poll_interval=POLL_S):
                _await_exit(info.pid)
                return
        except filelock.Timeout:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(info.pid, signal.SIGKILL)  # it answered with its key a moment ago: the id is its own
    raise EngineError(f"The engine (process {info.pid}) does not end.", hint="End the process by hand.")


def _hello(info: EngineInfo) -> dict[str, Any] | None:
    """What the engine says of itself, or None where nothing with this key listens."""
    headers = {"Authorization": f"Bearer {info.key}"}
    try:
        answer = httpx.get(f"{info.url}/v1/hello", headers=headers, timeout=HELLO_S, trust_env=False)
        said = answer.json() if answer.status_code == 200 else None
    except (httpx.HTTPError, ValueError):
        return None
    return said if isinstance(said, dict) else None


def _start(settings: Settings, command: EngineCommand) -> EngineInfo:
    log = log_file(settings.home)
    if log.exists() and log.stat().st_size > LOG_KEEP_BYTES:
        log.replace(log.with_suffix(".log.1"))
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as out:
        began = out.tell()
        child = subprocess.Popen(
            command.line(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=settings.home,
            env=_environment(settings),
            start_new_session=True,
            umask=0o077,
        )
    _children.append(child)
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        info = EngineInfo.read(settings.home)
        if info is not None and info.pid == child.pid and _hello(info) is not None:
            return info
        if child.poll() is not None:
            raise _start_failed(log, began)
        time.sleep(POLL_S)
    child.kill()
    raise EngineError("The engine did not get ready in time.", hint=f"Its log says why: {log}")


def _environment(settings: Settings) -> dict[str, str]:
    """Ours, with the settings spelled out and without what only the page needs."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("WHEREFROM_")}
    values = settings.model_dump(mode="json", exclude={"password"}, exclude_none=True)
    given = {f"WHEREFROM_{name.upper()}": str(value) for name, value in values.items()}
    return {**kept, **given, **QUIET, "PYTHONPATH": python_path()}


def python_path() -> str:
    """PYTHONPATH for a child: a checkout that is not installed starts its own code, whatever the working folder."""
    root = str(Path(ui.__file__).resolve().parents[1])
    return os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)


def _start_failed(log: Path, began: int) -> AppError:
    with log.open("rb") as file:
        file.seek(began)
        lines = file.read().decode("utf-8", errors="replace").strip().splitlines()
    last = lines[-1] if lines else ""
    try:
        body = json.loads(last)
    except ValueError:
        body = None
    if isinstance(body, dict) and "error" in body:
        return rebuild_error(body)
    return EngineError(f"The engine could not be started: {last or 'it ended at once'}", hint=f"Its log: {log}")


def _await_exit(pid: int) -> None:
    for child in _children:
        if child.pid == pid:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(STOP_S)  # the lock is free: it only has to leave
    _reap()


def _reap() -> None:
    _children[:] = [child for child in _children if child.poll() is None]
