"""The tools of the chat, in one table: what the model may choose from, what the guard lets pass, what the steps say.

A tool is a row: what it is for, how its arguments are found, and what becomes of its result. How one is added stands
in decision 0013. `reply` is a row too: "none of these" is a choice like the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langgraph.runtime import get_runtime

from agent.context import RunContext
from agent.updates import Artifact
from provenance.errors import AppError, ConfigError

__all__ = ["QUERY", "REPLY", "REQUEST", "Tool", "ToolResult", "ToolTable"]

QUERY: dict[str, Any] = {
    "type": "object",
    "properties": {"query": {"type": "string", "maxLength": 160}},
    "required": ["query"],
    "additionalProperties": False,
}
REQUEST: dict[str, Any] = {
    "type": "object",
    "properties": {"request": {"type": "string", "maxLength": 4000}},
    "required": ["request"],
    "additionalProperties": False,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolResult:
    """What a tool brings.

    `text` is what the person is shown (`final`), or what the model reads (`passages`, `material`). `artifacts` were put
    into `RunContext.artifacts`. `refused` is one sentence where the tool would not do it. `instead` names the tool that
    the request goes to where this one finds that it is not for it.
    """

    text: str
    artifacts: tuple[Artifact, ...] = ()
    detail: str = ""  # a few words for the list of steps
    refused: str = ""
    instead: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """One row.

    Attributes:
        name: What the model, the policy and the ledger call it: letters, digits and underscores.
        title, doing: What the list of steps calls it, when done and while it runs.
        description: One line for the model: when it is the right one.
        call: Does it. Gets checked arguments and the run; `context.request` is what the person asked of this step and
            `context.results` what earlier steps brought. Raises AppError where it cannot; the person is told.
        arguments: JSON schema of its arguments, an object.
        fill: Where the arguments come from. "request": {"request": the person's words}. "query": {"query": a short
            phrase that can be understood alone}. "schema": the model fills `arguments`, decoded under that schema.
        result: What becomes of the text. "final": shown as it is. "passages": read and answered with citations.
            "material": the model answers from it, as from a text that is not trusted.
        examples: Requests for which this is the right tool; the router compares new ones with them.
        claims: Says by code that a request is this tool's, where the plan would only have searched.
        certain: Says by code that a request is this tool's and nothing else, whatever the examples say.
        foreign: Somebody else's program, described by its schema alone: chosen by `agent.calling`, not by examples.
        side_effects: Whether it changes something outside the data folder; such a call needs a person's click.
    """

    name: str
    title: str
    description: str
    call: Callable[[Mapping[str, Any], RunContext], ToolResult]
    doing: str = ""
    arguments: Mapping[str, Any] = field(default_factory=lambda: REQUEST)
    fill: Literal["request", "query", "schema"] = "request"
    result: Literal["final", "passages", "material"] = "final"
    examples: tuple[str, ...] = ()
    claims: Callable[[str], bool] = lambda _request: False
    certain: Callable[[str], bool] = lambda _request: False
    side_effects: bool = False
    foreign: bool = False


def _talk(_arguments: Mapping[str, Any], _context: RunContext) -> ToolResult:
    raise ConfigError("A reply is written by the model; it is not a tool that can be called.")


REPLY = Tool(
    name="reply",
    title="Reply",
    doing="Replying",
    description="only for a greeting, thanks, or a question about what you can do.",
    call=_talk,
)


class ToolTable:
    """The tools in force, in their order: the first one is where a request goes when nothing better is known."""

    def __init__(self, tools: Sequence[Tool], *, allowed: Callable[[str], bool] = lambda _name: True) -> None:
        """
        Args:
            tools: Without `reply`, which is always there, last.
            allowed: The policy's word: a tool that it does not name is not even offered.
        Raises:
            ConfigError: If two tools have one name, or none is left.
        """
        rows = [tool for tool in tools if allowed(tool.name)]
        self._rows = {tool.name: tool for tool in [*rows, REPLY]}
        if not rows or len(self._rows) != len(rows) + 1:
            raise ConfigError("The tools of the chat need different names, and the policy must allow one of them.")

    def __getitem__(self, name: str) -> Tool:
        return self._rows[name]

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._rows.values())

    @property
    def names(self) -> tuple[str, ...]:
        """What the model chooses from by name: all but foreign tools, `reply` last."""
        return tuple(tool.name for tool in self if not tool.foreign)

    @property
    def foreign(self) -> list[Tool]:
        """Tools of others."""
        return [tool for tool in self if tool.foreign]

    @property
    def first(self) -> Tool:
        """Where a request goes when nothing better is known."""
        return next(iter(self))

    @property
    def callable_rows(self) -> list[Tool]:
        """The tools that can be called: all but `reply`."""
        return [tool for tool in self if tool is not REPLY]

    def callable(self) -> list[BaseTool]:
        """The same as the graph calls them, through the guards and with a record."""
        return [_callable(tool) for tool in self.callable_rows]


def _callable(tool: Tool) -> BaseTool:
    def call(**arguments: Any) -> tuple[str, ToolResult]:
        context = get_runtime(RunContext).context
        try:
            result = tool.call(arguments, context)
        except AppError as exc:  # a failed step, recorded and told; bugs still propagate
            raise ToolException(" ".join(part for part in (str(exc), exc.hint) if part)) from exc
        context.made.extend(result.artifacts)
        context.results.append(result)
        return result.text, result

    return StructuredTool(
        name=tool.name,
        description=tool.description,
        args_schema=dict(tool.arguments),
        func=call,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )
