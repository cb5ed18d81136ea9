"""The guard middleware: input, tool call, retrieved text, output; each decision is in the ledger first.

Guards fail closed: a verdict of "block" ends the run with a plain refusal; "redact" replaces the text; "ask" counts as
"block" until a person can be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from langchain.agents.middleware import AgentMiddleware, AgentState, hook_config
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.runtime import Runtime
from langgraph.types import Command

from agent.context import RunContext
from agent.evidence import Evidence
from agent.guardrails.base import Verdict
from agent.guardrails.rings import Guards
from agent.middleware.record import LedgerWriter

__all__ = ["GuardMiddleware", "record_verdict"]

_ADVICE = "Say it another way, or look at the guard's reason in the record."


class GuardMiddleware(AgentMiddleware[Any, RunContext]):
    """Stands between the person, the tools and the model."""

    def __init__(self, guards: Guards, ledger: LedgerWriter) -> None:
        super().__init__()
        self._guards = guards
        self._ledger = ledger
        self.tools = []

    @hook_config(can_jump_to=["end"])
    def before_agent(self, state: AgentState[Any], runtime: Runtime[RunContext]) -> dict[str, Any] | None:
        """Ring one: what the person wrote. A redacted question is what everything after it sees."""
        context = runtime.context
        verdict = self._guards.check_input(context.question)
        record_verdict(self._ledger, context, verdict)
        if verdict.action in ("block", "ask"):
            return self._refuse(context, "A guard stopped this question.", verdict)
        context.question = verdict.text
        return None

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]]
    ) -> ToolMessage | Command[Any]:
        """Ring three: which tool, with which arguments."""
        context = cast(RunContext, request.runtime.context)  # the tool node's type leaves it open
        call = request.tool_call
        verdict = self._guards.check_tool(call["name"], call["args"])
        record_verdict(self._ledger, context, verdict)
        if verdict.action in ("block", "ask"):
            context.refused, context.reason = True, "A guard stopped the tool call."
            return ToolMessage(content=context.reason, tool_call_id=call["id"], name=call["name"], status="error")
        return handler(request)

    def review(self, context: RunContext, evidence: Sequence[Evidence]) -> list[Evidence]:
        """Ring two: passages before the model reads them. What carries instructions is put aside, and said."""
        verdicts = self._guards.check_retrieved([item.render() for item in evidence])
        kept = []
        for item, verdict in zip(evidence, verdicts, strict=True):
            record_verdict(self._ledger, context, verdict, passage=item.passage.digest, where=item.source)
            if verdict.action == "allow":
                kept.append(item)
        return kept

    def clean_output(self, context: RunContext, text: str) -> str:
        """Ring four while the answer streams: what may be shown so far. The whole is checked again at its end."""
        verdict = self._guards.check_output(text, _own_texts(context))
        return "" if verdict.action in ("block", "ask") else verdict.text

    @hook_config(can_jump_to=["end"])
    def after_agent(self, state: AgentState[Any], runtime: Runtime[RunContext]) -> dict[str, Any] | None:
        """Ring four: the answer as it will be recorded."""
        context = runtime.context
        last = state["messages"][-1]
        verdict = self._guards.check_output(str(last.text), _own_texts(context))
        record_verdict(self._ledger, context, verdict)
        if verdict.action in ("block", "ask"):
            context.refused, context.reason = True, _reason("A guard stopped this answer.", verdict)
            return {"messages": [AIMessage(content=context.reason)]}
        if verdict.text != str(last.text):
            return {"messages": [AIMessage(content=verdict.text)]}
        return None

    def _refuse(self, context: RunContext, sentence: str, verdict: Verdict) -> dict[str, Any]:
        context.refused, context.reason = True, _reason(sentence, verdict)
        return {"messages": [AIMessage(content=context.reason)], "jump_to": "end"}


def record_verdict(
    ledger: LedgerWriter, context: RunContext, verdict: Verdict, *, passage: str = "", where: str = ""
) -> None:
    """Write every decision down, and tell the person about those that changed something."""
    for decision in verdict.decisions:
        body = decision.body()
        if passage:
            body = {**body, "passage": passage}
        ledger.append(kind="guard", run=context.run, body=body)
        if decision.action != "allow":
            detail = f"{decision.detail} ({where})" if where else decision.detail
            context.notice(decision.ring, decision.id, decision.action, detail)


def _own_texts(context: RunContext) -> list[str]:
    return [context.question, *(f"{item.passage.heading}\n{item.passage.text}" for item in context.board.items)]


def _reason(sentence: str, verdict: Verdict) -> str:
    why = " ".join(decision.detail for decision in verdict.decisions if decision.action in ("block", "ask"))
    return " ".join(part for part in (sentence, why, _ADVICE) if part)
