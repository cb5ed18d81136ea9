"""Tools of MCP servers through the house, the command line and the page: off until a person allows each of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provenance.errors import ConfigError, NotFoundError
from tests.fake_engine import FakeEngine
from tests.ui.engine_process import commanded
from tests.ui.houses import house, make  # noqa: F401 - fixtures
from tests.ui.page_harness import staged, texts, view
from ui import cli
from ui.commands import tools
from ui.services import Services

SERVER = str(Path(__file__).resolve().parents[1] / "agent" / "mcp_server.py")
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    with commanded(tmp_path, tools, monkeypatch) as fake:
        yield fake


@pytest.fixture
def run(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str]:
        status = cli.main(["tools", *arguments])
        return status, capsys.readouterr().out

    return call


def test_without_servers_there_is_nothing_to_allow(house: Services) -> None:  # noqa: F811
    found = house.tools()
    assert (found.tools, found.silent) == ([], {}) and found.file.endswith("mcp.json")
    with pytest.raises(NotFoundError):
        house.deny_tool("a/b")


def test_a_typo_in_the_file_is_told(house: Services) -> None:  # noqa: F811
    (house.parts.settings.home / "mcp.json").write_text('{"mcpServers": ')
    with pytest.raises(ConfigError) as caught:
        house.tools()
    assert "mcpServers" in caught.value.hint


@pytest.mark.slow
def test_what_a_person_decides_is_recorded_and_counts_from_the_next_question_on(house: Services) -> None:  # noqa: F811
    command = {"command": sys.executable, "args": [SERVER]}
    (house.parts.settings.home / "mcp.json").write_text(json.dumps({"mcpServers": {"harbour": command}}))
    assert "mcp_harbour_tide" not in house.parts.assistant.tools
    allowed = house.allow_tool("harbour/tide")
    assert allowed.allowed and "mcp_harbour_tide" in house.parts.assistant.tools
    assert {one.id: one.allowed for one in house.tools().tools}["harbour/tide"]
    house.deny_tool("harbour/tide")
    assert "mcp_harbour_tide" not in house.parts.assistant.tools
    said = [event.body for event in house.events() if event.kind == "tool_permit"]
    assert [(body["tool"], body["allowed"]) for body in said] == [("harbour/tide", True), ("harbour/tide", False)]
    assert len(said[0]["described_as"]) == 64


def test_the_command_lists_allows_and_denies(run: Run) -> None:
    status, out = run("list")
    assert status == 0 and "off      harbour/tide" in out and "asks before each call" in out and "attic" in out
    status, out = run("allow", "harbour/tide")
    assert status == 0 and "next question" in out
    assert "allowed  harbour/tide" in run("list")[1]
    assert run("allow", "harbour/trap", "--json")[0] == 2
    assert json.loads(run("deny", "harbour/tide", "--json")[1]) == {"id": "harbour/tide", "allowed": False}
    assert run("deny", "harbour/tide", "--json")[0] == 2


def test_the_page_asks_the_servers_only_when_told_and_has_a_switch_for_each_tool(tmp_path: Path) -> None:
    fake = staged(tmp_path)
    try:
        at = view("system")
        assert not at.toggle
        at.button(key="system.tools.ask").click().run()
        assert [one.label for one in at.toggle] == ["harbour/tide", "harbour/ring", "harbour/trap"]
        assert at.toggle(key="system.tool.harbour/trap").disabled and "attic" in texts(at)
        at.toggle(key="system.tool.harbour/ring").set_value(True).run()
        assert fake.permits == {"harbour/ring"} and not at.error
        at.toggle(key="system.tool.harbour/ring").set_value(False).run()
        assert fake.permits == set()
    finally:
        fake.close()
