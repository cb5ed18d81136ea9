"""What the engine tests share: settings for a fresh folder, a server in a thread, an engine process that is ended."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import uvicorn

from tests.fake_engine import FakeEngine
from ui.engine.client import EngineClient
from ui.engine.info import EngineInfo, build_id, fingerprint
from ui.engine.launcher import EngineCommand, stop_engine
from ui.engine.server import make_app
from ui.settings import Settings

__all__ = ["FAKE", "KEY", "commanded", "engine_process", "make_settings", "served"]

KEY = "test-key"
FAKE = EngineCommand(("--services", "tests.fake_engine:serve_fake"))


def make_settings(home: Path, **values: object) -> Settings:
    """Settings of a data folder that is only this test's."""
    return Settings(home=home, **values)  # type: ignore[arg-type]


@contextlib.contextmanager
def served(home: Path, fake: FakeEngine) -> Iterator[tuple[EngineClient, str]]:
    """A client and the base URL of a server in this process."""
    settings = make_settings(home)
    identity = {"build": build_id(), "settings": fingerprint(settings), "home": str(home)}
    config = uvicorn.Config(make_app(fake, key=KEY, identity=identity), log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        values = {"build": identity["build"], "settings": identity["settings"], "started_at": ""}
        EngineInfo(pid=0, port=port, key=KEY, **values).write(home)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        client = EngineClient(settings, FAKE)
        try:
            yield client, f"http://127.0.0.1:{port}"
        finally:
            client.close()
            fake.close()
            server.should_exit = True
            thread.join(10)


@contextlib.contextmanager
def commanded(home: Path, command: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    """The engine in memory that a module of `ui.commands` talks to, over the real wire."""
    fake = FakeEngine()
    with served(home, fake) as (client, _url):

        @contextlib.contextmanager
        def open_client() -> Iterator[EngineClient]:
            yield client

        monkeypatch.setattr(command, "open_client", open_client)
        yield fake


@contextlib.contextmanager
def engine_process(home: Path, **values: object) -> Iterator[tuple[EngineClient, Settings]]:
    """A client whose engine is a process of its own, over the fake library; ended at the end."""
    settings = make_settings(home, **values)
    client = EngineClient(settings, FAKE)
    try:
        yield client, settings
    finally:
        client.close()
        stop_engine(settings)
