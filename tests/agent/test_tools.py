"""The table of tools: what is offered, how arguments are found, what becomes of a result, and the files that come."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.artifacts import ArtifactStore
from agent.context import Prompted, RunContext
from agent.guardrails.policy import load_policy, parse_policy
from agent.guardrails.rings import Guards
from agent.tools.table import REPLY, Tool, ToolResult, ToolTable
from agent.updates import Answer, Step, Update
from provenance.errors import ConfigError, GenerationError, NotFoundError, StorageError
from tests.agent.doubles import ListLedger, MemoryTurns, ScriptedModel, assistant_of, plan

Arguments = Mapping[str, Any]


def make_tool(call: Any, name: str = "write_code", **more: Any) -> Tool:
    return Tool(name=name, title="Write code", doing="Writing code", description="code.", call=call, **more)


class House:
    """An assistant with one more tool."""

    def __init__(self, tool: Tool, script: list[str], folder: Path | None = None, guards: Guards | None = None) -> None:
        self.model, self.ledger, self.turns = ScriptedModel(script=script), ListLedger(), MemoryTurns()
        self.updates: list[Update] = []
        self.assistant = assistant_of(
            self.model,
            self.ledger,
            turns=self.turns,
            guards=guards or Guards(),
            tools=[tool],
            artifacts=ArtifactStore(folder),
        )

    def ask(self, question: str) -> Answer:
        return self.assistant.run(
            question, run="r-1", conversation="c", stop=threading.Event(), emit=self.updates.append
        )

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        return [body for known, _run, body, _contents in self.ledger.events if known == kind]


def test_a_tool_hands_back_a_file_that_is_recorded_before_the_answer(tmp_path: Path) -> None:
    def call(arguments: Arguments, context: RunContext) -> ToolResult:
        made = context.artifacts.put(
            context.run, b"print(2)\n", name="two.py", kind="code", media_type="text/x-python", text="print(2)\n"
        )
        return ToolResult(text=f"Here it is: {arguments['request']}", artifacts=(made,), detail="1 file")

    house = House(make_tool(call), [plan("write_code", "print two")], tmp_path)
    answer = house.ask("Write code that prints two.")
    assert answer.text == "Here it is: Write code that prints two." and not answer.refused
    [artifact] = answer.artifacts
    assert (artifact.run, artifact.n, artifact.name) == ("r-1", 1, "two.py")
    assert Path(artifact.path).read_bytes() == b"print(2)\n"
    [called] = house.bodies("tool_call")
    assert [one["sha256"] for one in called["artifacts"]] == [artifact.sha256]
    assert house.bodies("answer")[0]["artifacts"] == called["artifacts"]
    assert "two.py" not in json.dumps([body for _kind, _run, body, _contents in house.ledger.events])
    step = next(one for one in house.updates if isinstance(one, Step) and one.name == "write_code")
    assert (step.title, step.doing) == ("Write code", "Writing code")


def test_arguments_of_a_schema_are_filled_by_the_model_under_it() -> None:
    schema = {"type": "object", "properties": {"rows": {"type": "integer"}}, "required": ["rows"]}
    got: list[Arguments] = []

    def call(arguments: Arguments, context: RunContext) -> ToolResult:
        got.append(arguments)
        return ToolResult(text="done")

    tool = make_tool(call, "query_table", arguments=schema, fill="schema")
    house = House(tool, [plan("query_table", "rows"), '{"rows": 3}'])
    assert house.ask("Show three rows.").text == "done"
    assert got == [{"rows": 3}]
    bound = house.model.bound[-1]["response_format"]["json_schema"]["schema"]
    assert bound == schema | {"additionalProperties": False}


def test_material_is_answered_from_and_not_obeyed() -> None:
    tool = make_tool(lambda _a, _c: ToolResult(text="The sum is 430."), "query_table", result="material")
    house = House(tool, [plan("query_table", "sum"), "It is 430."])
    assert house.ask("What is the sum?").text == "It is 430."
    said = str(house.model.asked[-1][-1].content)
    assert "The sum is 430." in said and "never an instruction" in said


def test_what_a_tool_refuses_is_said_plainly() -> None:
    tool = make_tool(lambda _a, _c: ToolResult(text="", refused="This program cannot be tested here."))
    answer = House(tool, [plan("write_code", "x")]).ask("Write code that formats the disk.")
    assert answer.refused and answer.text == "This program cannot be tested here."


def test_a_tool_that_fails_is_a_failed_step_with_its_sentence() -> None:
    def call(_arguments: Arguments, _context: RunContext) -> ToolResult:
        raise GenerationError("The sandbox did not start.", hint="See doctor.")

    house = House(make_tool(call), [plan("write_code", "x")])
    answer = house.ask("Write code that prints two.")
    assert answer.refused and answer.text == "The sandbox did not start. See doctor."
    assert house.bodies("tool_call")[0]["status"] == "error"


def test_a_bug_in_a_tool_is_not_hidden() -> None:
    house = House(make_tool(lambda _a, _c: ToolResult(text=str(1 // 0))), [plan("write_code", "x")])
    with pytest.raises(ZeroDivisionError):
        house.ask("Write code that prints two.")
    assert house.ledger.kinds()[-1] == "error"


def test_a_tool_asks_the_model_with_a_record() -> None:
    def call(_arguments: Arguments, context: RunContext) -> ToolResult:
        said = context.model.write(context, [Prompted(role="user", content="Say two.")], purpose="code", max_tokens=20)
        return ToolResult(text=said.text)

    house = House(make_tool(call), [plan("write_code", "x"), "two"])
    assert house.ask("Write code that prints two.").text == "two"
    assert [body["purpose"] for body in house.bodies("model_call")] == ["plan", "code"]


def test_what_the_policy_does_not_name_is_not_even_offered() -> None:
    text = "\n".join(
        line for line in Path(_policy_file()).read_text().splitlines() if not line.startswith("# ")
    ).replace("[tool.tools.allowed.write_code]", "[tool.tools.allowed.another]")
    tool = make_tool(lambda _a, _c: ToolResult(text="never"))
    house = House(tool, [plan("write_code", "x"), '{"answer": "none"}'], guards=Guards(parse_policy(text)))
    house.ask("Write code for the trust.")
    schema = house.model.bound[0]["response_format"]["json_schema"]["schema"]
    assert "write_code" not in schema["properties"]["tool"]["enum"]
    assert not any(body["tool"] == "write_code" for body in house.bodies("plan"))


def _policy_file() -> str:
    import agent.guardrails

    return str(Path(agent.guardrails.__file__).with_name("policy.toml"))


def test_every_tool_that_the_policy_names_may_be_offered() -> None:
    allowed = load_policy().rules["tool"]["tools"].options["allowed"]
    assert {"search_documents", "query_ledger", "write_code", "generate_image", "query_table", "summarise"} <= set(
        allowed
    )


def test_two_tools_of_one_name_are_refused() -> None:
    tool = make_tool(lambda _a, _c: ToolResult(text=""))
    with pytest.raises(ConfigError):
        ToolTable([tool, tool])
    with pytest.raises(ConfigError):
        ToolTable([])
    assert ToolTable([tool]).names == ("write_code", REPLY.name)


def test_a_file_stays_in_its_folder_whatever_it_is_called(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "artifacts")
    names = ["../../etc/passwd", "a\\b\\..\\x.py", "", "...", "x" * 500 + ".png", "nul\0l\n.txt", "🦊.txt"]
    for n, name in enumerate(names, 1):
        made = store.put("r-1", bytes([n]), name=name, kind="file", media_type="application/octet-stream")
        assert Path(made.path).parent == tmp_path / "artifacts" / "r-1" and made.n == n
        assert store.read("r-1", n) == bytes([n])
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file())[0].startswith("1-")


@pytest.mark.parametrize("run", ["..", "../r-1", "", "r-1/..", "a" * 200])
def test_a_run_that_is_no_run_has_no_files(tmp_path: Path, run: str) -> None:
    (tmp_path / "1-secret").write_text("x")
    with pytest.raises(NotFoundError):
        ArtifactStore(tmp_path / "artifacts").read(run, 1)


def test_forgotten_files_are_gone(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    store.put("r-1", b"x", name="x.txt", kind="text", media_type="text/plain")
    store.forget("r-1")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(NotFoundError):
        store.read("r-1", 1)


def test_without_a_folder_nothing_is_kept() -> None:
    with pytest.raises(StorageError):
        ArtifactStore(None).put("r-1", b"x", name="x", kind="file", media_type="text/plain")
