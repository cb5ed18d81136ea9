"""The calls that a model wants made: as it sent them, or as it wrote them into its text; and what is wrong with one.

A call is made only if its tool is on the table and its arguments meet the tool's schema. A schema of somebody else's
program may point to an address: nothing is fetched, and what cannot be checked is not called.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from langchain_core.messages import AIMessage, ToolCall
from referencing.exceptions import Unresolvable
from referencing.jsonschema import EMPTY_REGISTRY

from agent.tools.table import REPLY, ToolTable
from backends.llm.schema import closed

__all__ = ["Wanted", "problem_of", "wanted_calls"]

MOST_SAID = 240  # characters of what a validator says
_AS_TEXT = "A call that is written as text is not made. Call the tool through the interface for tools."
_NOT_JSON = "The arguments of this call are not a JSON object."
_FENCED = re.compile(r"```[\w-]*\s*(.*?)```", re.DOTALL)
_TAGGED = re.compile(r"<\|?(?:tool_calls?|function_calls?|python_tag)\b|\[TOOL_CALLS\]|<function=", re.IGNORECASE)
_INSIDE = re.compile(r"<(tool_call|function_call)>\s*(.*?)\s*</\1>", re.DOTALL | re.IGNORECASE)
_ARGUMENTS = ("arguments", "parameters", "args", "input")
_ODD = re.compile(r"[^\w-]", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """One call."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""  # the model's own, where it gave one
    problem: str = ""  # what is wrong with its form: a sentence for the model
    by: str = "model"  # who wants it; "rule": code does

    @property
    def signature(self) -> str:
        """The same for the same call."""
        return json.dumps([self.name, self.arguments], sort_keys=True, ensure_ascii=False, default=str)

    def as_tool_call(self, otherwise: str) -> ToolCall:
        """As a message carries it, under a name that every server takes; `otherwise` is its id if it has none."""
        name = _ODD.sub("_", self.name)[:64] or "unknown"
        return ToolCall(name=name, args=dict(self.arguments), id=self.id or otherwise, type="tool_call")


def wanted_calls(message: AIMessage, names: Collection[str]) -> list[Wanted]:
    """Every call in a message, in its order; one that stands in the text counts only where there is no other.

    Args:
        names: Of the tools there are.
    """
    calls = [Wanted(name=call["name"], arguments=call["args"], id=call["id"] or "") for call in message.tool_calls]
    broken = [
        Wanted(name=call["name"] or "", id=call["id"] or "", problem=_NOT_JSON) for call in message.invalid_tool_calls
    ]
    if calls or broken:
        return [*calls, *broken]
    return list(_printed(str(message.text), names))


def problem_of(call: Wanted, tools: ToolTable) -> str:
    """Why this call cannot be made, as one clear sentence for the model; empty where it can.

    Example:
        >>> from agent.tools.table import Tool
        >>> table = ToolTable([Tool(name="draw", title="Draw", description="draws.", call=lambda _a, _c: None)])
        >>> problem_of(Wanted(name="paint"), table)
        'There is no tool called "paint". There are: draw.'
        >>> problem_of(Wanted(name="draw", arguments={"request": 3}), table)
        "The arguments of draw do not meet its schema: request: 3 is not of type 'string'."
    """
    if call.problem:
        return call.problem
    if call.name not in tools or call.name == REPLY.name:
        known = ", ".join(tool.name for tool in tools.callable_rows)
        return f'There is no tool called "{_ODD.sub("_", call.name)[:64]}". There are: {known}.'
    try:
        validator = Draft202012Validator(closed(dict(tools[call.name].arguments)), registry=EMPTY_REGISTRY)
        validator.check_schema(validator.schema)
        wrong = best_match(validator.iter_errors(dict(call.arguments)))
    except (SchemaError, Unresolvable):
        return f"The schema of {call.name} cannot be followed, so it is not called."
    if wrong is None:
        return ""
    where = "".join(f"{part}: " for part in wrong.absolute_path)
    return f"The arguments of {call.name} do not meet its schema: {where}{wrong.message[:MOST_SAID]}."


def _printed(text: str, names: Collection[str]) -> Iterator[Wanted]:
    """The call that a text is, or holds between fences or tags."""
    for piece in (text, *_FENCED.findall(text), *(inner for _tag, inner in _INSIDE.findall(text))):
        call = _as_call(piece.strip(), names)
        if call is not None:
            yield call
            return
    called = next((name for name in names if re.match(rf"\s*`*{re.escape(name)}\s*\(", text)), None)
    if called is not None or _TAGGED.search(text):
        yield Wanted(name=called or "", problem=_AS_TEXT)


def _as_call(piece: str, names: Collection[str]) -> Wanted | None:
    if not piece.startswith(("{", "[")):
        return None
    try:
        value, _end = json.JSONDecoder().raw_decode(piece)
    except json.JSONDecodeError:
        return None
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict) and isinstance(value.get("function"), dict):
        value = value["function"]
    if not isinstance(value, dict):
        return None
    name = next((value[key] for key in ("name", "tool", "function") if isinstance(value.get(key), str)), None)
    if name is None or not (name in names or any(key in value for key in _ARGUMENTS)):
        return None
    return Wanted(name=name, problem=_AS_TEXT)
