"""`wherefrom ui`: start the page and its engine, say where it is, end with Ctrl-C."""

from __future__ import annotations

import argparse
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import AppError, ConfigError, UsageError
from ui.commands.output import Output

if TYPE_CHECKING:
    from ui.settings import Settings

__all__ = ["is_loopback", "page_settings", "serve"]

START_S = 120.0
POLL_S = 0.2
PORTS_TRIED = 20


def serve(options: argparse.Namespace, output: Output) -> int:
    """Serve until the page ends or Ctrl-C."""
    from ui.engine.client import connect

    settings = page_settings(options.host, options.port)
    page = subprocess.Popen(
        _command(settings), env=_environment(settings), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    # A polite end of this process must be the end of the page too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        connect(settings).close()
        url = f"http://{_in_url(settings.page_host)}:{settings.page_port}"
        _await_page(page, settings)

        def words() -> None:
            output.line(f"Wherefrom is at {url}")
            output.line("Ctrl-C ends the page; the engine ends by itself when nothing is asked of it.")

        output.result({"url": url, "pid": page.pid}, words)
        return 0 if page.wait() == 0 else 3
    except KeyboardInterrupt:
        return 0
    finally:
        _end(page)


def page_settings(host: str | None, port: int | None) -> Settings:
    """The settings in force, with a host that is allowed and a port that is free.

    Raises:
        ConfigError: If the page would be open to others without a password.
        UsageError: If the port that was asked for is taken.
    """
    from ui.settings import load_settings

    settings = load_settings()
    if port is not None and not 1 <= port <= 65535:
        raise UsageError("--port must lie between 1 and 65535.")
    given = {"page_host": host, "page_port": port}
    chosen = port is not None or "page_port" in settings.model_fields_set
    settings = settings.model_copy(update={name: value for name, value in given.items() if value is not None})
    if not is_loopback(settings.page_host) and not settings.password:
        hint = "Set WHEREFROM_PASSWORD, or leave the host at 127.0.0.1."
        raise ConfigError(f"The page would be open to others on {settings.page_host} without a password.", hint=hint)
    for number in range(settings.page_port, min(settings.page_port + (1 if chosen else PORTS_TRIED), 65536)):
        if _free(settings.page_host, number):
            return settings.model_copy(update={"page_port": number})
    raise UsageError(f"Port {settings.page_port} is taken.", hint="Choose another one with --port.")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it. A name other than localhost counts as open: it may point anywhere."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _free(host: str, port: int) -> bool:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except OSError as exc:
        raise UsageError(f"{host} is no address of this machine.", hint="Use 127.0.0.1.") from exc
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as exc:
            raise UsageError(f"Port {port} needs more rights.", hint="Choose one above 1023 with --port.") from exc
        except OSError:
            return False
    return True


def _command(settings: Settings) -> list[str]:
    import ui

    # Theme and the rest lie beside app.py in .streamlit/config.toml.
    given = {
        "server.address": settings.page_host,
        "server.port": settings.page_port,
        "server.headless": "true",
        "server.maxUploadSize": settings.max_file_mib,
        "browser.gatherUsageStats": "false",
        "server.fileWatcherType": "none",
    }
    flags = [f"--{name}={value}" for name, value in given.items()]
    return [sys.executable, "-P", "-m", "streamlit", "run", str(Path(ui.__file__).with_name("app.py")), *flags]


def _environment(settings: Settings) -> dict[str, str]:
    from ui.engine.launcher import python_path
    from ui.engine.quiet import QUIET

    page = {"WHEREFROM_PAGE_HOST": settings.page_host, "WHEREFROM_PAGE_PORT": str(settings.page_port)}
    return {**os.environ, **QUIET, **page, "PYTHONPATH": python_path()}


def _await_page(page: subprocess.Popen[bytes], settings: Settings) -> None:
    import httpx

    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.page_host, settings.page_host)  # noqa: S104
    url = f"http://{_in_url(host)}:{settings.page_port}/_stcore/health"
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if page.poll() is not None:
            raise AppError("The page could not be started.", hint="What it printed above says why.")
        try:
            if httpx.get(url, timeout=5.0, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(POLL_S)
    raise AppError("The page did not get ready in time.", hint="Try again when the machine is less busy.")


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _end(page: subprocess.Popen[bytes]) -> None:
    if page.poll() is None:
        page.terminate()
        try:
            page.wait(10)
        except subprocess.TimeoutExpired:
            page.kill()
            page.wait()
