"""A larger model calls tools by itself: LangChain's loop, with everything in force that the steered way has.

    ask the model -> its calls, one after the other, each checked -> what they brought -> ask again ... -> the answer

Covers: a call is made only after its tool, its arguments and the budget were checked here, and then by the guards;
what a model does wrong is answered with one sentence, twice, and then the question goes the steered way; nothing is
shown but sentences of the answer; no question but small talk is answered before something was looked up. What it does
not have is the steered reading (`agent.reading`): whether passages hold an answer is judged by the model, and its
sentences by the check of the citations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from langchain_core.tools import BaseTool

from agent.calling.wanted import Wanted, problem_of, wanted_calls
from agent.context import Prompted, RunContext
from agent.evidence import estimate_tokens
from agent.gate import Curtain, StreamGate
from agent.grounding import check_answer
from agent.loop import MOST_CALLS, MOST_MISTAKES, Loop, as_read, offer_tokens
from agent.middleware.record import LedgerWriter
from agent.middleware.steer import SteerMiddleware
from agent.model_calls import show
from agent.planning import MOST_QUERY, Planner
from agent.prompts import load_prompt
from agent.tools.table import REPLY, Tool, ToolTable
from provenance.errors import GenerationError

__all__ = ["FreeMiddleware"]

_OVER = "No more tools can be called for this question. Write the answer."
_AGAIN = "This call was made before; what it brought stands above. Call something else, or write the answer."
_SILENT = "You wrote nothing. Call a tool, or write the answer."


class FreeMiddleware(AgentMiddleware[Any, RunContext]):
    """Ask, check, call; until the model writes an answer or must."""

    def __init__(
        self,
        *,
        tools: ToolTable,
        planner: Planner,
        steer: SteerMiddleware,
        ledger: LedgerWriter,
        gate: Callable[[RunContext], StreamGate],
        max_answer_tokens: int,
        room_tokens: int,
    ) -> None:
        """
        Args:
            steer: The other way, for a question with which this one does not get on.
            gate: What a text of the model passes before it is shown.
            room_tokens: How long the prompt may be while tools are still offered.
        """
        super().__init__()
        self._table = tools
        self._planner = planner
        self._steer = steer
        self._ledger = ledger
        self._gate = gate
        self._max_answer_tokens = max_answer_tokens
        self._room_tokens = room_tokens
        self._prompt = load_prompt("free")
        self._names = [tool.name for tool in tools.callable_rows]
        self._fixed_tokens = estimate_tokens(self._prompt.text) + offer_tokens(tools)
        self.tools = []

    def wrap_model_call(
        self, request: ModelRequest[RunContext], handler: Callable[[ModelRequest[RunContext]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """The model is asked through `RunContext.model`: streamed, stopped, counted and recorded like every call."""
        context = request.runtime.context
        loop = context.loop = context.loop or Loop()
        if loop.steered:
            return self._steer.wrap_model_call(request, handler)
        last = request.messages[-1]
        if loop.running and isinstance(last, ToolMessage):
            again = self._settle(context, loop, last)
            if again is not None:
                return ModelResponse(result=[again])
        return ModelResponse(result=self._next(context, loop, request))

    def _next(self, context: RunContext, loop: Loop, request: ModelRequest[RunContext]) -> list[BaseMessage]:
        """The next call, the answer, or a mistake and what is said to it."""
        messages = as_read(request.messages, context, self._table, closed=False)
        loop.closed = loop.closed or context.calls >= MOST_CALLS or self._full(loop, messages)
        if loop.closed:
            loop.waiting.clear()
            if loop.findings.looked and not loop.findings.to_read:
                return [self._finish(context, loop, "")]  # nothing that a text could be written from
            messages = as_read(request.messages, context, self._table, closed=True)
        if not loop.waiting:
            try:
                message = self._ask(context, loop, messages, request.tools)
            except (GenerationError, NotImplementedError) as exc:
                if context.calls or loop.mistakes or not _takes_no_tools(exc):
                    raise
                return [self._hand_over(context, loop)]
            loop.waiting = wanted_calls(message, self._names)
            text = str(message.text).strip()
            if not loop.waiting:
                return self._conclude(context, loop, text)
            if loop.curtain is not None and loop.curtain.lifted:
                loop.lead.append(text)
                loop.beside = text
        return self._take(context, loop, loop.waiting.pop(0))

    def _ask(
        self, context: RunContext, loop: Loop, messages: list[BaseMessage], tools: Sequence[BaseTool | dict[str, Any]]
    ) -> AIMessage:
        context.request, context.routed_by = context.question, "model"
        curtain = Curtain(
            self._gate(context),
            lambda text: show(context, text),
            lifted=loop.closed,
            before="\n\n" if context.written else "",
        )
        loop.curtain = curtain
        with context.step("write" if loop.closed else "plan") as shown:
            message = context.model.act(
                context,
                messages,
                tools=[] if loop.closed else tools,
                prompt=self._prompt,
                max_tokens=self._max_answer_tokens,
                push=curtain.push,
            )
            shown["detail"] = ", ".join(call["name"] for call in message.tool_calls if call["name"] in self._names)
        context.text_mark = message.response_metadata.get("text_mark")
        return message

    def _conclude(self, context: RunContext, loop: Loop, text: str) -> list[BaseMessage]:
        """The text is the answer, unless nothing was looked up for it."""
        if not text and not loop.lead:
            return self._mistake(context, loop, Wanted(name=self._table.first.name, problem=_SILENT))
        if not loop.findings.looked and not self._stands(context, text):
            # A factual question is never answered without searching.
            first = self._table.first
            if first.fill == "schema":
                return [self._hand_over(context, loop)]
            return self._take(context, loop, self._by_rule(first, context.question))
        if loop.curtain is not None:
            findings = loop.findings
            loop.curtain.end(checked=findings.looked and (bool(findings.passages) or not findings.material))
        return [self._finish(context, loop, text)]

    def _stands(self, context: RunContext, text: str) -> bool:
        """Whether a text needs no call: small talk, or what passages of earlier turns bear out."""
        known = check_answer(text, context.board.items, context.question)
        return known.supported or self._planner.is_talk(context)

    def _take(self, context: RunContext, loop: Loop, call: Wanted) -> list[BaseMessage]:
        """Make a call if nothing is wrong with it."""
        problem = _OVER if loop.closed else problem_of(call, self._table)
        if not problem and call.signature in loop.made:
            problem = _AGAIN
        if problem:
            loop.waiting.clear()
            return self._mistake(context, loop, call, problem)
        return [self._call(context, loop, call)]

    def _call(self, context: RunContext, loop: Loop, call: Wanted) -> AIMessage:
        context.calls += 1
        context.routed_by = call.by
        loop.made.add(call.signature)
        loop.running, context.tool = call.name, call.name
        # The person's own words belong to a tool's first call; a further one is for something else.
        words = call.arguments.get("query") or call.arguments.get("request")
        context.request = str(words) if words and context.tool_calls.get(call.name) else context.question
        return _said(loop, call.as_tool_call(f"{context.run}-{context.calls}"))

    def _settle(self, context: RunContext, loop: Loop, message: ToolMessage) -> AIMessage | None:
        """Keep what a call brought; or the call of the tool that is to take its place."""
        name, loop.running = loop.running, ""
        if message.status == "error":
            if context.refused:  # the guard's word, or a person's: it is not tried another way
                context.refused, context.reason, loop.closed = False, "", True
                loop.findings.fail(context, str(message.content), barred=True)
            else:
                loop.findings.fail(context, str(message.content), barred=False)
            return None
        result = context.results[-1]
        if result.instead in self._table and result.instead != name and context.calls < MOST_CALLS:
            return self._call(context, loop, self._by_rule(self._table[result.instead], context.request))
        loop.findings.take(self._table[name], context, result)
        return None

    def _mistake(self, context: RunContext, loop: Loop, call: Wanted, problem: str = "") -> list[BaseMessage]:
        """One clear sentence back; after the second the question goes the steered way."""
        loop.mistakes += 1
        said = problem or call.problem
        self._ledger.append(
            kind="tool_call",
            run=context.run,
            body={
                "tool": call.name if call.name in self._table else "",
                "status": "error",
                "made": False,
                "mistake": loop.mistakes,
                "result_sha256": hashlib.sha256(said.encode()).hexdigest(),
            },
            contents={"call": call.signature, "problem": said},
        )
        if loop.mistakes > MOST_MISTAKES:
            return [self._hand_over(context, loop)]
        made = call.as_tool_call(f"{context.run}-m{loop.mistakes}")
        told = ToolMessage(content=said, tool_call_id=str(made["id"]), name=made["name"], status="error")
        return [_said(loop, made), told]

    def _hand_over(self, context: RunContext, loop: Loop) -> AIMessage:
        """Begin anew, steered; where something was shown or made already, or was said no to, end with that instead."""
        findings = loop.findings
        if context.written or findings.shown or findings.barred:
            return self._finish(context, loop, "")
        loop.steered = True
        with context.step("steer", title="Go on step by step", doing="Going on step by step"):
            context.board.drop(n for n in findings.used if n not in context.seen)
            context.used, context.exchange, context.tool, context.text_mark = [], [], "", None
        return self._steer.begin(context)

    def _finish(self, context: RunContext, loop: Loop, text: str) -> AIMessage:
        whole = "\n\n".join(part for part in (*loop.lead, text) if part)
        talk = not loop.findings.looked and self._planner.is_talk(context)
        context.parts = loop.findings.parts(context, whole, unaided=REPLY.name if talk else self._table.first.name)
        context.used = list(loop.findings.used.values())
        context.tool, context.request = context.parts[-1].tool, context.question
        answer = "\n\n".join(part.text for part in context.parts)
        # Later turns read the passages with the question: their calls are none that a model should imitate as text.
        context.exchange = [
            Prompted(role="user", content="\n\n".join([context.question, *loop.findings.passages])),
            Prompted(role="assistant", content=answer),
        ]
        return AIMessage(content=answer)

    def _by_rule(self, tool: Tool, request: str) -> Wanted:
        """A call that code makes."""
        words = " ".join(request.split())
        arguments: Mapping[str, Any] = {"query": words[:MOST_QUERY]} if tool.fill == "query" else {"request": request}
        return Wanted(name=tool.name, arguments=arguments, by="rule")

    def _full(self, loop: Loop, messages: Sequence[BaseMessage]) -> bool:
        """Whether one more result may not fit the model's window."""
        said = sum(estimate_tokens(str(message.content)) + 8 for message in messages)
        return loop.findings.looked and self._fixed_tokens + said > self._room_tokens


def _said(loop: Loop, call: ToolCall) -> AIMessage:
    """A call as the model's own message, with what it showed beside it."""
    beside, loop.beside = loop.beside, ""
    return AIMessage(content=beside, tool_calls=[call])


def _takes_no_tools(exc: Exception) -> bool:
    """Whether a model, or its server, says that it knows no tools."""
    return isinstance(exc, NotImplementedError) or "tool" in str(exc).casefold()
