"""Questions typed into the real page, in a browser: every citation opened, its highlight looked at, every answer shot.

    wherefrom bench page [--data DIR] [--limit N] [--json]

`DIR` holds documents and `questions.csv` (question, answer, file, page, unanswerable; as `wherefrom eval` reads it);
without it, the sample documents are asked `page_questions.csv`, sixteen questions that they answer and four that they
do not. Nothing is pretended: `wherefrom ui`, its engine and model, Chromium. WHEREFROM_BENCH_KEPT=DIR keeps a
screenshot of every answer and of every opened citation, and a sheet of each. Needs playwright and Chromium, which
`make test` sets up.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from agent.evaluation import Question, read_questions, says
from provenance.errors import BackendUnavailableError

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

__all__ = ["highlighted", "make_sheet", "run"]

_HERE = Path(__file__).parent
_SAMPLES = _HERE.parent / "ui" / "samples"
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PATIENCE_MS = 240_000
_ANSWER, _CITATION = (430, 60, 1160, 420), (460, 60, 1280, 760)  # where they stand in a picture of the page
_COLUMNS = 4
_MARKED = 0.0005  # of the picture of a page: a short line of it


def run(*, data: str | None = None, limit: int = 0, **_options: Any) -> dict[str, Any]:
    """Ask them all, one after the other, in one conversation each.

    Returns:
        One JSON object: right answers, refusals, citations opened and how many of them showed a highlight; what was
        wrong, in words.
    Raises:
        BackendUnavailableError: There is no Chromium.
    """
    folder = Path(data) if data else _SAMPLES
    listed = folder / "questions.csv" if data else _HERE / "page_questions.csv"
    questions = read_questions(listed.read_text(encoding="utf-8"))[: limit or None]
    kept = os.environ.get("WHEREFROM_BENCH_KEPT")
    shots = Path(kept) if kept else None
    with _served() as url, _tab() as page:
        page.goto(url)
        _add(page, [path for path in sorted(folder.iterdir()) if path.suffix not in (".csv", ".json")])
        rows = [_asked(page, number, question, shots) for number, question in enumerate(questions, start=1)]
    if shots is not None:
        make_sheet(sorted(shots.glob("*-answer.png")), _ANSWER, shots / "answers.webp")
        make_sheet(sorted(shots.glob("*-citation-*.png")), _CITATION, shots / "citations.webp")
    answerable = [row for row in rows if not row["unanswerable"]]
    return {
        "questions": len(rows),
        "right": sum(row["right"] for row in answerable),
        "answerable": len(answerable),
        "refused": sum(row["refused"] for row in rows if row["unanswerable"]),
        "unanswerable": len(rows) - len(answerable),
        "citations_opened": sum(row["opened"] for row in rows),
        "highlighted": sum(row["highlighted"] for row in rows),
        "cites_the_file": sum(row["file"] for row in answerable if row["right"]),
        "wrong": [f"{row['question']} -> {row['text']}" for row in rows if not row["right"]],
        "seconds_a_question": round(sum(row["seconds"] for row in rows) / max(1, len(rows)), 1),
    }


def make_sheet(pictures: list[Path], box: tuple[int, int, int, int], out: Path) -> None:
    """This piece (left, top, right, bottom; pixels) of each picture, side by side and at half its size, as WebP."""
    if not pictures:
        return
    width, height = (box[2] - box[0]) // 2, (box[3] - box[1]) // 2
    sheet = Image.new("RGB", (width * _COLUMNS, height * -(-len(pictures) // _COLUMNS)), "white")
    for at, path in enumerate(pictures):
        with Image.open(path) as image:
            piece = image.convert("RGB").crop(box).resize((width, height), Image.Resampling.LANCZOS)
        sheet.paste(piece, (at % _COLUMNS * width, at // _COLUMNS * height))
    sheet.save(out, quality=80, method=6)


def highlighted(picture: bytes) -> float:
    """How much of a picture (PNG) has the colour of a highlighter, 0..1."""
    with Image.open(io.BytesIO(picture)) as image:
        raw = image.convert("RGB").tobytes()
    pixels = list(zip(raw[::3], raw[1::3], raw[2::3], strict=True))
    marked = sum(1 for red, green, blue in pixels if red > 190 and green > 170 and blue < min(red, green) - 35)
    return marked / max(1, len(pixels))


@contextlib.contextmanager
def _served() -> Iterator[str]:
    """`wherefrom ui` over an empty data folder, with the models of the settings in force."""
    from ui.settings import load_settings

    models = load_settings().models
    with socket.socket() as found, tempfile.TemporaryDirectory(prefix="wherefrom-bench-") as home:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
        found.close()
        env = {"WHEREFROM_HOME": home, "WHEREFROM_MODELS_DIR": str(models), "WHEREFROM_ENGINE_IDLE_S": "20"}
        command = [str(Path(sys.executable).with_name("wherefrom")), "ui", "--port", str(port)]
        log = Path(home) / "page.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, env=os.environ | env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            url = f"http://127.0.0.1:{port}"
            _until_it_answers(url, process, log)
            yield url
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_MS / 1000
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
            return
        time.sleep(0.2)
    raise BackendUnavailableError("The page did not come up.", hint=log.read_text(errors="replace")[-2000:])


@contextlib.contextmanager
def _tab() -> Iterator[Page]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as exc:
        raise BackendUnavailableError("playwright is not installed.", hint="Run `make test` once.") from exc
    found = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if found is None:
        raise BackendUnavailableError("There is no Chromium.", hint="Run `make test` once, or install it.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.set_default_timeout(_PATIENCE_MS)
        yield page
        browser.close()


def _add(page: Page, files: list[Path]) -> None:
    page.get_by_role("button", name="Add documents").click()
    # The page has another field for files, and either may be drawn first.
    page.locator("[class*='st-key-library-upload'] input[type=file]").set_input_files(files)
    page.get_by_text(f"Read: {len(files)} added").first.wait_for()
    page.get_by_role("link", name="Chat").click()


def _asked(page: Page, number: int, question: Question, shots: Path | None) -> dict[str, Any]:
    """One question in a conversation of its own; what was read, and what its citations showed."""
    page.get_by_role("button", name="New conversation").first.click()
    page.locator(".answer").wait_for(state="detached")
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(question.question)
    began = time.perf_counter()
    box.press("Enter")
    page.get_by_role("button", name="Answer again").first.wait_for()
    seconds = time.perf_counter() - began
    answer = page.locator(".answer").last
    answer.filter(has_text=re.compile(r"\S")).wait_for()  # the buttons may be drawn before it
    text = answer.inner_text().strip()
    chips = answer.locator("button.chip")
    refused = chips.count() == 0
    _shoot(page, shots, f"{number:02}-answer.png")
    names = [str(chips.nth(at).get_attribute("aria-label")) for at in range(chips.count())]
    marked = [_opened(page, chips.nth(at), shots, f"{number:02}-citation-{at + 1}.png") for at in range(chips.count())]
    right = refused if question.unanswerable else any(says(text, wanted) for wanted in question.answers)
    return {
        "question": question.question,
        "text": text,
        "unanswerable": question.unanswerable,
        "refused": refused,
        "right": right and (question.unanswerable or not refused),
        "opened": len(marked),
        "highlighted": sum(marked),
        "file": any(question.file in name for name in names),
        "seconds": seconds,
    }


def _opened(page: Page, chip: Locator, shots: Path | None, name: str) -> bool:
    """Click a citation; whether a highlight is seen on the page or in the text that opens."""
    chip.click()
    dialog = page.get_by_role("dialog")
    dialog.locator("[data-ready], mark").first.wait_for()
    page.wait_for_timeout(500)  # it scrolls to the place
    seen = highlighted(dialog.screenshot()) > _MARKED
    _shoot(page, shots, name)
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    return seen


def _shoot(page: Page, shots: Path | None, name: str) -> None:
    if shots is not None:
        shots.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=shots / name, animations="disabled")
