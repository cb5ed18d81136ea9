"""The main job with everything real: `wherefrom ui`, its engine, the 1.5B weights, a PDF, a browser.

With WHEREFROM_SCREENSHOT=1 it also takes the pictures of the README (docs/img).
"""

from __future__ import annotations

import io
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

import ui
from tests.browser.conftest import ROOT, Served, ask, drop, free_port, until

pytestmark = [pytest.mark.browser, pytest.mark.model, pytest.mark.slow, pytest.mark.timeout(900)]

SAMPLE = Path(ui.__file__).parent / "samples" / "annual-report-2024.pdf"
QUESTION = "How many people visited Skarn Light in 2023?"
ANSWER = re.compile(r"18[,.  ]?432")
FOLLOW_UP = "And in 2024?"
SHOOT = os.environ.get("WHEREFROM_SCREENSHOT") == "1"
LONG_QUESTION = (
    "Explain what the annual report says about the visitors, the repairs and the money, in many full sentences."
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Served]:
    """`wherefrom ui` in an empty data folder."""
    place = tmp_path_factory.mktemp("real")
    port = free_port()
    command = [str(Path(sys.executable).with_name("wherefrom")), "ui", "--port", str(port)]
    env = {
        "WHEREFROM_HOME": str(place / "home"),
        "WHEREFROM_MODELS_DIR": str(models_dir),
        "WHEREFROM_ENGINE_IDLE_S": "20",  # the engine ends soon after the page
        "WHEREFROM_OFFLINE": "true",
    }
    served = Served(command, env, port, place / "page.log")
    try:
        served.wait(180)
        until_logged(served, "Wherefrom is at", 180)
        yield served
    finally:
        served.end()


def until_logged(served: Served, words: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while words not in served.log.read_text():
        assert served.process.poll() is None and time.monotonic() < deadline, served.log.read_text()
        time.sleep(0.1)


def yellow_share(element: Locator) -> float:
    """How much of what is seen of an element has the colour of a highlighter."""
    with Image.open(io.BytesIO(element.screenshot())) as picture:
        raw = picture.convert("RGB").resize((picture.width // 2, picture.height // 2)).tobytes()
    pixels = list(zip(raw[::3], raw[1::3], raw[2::3], strict=True))
    marked = sum(1 for red, green, blue in pixels if red > 190 and green > 170 and blue < min(red, green) - 35)
    return marked / len(pixels)


def shoot(page: Page, name: str) -> None:
    """A picture for the README, if one is wanted."""
    if SHOOT:
        page.mouse.move(1240, 700)
        page.wait_for_timeout(600)  # tooltips and transitions end
        page.screenshot(path=ROOT / "docs" / "img" / name, animations="disabled")


def test_from_a_dropped_pdf_to_a_cited_answer_its_page_and_its_record(page: Page, served: Served) -> None:
    page.goto(served.url)
    expect(page.get_by_text("Your library is empty").first).to_be_visible()

    # Drop a file and watch it being read.
    page.get_by_role("button", name="Add documents").click()
    drop(page, SAMPLE)
    expect(page.locator(".wf-row", has_text=SAMPLE.name).first).to_be_visible()
    expect(page.get_by_text("Read: 1 added").first).to_be_visible(timeout=240_000)  # the embedder is loaded first
    expect(page.get_by_role("button", name=SAMPLE.name).first).to_be_visible()

    # Ask, and see words arrive (that they arrive one after the other is tested on a longer answer below).
    page.get_by_role("link", name="Chat").click()
    ask(page, QUESTION)
    answer = page.locator(".answer").last
    until(page, lambda: answer.count() and answer.inner_text().strip(), "the first words", 240)
    expect(page.get_by_role("button", name="Answer again").first).to_be_visible(timeout=240_000)
    expect(answer).to_have_text(ANSWER)

    # The citation opens the page with the passage highlighted, in view.
    expect(answer.locator("button.chip").first).to_have_attribute("aria-label", re.compile(re.escape(SAMPLE.name)))
    first_chip = page.locator("button.chip").first
    if SHOOT:  # the picture has a follow-up in it
        page.set_viewport_size({"width": 1280, "height": 880})
        ask(page, FOLLOW_UP)
        expect(page.get_by_role("button", name="Copy the answer")).to_have_count(2, timeout=240_000)
        shoot(page, "chat.png")
    first_chip.click()
    sheet = page.get_by_role("dialog").locator(".page")
    expect(sheet).to_have_attribute("data-ready", "picture")
    expect(page.get_by_role("dialog")).to_contain_text(SAMPLE.name)
    assert yellow_share(sheet) > 0.001
    shoot(page, "citation.png")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    # The record says where it came from, and the ledger is whole.
    page.get_by_role("button", name="Record").first.click()
    record = page.get_by_role("list", name="Record")
    for words in ("Question received", "Documents searched", "Model called", "Answer recorded"):
        expect(record.get_by_text(words).first).to_be_visible()
    expect(record).to_contain_text("sha256:")
    page.get_by_role("button", name="All runs").click()
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text("The ledger is whole").first).to_be_visible()


def test_words_arrive_one_after_the_other_and_stop_stops(page: Page, served: Served) -> None:
    page.goto(served.url)
    ask(page, LONG_QUESTION)
    answer = page.locator(".answer").last
    lengths: list[int] = []

    def growing() -> bool:
        length = len(answer.inner_text()) if answer.count() else 0
        if length and length not in lengths:
            lengths.append(length)
        return len(lengths) >= 3

    until(page, growing, "a text that grows", 240)
    assert lengths == sorted(lengths)
    stop = page.get_by_role("button", name="Stop").first
    began = time.monotonic()
    stop.click()
    expect(page.get_by_text("Stopped here.").first).to_be_visible(timeout=10_000)
    assert time.monotonic() - began < 4.0  # the engine stops within a second; the rest is two busy cores drawing it
    page.get_by_role("button", name="Record").first.click()
    expect(page.get_by_role("list", name="Record").get_by_text("Stopped by a person")).to_be_visible()
