"""The engine's life: take the lock, say where it listens, serve, end when idle or told to.

Order matters. The lock is taken before anything is opened, so two engines never write one library. `engine.json` is
written when the socket listens, so whoever reads it can connect. At the end work is stopped first, then connections,
then the file goes and the lock with the process.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from provenance.errors import AppError, EngineError
from ui.engine.info import EngineInfo, build_id, fingerprint, lock_file, prepare_home
from ui.engine.quiet import QUIET
from ui.settings import Settings, load_settings

if TYPE_CHECKING:
    from ui.engine.served import ServedEngine

__all__ = ["main", "serve"]

LOCK_WAIT_S = 20.0  # an engine that is ending may hold the lock for a moment
GRACE_S = 5
IDLE_CHECK_S = 1.0

_log = logging.getLogger("wherefrom.engine")


def serve(settings: Settings, build: Callable[[Settings], ServedEngine]) -> None:
    """Run the engine until it is idle, told to end, or killed.

    Raises:
        EngineError: If another engine owns this data folder.
        AppError: If the services cannot be built.
    """
    import filelock

    prepare_home(settings.home)
    lock = filelock.FileLock(lock_file(settings.home), mode=0o600)
    try:
        lock.acquire(timeout=LOCK_WAIT_S)
    except filelock.Timeout as exc:
        raise EngineError("Another engine owns this data folder.", hint="Use it, or `wherefrom engine stop`.") from exc
    try:
        api = build(settings)
        try:
            _serve(settings, api)
        finally:
            api.close()
    finally:
        lock.release()
        _log.info("engine ended")


def _serve(settings: Settings, api: ServedEngine) -> None:
    import uvicorn

    from ui.engine.server import Activity, make_app

    key, activity = secrets.token_urlsafe(32), Activity()
    identity = {"build": build_id(), "settings": fingerprint(settings), "home": str(settings.home)}

    class Server(uvicorn.Server):
        """Ends work before connections: a watched run would hold its connection open until it is done."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            info.remove(settings.home)
            await asyncio.to_thread(api.board.close, timeout_s=GRACE_S)
            await super().shutdown(sockets)

    def end() -> None:
        server.should_exit = True

    app = make_app(api, key=key, activity=activity, identity=identity, end=end)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        ws="none",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = Server(config)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        info = EngineInfo(
            pid=os.getpid(),
            port=listener.getsockname()[1],
            key=key,
            build=identity["build"],
            settings=identity["settings"],
            started_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        )
        info.write(settings.home)
        _log.info("engine %s serves %s, process %d", info.build, info.url, info.pid)
        watch = threading.Thread(target=_end_when_idle, args=(settings, api, activity, server), daemon=True)
        watch.start()
        try:
            server.run(sockets=[listener])
        finally:
            info.remove(settings.home)


def _end_when_idle(settings: Settings, api: ServedEngine, activity: Any, server: Any) -> None:
    pause = threading.Event()
    while not server.should_exit:
        pause.wait(min(IDLE_CHECK_S, settings.engine_idle_s))
        if api.busy():
            activity.touch()
        elif activity.idle_s() >= settings.engine_idle_s:
            _log.info("nobody asked for %.0f s", settings.engine_idle_s)
            server.should_exit = True


def main(argv: list[str] | None = None) -> int:
    """`python -m ui.engine`: settings from the environment; what went wrong is the last line on stderr, as JSON."""
    import faulthandler

    from ui.engine.wire import error_body

    os.umask(0o077)
    os.environ.update(QUIET)
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for noisy in ("httpx", "httpx2", "httpcore", "sentence_transformers", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    arguments = sys.argv[1:] if argv is None else argv
    # uvicorn takes SIGTERM while it serves and raises it again when it has ended; before and after, it unwinds us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        settings = load_settings()
        build = _factory(arguments)
        serve(settings, build)
    except AppError as exc:
        print(json.dumps(error_body(exc)), file=sys.stderr, flush=True)
        return 3
    except KeyboardInterrupt:
        _log.info("ended from the keyboard")
    return 0


def _factory(arguments: list[str]) -> Callable[[Settings], ServedEngine]:
    """The real services, or `--services module:function`, with which tests serve an engine of their own."""
    import importlib

    name = arguments[1] if len(arguments) == 2 and arguments[0] == "--services" else "ui.services:build_services"
    module, _, function = name.partition(":")
    factory: Callable[[Settings], ServedEngine] = getattr(importlib.import_module(module), function)
    return factory
