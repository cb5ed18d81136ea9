"""The conversation as a LangChain agent graph. The order of the stack is the policy, read from top to bottom:

record -> guard input -> plan -> guard tool call -> tool -> guard retrieved text -> answer -> verify citations
-> guard output -> record

Who decides the calls is one of two middlewares in the same place: `SteerMiddleware` for small models, `FreeMiddleware`
for a model whose catalogue entry, or whose owner, says that it calls tools by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langgraph.graph.state import CompiledStateGraph

from agent.answering import Answerer
from agent.context import RunContext
from agent.gate import StreamGate
from agent.middleware.cite import CiteMiddleware
from agent.middleware.free import FreeMiddleware
from agent.middleware.guard import GuardMiddleware
from agent.middleware.record import LedgerWriter, RecordMiddleware
from agent.middleware.steer import SteerMiddleware
from agent.planning import Planner
from agent.tools.table import ToolTable
from backends.base import ModelIdentity
from backends.catalog import ToolLoop

__all__ = ["build_agent"]


def build_agent(
    *,
    model: BaseChatModel,
    identity: Callable[[], ModelIdentity],
    tools: ToolTable,
    planner: Planner,
    guard: GuardMiddleware,
    ledger: LedgerWriter,
    max_answer_tokens: int,
    room_tokens: int,
    loop: ToolLoop,
) -> CompiledStateGraph[Any, RunContext, Any, Any]:
    """One graph serves every run, what differs travels in `RunContext`.

    Args:
        room_tokens: How long a prompt may be while tools are still offered in a free loop.
        loop: Who decides which tools are called.
    """
    answerer = Answerer(
        tools,
        max_answer_tokens=max_answer_tokens,
        gate=lambda context: StreamGate(
            context.board.items if tools[context.tool].result == "passages" else [],
            context.request,
            lambda text: guard.clean_output(context, text),
        ),
    )
    steer = SteerMiddleware(tools=tools, planner=planner, answerer=answerer)
    free = FreeMiddleware(
        tools=tools,
        planner=planner,
        steer=steer,
        ledger=ledger,
        gate=lambda context: StreamGate(
            context.board.items, context.question, lambda text: guard.clean_output(context, text)
        ),
        max_answer_tokens=max_answer_tokens,
        room_tokens=room_tokens,
    )
    driver = free if loop == "free" else steer
    return create_agent(
        model,
        tools=tools.callable(),
        middleware=[RecordMiddleware(ledger, identity, tools), guard, driver, CiteMiddleware(ledger, tools)],
        context_schema=RunContext,
    )
