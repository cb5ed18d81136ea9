"""The page in a real browser, over the engine that lives in memory: what a person sees, clicks and types."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, FilePayload, Page, expect

from tests.browser.conftest import Served, ask, drop, until

pytestmark = pytest.mark.browser


def test_the_main_job_from_a_dropped_file_to_the_record(page: Page, faked: Served) -> None:
    page.goto(f"{faked.url}/library")
    text = b"The fund of Halden has nine trustees.\n\nEach serves for four years."
    files: list[FilePayload] = [
        {"name": "trustees.txt", "mimeType": "text/plain", "buffer": text},
        {"name": "broken.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4"},
    ]
    drop(page, files)
    expect(page.get_by_text("Read: 1 added, 1 failed").first).to_be_visible()
    expect(page.get_by_text("The file is protected by a password.").first).to_be_visible()
    expect(page.get_by_role("button", name="trustees.txt").first).to_be_visible()

    page.get_by_role("link", name="Chat").click()
    ask(page, "What does the fund hold, and why did turbine T7 stand still?")
    expect(page.locator("button.chip").first).to_be_visible()
    page.locator("button.chip", has_text="1").first.click()
    drawer = page.get_by_role("dialog")
    expect(drawer.locator(".page[data-ready=picture]")).to_be_visible()
    expect(drawer.get_by_role("img")).to_have_attribute("alt", re.compile("cited passage highlighted"))
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)

    page.get_by_role("button", name="Record").first.click()
    expect(page.get_by_role("heading", name="How it came about")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/audit\?run=r-"))
    expect(page.get_by_role("list", name="Record").get_by_text("Question received")).to_be_visible()


def test_text_arrives_piece_by_piece_and_stop_ends_it_within_a_second(page: Page, faked: Served) -> None:
    page.goto(faked.url)
    ask(page, "Tell me at long length about Halden")
    answer = page.locator(".answer").last
    until(page, lambda: len(answer.inner_text()) > 10, "the first words")
    first = len(answer.inner_text())
    until(page, lambda: len(answer.inner_text()) > first, "more words")
    page.get_by_role("button", name="Stop").first.click()
    expect(page.get_by_text("Stopped here.").first).to_be_visible()
    expect(answer).not_to_have_class(re.compile("writing"))
    expect(answer).not_to_be_empty()
    ended = answer.inner_text()
    page.wait_for_timeout(1000)  # long enough for ten more words, had it not stopped
    assert answer.inner_text() == ended
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)


def test_a_reload_and_a_second_tab_keep_watching_the_same_answer(
    page: Page, context: BrowserContext, faked: Served
) -> None:
    page.goto(faked.url)
    ask(page, "Tell me at long length about Halden and the fund")
    until(page, lambda: "?c=" in page.url, "the conversation in the address")
    page.reload()
    other = context.new_page()
    other.goto(page.url)
    for tab in (page, other):
        expect(tab.locator(".answer.writing").last).to_be_visible()
        seen = len(tab.locator(".answer").last.inner_text())
        until(tab, lambda tab=tab, seen=seen: len(tab.locator(".answer").last.inner_text()) > seen, "more words")  # type: ignore[misc]
    other.get_by_role("button", name="Stop").first.click()
    for tab in (page, other):
        expect(tab.get_by_text("Stopped here.").first).to_be_visible()
        expect(tab.locator(".answer").last).not_to_have_class(re.compile("writing"))
        expect(tab.locator(".answer").last).not_to_be_empty()
    expect(page.locator(".answer").last).to_have_text(other.locator(".answer").last.inner_text(), use_inner_text=True)


def test_nothing_a_document_says_runs_or_reaches_out(page: Page, faked: Served) -> None:
    evil = (
        "Halden fund <img src='http://evil.example/a.png' onerror='window.hit=1'> "
        "![x](http://evil.example/b.png) <script>window.hit=1</script> [c](javascript:window.hit=1) end."
    )
    name = "Halden <img src=http:evil.example onerror=window.hit=1> **fund** ![x](http:evil.example).txt"
    page.goto(f"{faked.url}/library")
    drop(page, [{"name": name, "mimeType": "text/plain", "buffer": evil.encode()}])
    expect(page.locator(".wf-row .main", has_text="onerror")).to_have_text(name)
    expect(page.get_by_text("Read: 1 added").first).to_be_visible()
    page.get_by_role("link", name="Chat").click()
    page.get_by_role("button", name="New conversation").click()
    ask(page, "evil.example onerror script javascript Halden fund end")
    expect(page.locator("button.chip").first).to_be_visible()
    assert "<script>" in page.locator(".answer").last.inner_text()
    page.locator("button.chip").first.click()
    expect(page.get_by_role("dialog").locator(".page[data-ready]")).to_be_visible()
    assert page.evaluate("window.hit") is None
    assert page.locator("img[src*='evil']").count() == 0
    # That no request left this machine is checked by the `context` fixture.


def test_the_answer_is_copied_with_its_sources(page: Page, context: BrowserContext, faked: Served) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(faked.url)
    ask(page, "Which turbine stood still?")
    page.get_by_role("button", name="Copy the answer with its sources").first.click()
    expect(page.get_by_text("Copied").first).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "Turbine T7 stood still for 41 days" in copied and "Sources:\n[1] turbine-report.pdf · page 1" in copied


def test_a_conversation_is_renamed_and_deleted_from_the_sidebar(page: Page, faked: Served) -> None:
    page.goto(faked.url)
    ask(page, "Which turbine of all stood still?")
    row = page.locator("[class*='st-key-row-c-'][class*='-open']")
    expect(page.get_by_role("button", name="Answer again").first).to_be_visible()
    row.get_by_test_id("stMenuButton").get_by_role("button").last.click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_label("Title").fill("My turbine")
    page.get_by_label("Title").press("Enter")
    expect(row.get_by_role("button", name="My turbine")).to_be_visible()
    row.get_by_test_id("stMenuButton").get_by_role("button").last.click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("button", name="My turbine")).to_have_count(0)
    expect(page.get_by_role("heading", name="Ask your documents")).to_be_visible()


@pytest.mark.parametrize("view", ["", "library", "audit", "system"])
def test_every_view_fits_a_phone(page: Page, faked: Served, view: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.goto(f"{faked.url}/{view}")
    heading = "Ask your documents" if not view else view.capitalize()
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    block = page.get_by_test_id("stMainBlockContainer")
    expect(block).to_be_visible()
    assert block.evaluate("e => e.scrollWidth - e.clientWidth") <= 1
