"""Every step goes into the ledger before the person sees its result; private text as contents, never as body."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from langchain.agents.middleware import AgentMiddleware, AgentState
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.messages import ToolMessage
from langgraph.runtime import Runtime
from langgraph.types import Command

from agent.context import Prompted, RunContext
from agent.evidence import Evidence
from agent.tools.table import Tool, ToolResult, ToolTable
from agent.updates import Artifact
from backends.base import ModelIdentity

__all__ = ["LedgerWriter", "RecordMiddleware", "artifact_facts", "passage_facts", "record_model_call"]


class LedgerWriter(Protocol):
    """The part of the ledger that the agent needs; append returns when the event is durable."""

    def append(
        self, *, kind: str, run: str, body: dict[str, Any], contents: dict[str, str] | None = None
    ) -> object: ...


class RecordMiddleware(AgentMiddleware[Any, RunContext]):
    """Outermost of the stack: the request first, then each tool call with what it brought."""

    def __init__(self, ledger: LedgerWriter, identity: Callable[[], ModelIdentity], tools: ToolTable) -> None:
        super().__init__()
        self._table = tools
        self._ledger = ledger
        self._identity = identity
        self.tools = []

    def before_agent(self, state: AgentState[Any], runtime: Runtime[RunContext]) -> None:
        """The request, before anything is done about it."""
        context = runtime.context
        identity = self._identity()
        within = {} if context.documents is None else {"documents": context.documents}
        self._ledger.append(
            kind="request",
            run=context.run,
            body={
                "conversation": context.conversation,
                "characters": len(context.question),
                "turns_before": sum(1 for message in context.history if message.role == "user") // 2,
                "model": identity.model,
                **within,
            },
            contents={"question": context.question},
        )

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]]
    ) -> ToolMessage | Command[Any]:
        """The plan, then the call and what came back."""
        context = cast(RunContext, request.runtime.context)  # the tool node's type leaves it open
        name, arguments = request.tool_call["name"], request.tool_call["args"]
        tool = self._table[name]
        query = str(arguments["query"]) if set(arguments) == {"query"} else ""
        asked = {"query": query} if query else {"arguments": json.dumps(arguments, ensure_ascii=False, default=str)}
        body = {"tool": name, "by": context.routed_by, **context.progress}
        self._ledger.append(kind="plan", run=context.run, body=body, contents=asked if arguments else None)
        clock, before = "search" if tool.result == "passages" else "tools", len(context.used)
        with context.step(name, query, clock=clock, title=tool.title, doing=tool.doing) as shown:
            result = handler(request)
            if isinstance(result, ToolMessage):
                shown["detail"] = _tool_detail(result)
        if isinstance(result, ToolMessage):
            if tool.result == "passages" and context.leads:  # a second look, decided by what the first one brought
                then = json.dumps({"queries": context.leads}, ensure_ascii=False)
                self._ledger.append(
                    kind="plan", run=context.run, body={**body, "by": "rule"}, contents={"arguments": then}
                )
            self._record_result(context, tool, result)
            if tool.result == "passages":
                self._record_retrieval(context, context.used, found=len(context.hits))
            elif cited := context.used[before:]:  # a tool that reads by itself adds what its own answer cites
                self._record_retrieval(context, cited, found=len(cited))
        return result

    def _record_result(self, context: RunContext, tool: Tool, result: ToolMessage) -> None:
        brought = result.artifact if isinstance(result.artifact, ToolResult) else None
        body: dict[str, Any] = {
            "tool": tool.name,
            "status": result.status,
            "result_sha256": hashlib.sha256(str(result.content).encode()).hexdigest(),
        }
        if brought is not None and brought.artifacts:
            body["artifacts"] = [artifact_facts(one) for one in brought.artifacts]
        self._ledger.append(kind="tool_call", run=context.run, body=body)

    def _record_retrieval(self, context: RunContext, given: Sequence[Evidence], *, found: int) -> None:
        self._ledger.append(
            kind="retrieval",
            run=context.run,
            body={"found": found, "given": [passage_facts(item) for item in given]},
            contents={f"passage {item.n}": item.passage.text for item in given} or None,
        )


def passage_facts(item: Evidence) -> dict[str, Any]:
    """What the ledger says in public about a passage: where and how well, not what."""
    return {
        "n": item.n,
        "passage": item.passage.id,
        "digest": item.passage.digest,
        "document": item.passage.document_id,
        "document_digest": item.document_digest,
        "page": item.passage.page,
        "start": item.passage.start,
        "end": item.passage.end,
        "score": round(item.score, 6),
    }


def record_model_call(
    ledger: LedgerWriter, identity: Callable[[], ModelIdentity]
) -> Callable[[RunContext, str, list[Prompted], str, dict[str, Any]], None]:
    """The recorder that the steering middleware calls after every model call, finished or not."""

    def record(
        context: RunContext, purpose: str, prompted: Sequence[Prompted], text: str, facts: dict[str, Any]
    ) -> None:
        who = identity()
        ledger.append(
            kind="model_call",
            run=context.run,
            body={
                "parameters": {
                    "temperature": context.temperature if purpose == "answer" else 0.0,
                    "seed": context.seed,
                },
                **facts,
                "backend": who.backend,
                "model": who.model,
                "weights": who.digest,
                "details": who.details,
            },
            contents={"prompt": "\n\n".join(f"{m.role}: {m.content}" for m in prompted), "output": text},
        )

    return record


def artifact_facts(artifact: Artifact) -> dict[str, Any]:
    """What the ledger says in public about a file: which one it is, not what it is called or shows."""
    return {
        "n": artifact.n,
        "kind": artifact.kind,
        "media_type": artifact.media_type,
        "sha256": artifact.sha256,
        "bytes": artifact.size_bytes,
    }


def _tool_detail(result: ToolMessage) -> str:
    if result.status == "error":
        return str(result.content)
    return result.artifact.detail if isinstance(result.artifact, ToolResult) else ""
