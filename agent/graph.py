"""The conversation as a LangChain agent graph. The order of the stack is the policy, read from top to bottom:

record -> guard input -> plan -> guard tool call -> tool -> guard retrieved text -> answer -> verify citations
-> guard output -> record
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langgraph.graph.state import CompiledStateGraph

from agent.context import RunContext
from agent.gate import StreamGate
from agent.guardrails.rings import Guards
from agent.middleware.cite import CiteMiddleware
from agent.middleware.guard import GuardMiddleware
from agent.middleware.record import LedgerWriter, RecordMiddleware, record_model_call
from agent.middleware.steer import SteerMiddleware
from agent.prompts import load_prompt
from agent.tools.ledger import RunLine, make_ledger_tool
from agent.tools.search import Searcher, make_search_tool
from backends.base import ModelIdentity

__all__ = ["build_agent"]


def build_agent(
    *,
    model: BaseChatModel,
    identity: Callable[[], ModelIdentity],
    library: Searcher,
    runs: Callable[[], Sequence[RunLine]],
    ledger: LedgerWriter,
    guards: Guards,
    top_k: int,
    evidence_tokens: int,
    max_answer_tokens: int,
) -> CompiledStateGraph[Any, RunContext, Any, Any]:
    """The graph for a small model; one graph serves every run, what differs travels in `RunContext`."""
    guard = GuardMiddleware(guards, ledger)
    search = make_search_tool(library, top_k=top_k, evidence_tokens=evidence_tokens, review=guard.review)
    steer = SteerMiddleware(
        prompt=load_prompt("system"),
        max_answer_tokens=max_answer_tokens,
        record=record_model_call(ledger, identity),
        gate=lambda context: StreamGate(
            [] if context.tool == "reply" else context.board.items,
            context.question,
            lambda text: guard.clean_output(context, text),
        ),
    )
    return create_agent(
        model,
        tools=[search, make_ledger_tool(runs)],
        middleware=[RecordMiddleware(ledger, identity), guard, steer, CiteMiddleware(ledger)],
        context_schema=RunContext,
    )
