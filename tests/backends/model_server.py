"""A stand-in for an OpenAI-compatible model server, in this process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Stub", "serving"]


class Stub:
    """A server that answers every chat with `status` and `body`, after `pause_s`; `bodies` go first, one each."""

    def __init__(self) -> None:
        self.status, self.pause_s, self.url = 200, 0.0, ""
        self.body = b""
        self.bodies: list[bytes] = []
        self.models: list[str] = ["one"]
        self.asked: list[dict[str, Any]] = []
        self.gone = threading.Event()


@contextmanager
def serving() -> Iterator[Stub]:
    """It listens on a free port of this machine while the block runs."""
    state = Stub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200, json.dumps({"data": [{"id": name} for name in state.models]}).encode())

        def do_POST(self) -> None:
            state.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            state.gone.wait(state.pause_s)
            self._send(state.status, state.bodies.pop(0) if state.bodies else state.body)

        def _send(self, status: int, body: bytes) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                pass  # whoever asked went away, as it should

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield state
    state.gone.set()
    server.shutdown()
    server.server_close()
    thread.join()
