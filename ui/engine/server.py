"""The engine's door: an ASGI application over `EngineApi`, for this user on this machine only.

What it covers: it listens on loopback; every request must carry the key of `engine.json` (compared in constant time);
a foreign Host header is refused (a web page that rebinds its name to 127.0.0.1 gets nothing) and so is any request
that a browser marks with Origin. What it does not: another program of the same user can read the key, as it can
read the documents themselves.
"""

from __future__ import annotations

import hmac
import json
import logging
import threading
import time
from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from provenance.errors import AppError, UsageError
from ui.engine.served import ServedEngine
from ui.engine.trace import frames
from ui.engine.wire import error_body, error_status

__all__ = ["Activity", "make_app"]

_log = logging.getLogger(__name__)


class Activity:
    """When the engine was last asked something, and how many requests are open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = 0
        self._last = time.monotonic()

    def __enter__(self) -> None:
        with self._lock:
            self._open += 1

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._open -= 1
            self._last = time.monotonic()

    def touch(self) -> None:
        """Count from now: the engine did something by itself."""
        with self._lock:
            self._last = time.monotonic()

    def idle_s(self) -> float:
        """Seconds since the last request ended; 0 while one is open."""
        with self._lock:
            return 0.0 if self._open else time.monotonic() - self._last


class _Gate:
    """Refuses whoever has no business here, before anything of the request is read."""

    def __init__(self, app: ASGIApp, *, key: str, activity: Activity) -> None:
        self._app, self._expected, self._activity = app, f"Bearer {key}".encode(), activity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        port = scope["server"][1] if scope.get("server") else 0
        hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost", "[::1]")}
        if headers.get(b"host") not in hosts or b"origin" in headers:
            await _refuse(send, 403, "This address is not served.")
        elif not hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            await _refuse(send, 401, "The key is wrong.")
        else:
            with self._activity:
                await self._app(scope, receive, send)


async def _refuse(send: Send, status: int, message: str) -> None:
    body = json.dumps({"error": "EngineError", "message": message, "hint": ""}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    start: Message = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})


def make_app(
    api: ServedEngine,
    *,
    key: str,
    identity: dict[str, str],
    activity: Activity | None = None,
    end: Callable[[], None] | None = None,
) -> ASGIApp:
    """The application. `identity` is what `/v1/hello` says: build, settings, home; `end` what `/v1/shutdown` does."""
    from ui.engine.code_routes import router as code_router
    from ui.engine.collection_routes import router as collection_router
    from ui.engine.guard_routes import router as guard_router
    from ui.engine.judging_routes import router as judging_router
    from ui.engine.proof_routes import router as proof_router
    from ui.engine.routes import router  # the endpoints name these types; importing them here would be a circle
    from ui.engine.tool_routes import router as tool_router

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.api, app.state.identity, app.state.end = api, identity, end
    app.include_router(router, prefix="/v1")
    app.include_router(proof_router, prefix="/v1")
    app.include_router(code_router, prefix="/v1")
    app.include_router(judging_router, prefix="/v1")
    app.include_router(guard_router, prefix="/v1")
    app.include_router(tool_router, prefix="/v1")
    app.include_router(collection_router, prefix="/v1")

    @app.exception_handler(AppError)
    async def _ours(_request: Request, exc: AppError) -> JSONResponse:
        return JSONResponse(error_body(exc), status_code=error_status(exc))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, exc: RequestValidationError) -> JSONResponse:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        return JSONResponse(error_body(UsageError(f"{where}: {first['msg']}.")), status_code=400)

    @app.exception_handler(Exception)
    async def _bug(request: Request, exc: Exception) -> JSONResponse:
        _log.error("%s %s failed\n%s", request.method, request.url.path, frames(exc))
        ours = AppError("The engine failed inside.", hint="Its log in the data folder has the details.")
        return JSONResponse(error_body(ours), status_code=500)

    return _Gate(app, key=key, activity=activity or Activity())
