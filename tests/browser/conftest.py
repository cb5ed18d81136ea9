"""A real Chromium, and a page served for it. Nothing but this machine may be reached, and no script may complain."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_S = 90.0  # CI machines are slow and busy

expect.set_options(timeout=PATIENCE_S * 1000)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    found = next(filter(None, (shutil.which(name) for name in _NAMES)), None)
    if found is None:
        pytest.skip("no Chromium on PATH; `make browser` installs one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh profile. Requests that leave this machine are refused, and fail the test."""
    made = chromium.new_context(viewport={"width": 1280, "height": 860})
    made.set_default_timeout(PATIENCE_S * 1000)
    outside: list[str] = []

    def only_here(route, request) -> None:  # type: ignore[no-untyped-def]
        if urlsplit(request.url).hostname in ("127.0.0.1", "localhost"):
            route.continue_()
        else:
            outside.append(request.url)
            route.abort()

    made.route("**/*", only_here)
    yield made
    made.close()
    assert not outside


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab. An uncaught script error fails the test."""
    tab = context.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    yield tab
    assert not errors


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Served:
    """A page in a process of its own; whatever it printed is in `log`."""

    def __init__(self, command: list[str], env: dict[str, str], port: int, log: Path) -> None:
        self.url, self.log = f"http://127.0.0.1:{port}", log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )

    def wait(self, seconds: float = PATIENCE_S) -> Served:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the page ended with {self.process.returncode}:\n{self.log.read_text()}")
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2):
                    return self
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"the page did not come up:\n{self.log.read_text()}")

    def end(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(15)


@pytest.fixture(scope="module")
def faked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page over the engine that lives in memory."""
    place = tmp_path_factory.mktemp("faked")
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "ui/app.py"]
    command += ["--server.headless", "true", "--server.address", "127.0.0.1", "--server.port", str(port)]
    env = {"WHEREFROM_FAKE_ENGINE": "tests.browser.unhurried:unhurried", "WHEREFROM_HOME": str(place)}
    served = Served(command, env, port, place / "page.log")
    try:
        yield served.wait()
    finally:
        served.end()


def until(page: Page, ready: Callable[[], object], what: str, seconds: float = PATIENCE_S) -> None:
    """Look again and again until it is so."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"never happened: {what}"
        page.wait_for_timeout(40)


def ask(page: Page, question: str) -> None:
    """Type and press Enter, as a person does."""
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(question)
    box.press("Enter")
    expect(page.locator(".wf-question").last).to_have_text(question)


def drop(page: Page, files: Path | list[FilePayload]) -> None:
    """Give files to the library's drop zone. The page has another one, and either may be drawn first."""
    page.locator("[class*='st-key-library-upload'] input[type=file]").set_input_files(files)
