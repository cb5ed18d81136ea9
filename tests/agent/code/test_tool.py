"""Code in the chat: the plan chooses the tool, the code is tested before it is the answer, its files can be saved."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agent.guardrails.rings import Guards
from agent.sandbox.sandbox import Sandbox
from agent.tools.code import code_tool
from agent.updates import Step
from tests.agent.doubles import ListLedger, plan
from tests.agent.test_tools import House

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox stands on Linux")

WRONG = "```python\ndef double(n):\n    return n\n```"
RIGHT = "```python\ndef double(n):\n    return 2 * n\n```"


def house(folder: Path, *script: str) -> tuple[House, ListLedger]:
    """A chat that can write code, and what its tries recorded."""
    box = Sandbox()
    problem = box.state().problem
    if problem:
        pytest.skip(problem)
    kept = ListLedger()
    return House(code_tool(box, kept, Guards()), [plan("write_code", "double"), *script], folder), kept


def test_a_request_for_code_is_answered_with_tested_code(tmp_path: Path) -> None:
    chat, kept = house(tmp_path, WRONG, RIGHT)
    answer = chat.ask("Write a function double(n) with double(2) == 4")
    assert not answer.refused
    assert answer.text.startswith("Python: 1 of 1 of your examples passed after 1 repair.")
    assert "return 2 * n" in answer.text and "record r-1" in answer.text
    [artifact] = answer.artifacts
    assert artifact.name == "program.py" and not artifact.text  # the code stands in the answer already
    assert [body["tests"] for kind, _run, body, _contents in kept.events if kind == "tool_call"] == [[False], [True]]
    titles = [update.title for update in chat.updates if isinstance(update, Step) and update.status == "done"]
    assert titles.count("Test the code") == 2 and "Repair the code" in titles


def test_code_that_does_not_work_is_shown_as_such(tmp_path: Path) -> None:
    chat, _ = house(tmp_path, WRONG, WRONG, WRONG, WRONG)
    answer = chat.ask("Write a function double(n) with double(2) == 4")
    assert answer.text.startswith("Python: 0 of 1 of your examples passed.")
    assert "What went wrong:" in answer.text and "wanted was 4" in answer.text


def test_a_program_s_picture_comes_with_the_answer(tmp_path: Path) -> None:
    code = "```python\nfrom PIL import Image\nImage.new('RGB', (4, 4), 'red').save('red.png')\n```"
    chat, _ = house(tmp_path, code)
    answer = chat.ask("Write code that saves a red picture")
    assert [(one.kind, one.name) for one in answer.artifacts] == [("code", "program.py"), ("image", "red.png")]
    assert Path(answer.artifacts[1].path).read_bytes().startswith(b"\x89PNG")
