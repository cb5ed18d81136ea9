"""The plan of a run: at most four typed steps, decided by the router where it is clear, by the model where it is not.

The plan stands in the prompt as JSON either way, so a later question of the conversation finds the same kind of turns
before it, and what the model has read stays a prefix of what it reads next.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from agent.calling.caller import FunctionCaller
from agent.calling.function import Function
from agent.context import PlannedStep, Prompted, RunContext
from agent.prompts import load_prompt
from agent.routing.router import Router, leans
from agent.tools.table import REPLY, Tool, ToolTable
from backends.llm.schema import closed

__all__ = ["Planner", "plan_schema"]

PLAN_TOKENS = 80
FILL_TOKENS = 400
MOST_QUERY = 160
NEAR_ENOUGH = 0.3  # cosine of a question and a foreign tool's words from which the model is asked at all
_FILL = "Now fill in what {tool} needs, from what the person wrote. Reply with JSON only."
_NEXT = "Next step: {request}"


class Planner:
    """Decides the steps, and finds the arguments of each."""

    def __init__(self, tools: ToolTable, router: Router) -> None:
        self._table = tools
        self._router = router

    def decide(self, context: RunContext) -> None:
        """Set `context.plan`; the question and the first step's plan are the first two messages of the exchange."""
        context.exchange.append(Prompted(role="user", content=context.question))
        with context.step("plan", clock="plan") as shown:
            route = self._router.route(context.question, context.history)
            context.routed_by = route.by
            foreign = None if route.by == "rule" else self._foreign(context)
            if foreign is not None:
                context.plan, context.routed_by = [foreign], "model"
            elif route.steps:
                context.plan = list(route.steps)
                self._ask_for_query(context)
            else:
                context.plan = [self._chosen(context, route.likely)]
            context.plan[0] = self._claimed(context.plan[0])
            shown["detail"] = _told(context.plan)

    def is_talk(self, context: RunContext) -> bool:
        """Whether a question is clearly none of the tools' business, as far as can be said without a model."""
        route = self._router.route(context.question, context.history)
        return (route.steps[0].tool if route.steps else route.likely[0]) == REPLY.name

    def begin(self, context: RunContext) -> Tool:
        """Make the next step the current one, and write it into the prompt."""
        step = context.plan[len(context.parts)]
        tool = self._table[step.tool]
        context.tool, context.request = tool.name, step.request
        context.words, context.doubt, context.signs = "", None, {}
        if context.parts:
            context.exchange.append(Prompted(role="user", content=_NEXT.format(request=step.request)))
        if context.exchange[-1].role == "user":
            context.exchange.append(Prompted(role="assistant", content=_plan_json(step)))
        return tool

    def replace(self, context: RunContext, name: str) -> Tool:
        """The current step goes to another tool."""
        step = context.plan[len(context.parts)]
        context.plan[len(context.parts)] = PlannedStep(tool=name, request=step.request, query=step.query)
        context.tool = name
        return self._table[name]

    def arguments(self, context: RunContext, tool: Tool) -> Mapping[str, Any]:
        """The arguments of the current step's call."""
        step = context.plan[len(context.parts)]
        if step.arguments is not None:
            return step.arguments
        match tool.fill:
            case "query":
                return {"query": step.query}
            case "request":
                return {"request": context.request}
            case "schema":
                return self._filled(context, tool)

    def _foreign(self, context: RunContext) -> PlannedStep | None:
        """The call of somebody else's tool, where the question clearly asks for one."""
        functions = [
            Function(name=tool.name, description=tool.description, parameters=tool.arguments)
            for tool in self._table.foreign
        ]
        if not functions:
            return None

        def decode(
            said: Sequence[str], schema: Mapping[str, Any], *, max_tokens: int, logprobs: bool
        ) -> tuple[str, Mapping[str, Any]]:
            roles: tuple[Literal["user", "assistant"], ...] = ("user", "assistant")
            prompted = [Prompted(role=roles[n % 2], content=text) for n, text in enumerate(said)]
            more: dict[str, Any] = {"logprobs": True, "top_logprobs": 10} if logprobs else {}
            answer = context.model.decode(
                context,
                prompted,
                schema,
                purpose="call",
                max_tokens=max_tokens,
                prompt=load_prompt("functions"),
                **more,
            )
            return answer.text, answer.metadata

        caller = FunctionCaller(decode, self._router.embedder)
        call = caller.choose(context.question, functions, least=NEAR_ENOUGH).call
        if call is None:
            return None
        return PlannedStep(tool=call.name, request=context.question, arguments=call.arguments)

    def _ask_for_query(self, context: RunContext) -> None:
        """A search phrase that can be understood alone, where the question leans on earlier turns."""
        step = context.plan[0]
        if context.history and self._table[step.tool].fill == "query" and leans(context.question):
            context.plan[0] = self._chosen(context, [step.tool])

    def _chosen(self, context: RunContext, likely: Sequence[str]) -> PlannedStep:
        """What the model chooses from the likely tools, corrected where code knows better."""
        said = context.model.decode(
            context,
            [*context.history, *context.exchange],
            plan_schema(likely),
            purpose="plan",
            max_tokens=PLAN_TOKENS,
        )
        step = self._read(said.text, context.question, likely)
        # The corrected plan goes into the prompt: the next call must continue from what was decided.
        kept = said.text if _says(said.text, step) else _plan_json(step)
        context.exchange.append(Prompted(role="assistant", content=kept))
        return step

    def _read(self, text: str, question: str, likely: Sequence[str]) -> PlannedStep:
        first = self._table.first.name
        try:
            plan = json.loads(text)
            name, query = str(plan["tool"]), str(plan["query"]).strip()
        except (json.JSONDecodeError, KeyError, TypeError):
            return PlannedStep(tool=first, request=question)  # cut off by the token limit: searching is always safe
        # A factual question is never answered without searching, unless the examples too say that it is none.
        talk = name == REPLY.name and likely[0] != REPLY.name
        known = name in likely and name in self._table and not talk
        return PlannedStep(tool=name if known else first, request=question, query=query or question)

    def _claimed(self, step: PlannedStep) -> PlannedStep:
        """A request that would only be searched for goes to the tool that knows by code that it is its own."""
        if step.tool != self._table.first.name:
            return step
        claiming = next((tool.name for tool in self._table if tool.claims(step.request)), step.tool)
        return PlannedStep(tool=claiming, request=step.request, query=step.query)

    def _filled(self, context: RunContext, tool: Tool) -> Mapping[str, Any]:
        context.exchange.append(Prompted(role="user", content=_FILL.format(tool=tool.name)))
        said = context.model.decode(
            context,
            [*context.history, *context.exchange],
            closed(dict(tool.arguments)),
            purpose="fill",
            max_tokens=FILL_TOKENS,
        )
        context.exchange.append(Prompted(role="assistant", content=said.text))
        try:
            filled = json.loads(said.text)
        except json.JSONDecodeError:  # cut off by the token limit: the tool says what it lacks
            return {}
        return filled if isinstance(filled, dict) else {}


def plan_schema(names: Sequence[str]) -> dict[str, Any]:
    """What a plan must look like: one of these tools, and a phrase."""
    return {
        "type": "object",
        "properties": {
            "tool": {"type": "string", "enum": list(names)},
            "query": {"type": "string", "maxLength": MOST_QUERY},
        },
        "required": ["tool", "query"],
        "additionalProperties": False,
    }


def _plan_json(step: PlannedStep) -> str:
    return json.dumps({"tool": step.tool, "query": step.query}, ensure_ascii=False)


def _says(text: str, step: PlannedStep) -> bool:
    try:
        return bool(json.loads(text) == {"tool": step.tool, "query": step.query})
    except json.JSONDecodeError:
        return False


def _told(plan: Sequence[PlannedStep]) -> str:
    """The plan as the list of steps shows it."""
    if len(plan) == 1:
        [step] = plan
        return step.tool if step.tool == REPLY.name else f"{step.tool}: {step.query}"
    return "; ".join(f"{n}. {step.tool}: {step.request}" for n, step in enumerate(plan, 1))
