"""MCP servers: off until allowed, not believed, and never able to hurt more than their own call."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from agent.artifacts import ArtifactStore
from agent.guardrails.rings import Guards
from agent.tools.mcp import MOST_TEXT, Servers
from agent.tools.plain import readable
from provenance.errors import AppError, ConfigError, NotFoundError
from tests.agent.doubles import ListLedger, ScriptedModel, assistant_of

SERVER = str(Path(__file__).with_name("mcp_server.py"))
GUARDS = Guards()


def suspect(text: str) -> str:
    verdict = GUARDS.check_retrieved([text])[0]
    return "" if verdict.action == "allow" else "It carries instructions."


def servers(folder: Path, how: str = "good", *, timeout_s: float = 120, **more: Any) -> Servers:
    command = {"command": sys.executable, "args": [SERVER, how]}
    (folder / "mcp.json").write_text(json.dumps({"mcpServers": {"harbour": command, **more}}))
    return Servers(folder / "mcp.json", folder / "allowed.json", suspect=suspect, timeout_s=timeout_s)


def call(found: Servers, name: str, **arguments: str) -> Any:
    row = next(row for row in found.rows() if row.title == name)

    class Context:
        def check_stop(self) -> None:
            return None

    return row.call(arguments, Context())  # type: ignore[arg-type]


@pytest.fixture
def allowed(tmp_path: Path) -> Servers:
    found = servers(tmp_path)
    found.allow("harbour/tide")
    return found


@pytest.mark.slow
def test_tools_are_off_until_a_person_allows_them(tmp_path: Path) -> None:
    found = servers(tmp_path, broken={"command": "/no/such/program"})
    tools, silent = found.offered()
    assert {one.id: one.allowed for one in tools} == {
        "harbour/tide": False,
        "harbour/ring": False,
        "harbour/trap": False,
    }
    assert list(silent) == ["broken"] and found.rows() == []
    by_id = {one.id: one for one in tools}
    assert by_id["harbour/tide"].read_only and not by_id["harbour/ring"].read_only
    assert by_id["harbour/trap"].suspicious and not by_id["harbour/tide"].suspicious
    with pytest.raises(ConfigError):
        found.allow("harbour/trap")
    with pytest.raises(NotFoundError):
        found.allow("harbour/none")
    found.allow("harbour/ring")
    [row] = found.rows()
    assert row.name == "mcp_harbour_ring" and row.side_effects and row.foreign
    found.deny("harbour/ring")
    assert found.rows() == []
    with pytest.raises(NotFoundError):
        found.deny("harbour/ring")


@pytest.mark.slow
def test_an_allowed_tool_answers_and_sees_none_of_our_secrets(
    allowed: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHEREFROM_PASSWORD", "hunter2")
    assert call(allowed, "harbour/tide", harbour="Skarn").text == "The tide at Skarn is 2.4 metres."
    allowed.allow("harbour/ring")
    assert call(allowed, "harbour/ring", harbour="Skarn").text == "Rang at Skarn; the secret is not here."


@pytest.mark.slow
@pytest.mark.parametrize(("how", "why"), [("changed", "other words"), ("injects", "put aside")])
def test_a_tool_that_turns_is_not_believed(allowed: Servers, tmp_path: Path, how: str, why: str) -> None:
    result = call(servers(tmp_path, how), "harbour/tide", harbour="Skarn")
    assert result.text == "" and why in result.refused


@pytest.mark.slow
def test_a_server_that_dies_costs_its_own_call(allowed: Servers, tmp_path: Path) -> None:
    with pytest.raises(AppError, match="MCP server failed"):
        call(servers(tmp_path, "dies"), "harbour/tide", harbour="Skarn")
    assert "2.4 metres" in call(servers(tmp_path), "harbour/tide", harbour="Skarn").text


@pytest.mark.slow
def test_a_tool_that_hangs_is_given_up_and_does_not_stay_behind(allowed: Servers, tmp_path: Path) -> None:
    hanging = servers(tmp_path, "hangs", timeout_s=12)
    with pytest.raises(AppError, match="did not answer in time"):
        call(hanging, "harbour/tide", harbour="Skarn")
    assert not [one for one in Path("/proc").glob("[0-9]*/cmdline") if SERVER.encode() in _read(one)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""


@pytest.mark.slow
def test_what_a_tool_throws_is_said_and_what_it_floods_is_cut(allowed: Servers, tmp_path: Path) -> None:
    thrown = call(servers(tmp_path, "throws"), "harbour/tide", harbour="Skarn")
    assert thrown.text == "" and "the gauge is broken" in thrown.refused
    flood = call(servers(tmp_path, "floods", timeout_s=600), "harbour/tide", harbour="Skarn")
    assert len(flood.text) == MOST_TEXT and "10,000,0" in flood.detail and not flood.refused
    page = call(servers(tmp_path, "markup"), "harbour/tide", harbour="Skarn")
    assert page.text == "At Skarn:\n2.4 metres" and not page.refused


@pytest.mark.parametrize("piece", ["<!--", "<a ", "<![", "&#", "</", "<p><!-", "<?", "<script>"])
def test_no_markup_takes_long_to_read(piece: str) -> None:
    text = "<html>" + piece * 100_000
    started = time.process_time()
    assert len(readable(text, most=MOST_TEXT)) <= MOST_TEXT
    assert time.process_time() - started < 1.0


@pytest.mark.slow
def test_the_chat_calls_what_the_question_asks_for(allowed: Servers) -> None:
    ledger = ListLedger()
    model = ScriptedModel(script=['{"function": 1}', '{"harbour": "Skarn"}', "The tide at Skarn is 2.4 metres."])
    assistant = assistant_of(model, ledger, tools=allowed.rows(), artifacts=ArtifactStore(None))
    assert not any("harbour" in str(message.content) for call in model.asked for message in call)
    question = "What is the tide at the harbour of Skarn today?"
    answer = assistant.run(question, run="r", conversation="c", stop=threading.Event(), emit=lambda _update: None)
    assert "2.4 metres" in answer.text and not answer.refused
    assert [body["tool"] for kind, _run, body, _contents in ledger.events if kind == "plan"] == ["mcp_harbour_tide"]
    assert "never an instruction" in str(model.asked[-1][-1].content)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"servers": {}}', '{"mcpServers": {"x": 3}}', '{"mcpServers": {"x": {}}}']
)
def test_a_file_that_cannot_be_followed_is_told_with_a_hint(tmp_path: Path, text: str) -> None:
    (tmp_path / "mcp.json").write_text(text)
    with pytest.raises(ConfigError) as caught:
        Servers(tmp_path / "mcp.json", tmp_path / "allowed.json", suspect=suspect).connections()
    assert "mcpServers" in caught.value.hint


def test_no_file_no_servers(tmp_path: Path) -> None:
    found = Servers(tmp_path / "mcp.json", tmp_path / "allowed.json", suspect=suspect)
    assert found.connections() == {} and found.offered() == ([], {}) and found.rows() == []
