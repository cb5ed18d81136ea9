"""Small models are steered, not trusted: a typed state machine stands where the free tool loop would be.

    decide -> step: call the tool -> settle: what it brought -> next step ... -> the answer

At most four steps, each one tool; the loop's own handler is never called, so no unconstrained tool call can happen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, ToolMessage

from agent.answering import Answerer
from agent.context import Part, RunContext
from agent.planning import Planner
from agent.tools.table import REPLY, Tool, ToolTable

__all__ = ["SteerMiddleware"]

_NOT_DONE = "The other steps of the plan were not done."


class SteerMiddleware(AgentMiddleware[Any, RunContext]):
    """Plan, call, settle; until every step has its part of the answer."""

    def __init__(self, *, tools: ToolTable, planner: Planner, answerer: Answerer) -> None:
        super().__init__()
        self._table = tools
        self._planner = planner
        self._answerer = answerer
        self.tools = []

    def wrap_model_call(
        self, request: ModelRequest[RunContext], handler: Callable[[ModelRequest[RunContext]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Stands in for the free loop: `handler` is not called."""
        context = request.runtime.context
        last = request.messages[-1]
        if not isinstance(last, ToolMessage):
            return ModelResponse(result=[self.begin(context)])
        return ModelResponse(result=[self._settle(context, last) or self._next(context)])

    def begin(self, context: RunContext) -> AIMessage:
        """Plan, and the call of the first step's tool; where there is none, the answer."""
        self._planner.decide(context)
        return self._next(context)

    def _next(self, context: RunContext) -> AIMessage:
        """The call of the next step's tool; where no step is left, the answer."""
        while len(context.parts) < len(context.plan):
            tool = self._planner.begin(context)
            if tool is not REPLY:
                return self._call(context, tool)
            context.parts.append(self._answerer.reply(context))
        return AIMessage(content="\n\n".join(part.text for part in context.parts))

    def _call(self, context: RunContext, tool: Tool) -> AIMessage:
        context.calls += 1
        call = {
            "name": tool.name,
            "args": dict(self._planner.arguments(context, tool)),
            "id": f"{context.run}-{context.calls}",
            "type": "tool_call",
        }
        return AIMessage(content="", tool_calls=[call])

    def _settle(self, context: RunContext, message: ToolMessage) -> AIMessage | None:
        """Turn what came back into a part of the answer; or the call of the tool that is to take its place."""
        if message.status == "error":
            text = str(message.content)
            part = Part.of(context, text, refused=context.reason or text)
        else:
            result = context.results[-1]
            if result.instead in self._table and result.instead != context.tool:
                return self._call(context, self._planner.replace(context, result.instead))
            part = self._answerer.from_result(context, result)
        context.parts.append(part)
        if part.refused and len(context.plan) > len(context.parts):
            part.text = f"{part.text} {_NOT_DONE}"
            del context.plan[len(context.parts) :]
        return None
