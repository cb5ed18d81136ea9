"""Small models are steered, not trusted: the tool and its arguments are decoded under a JSON schema, then the answer.

Both calls extend one and the same prompt, so the second reads only what is new; so does the next question of the
conversation. A larger model may be given LangChain's free tool loop instead (`steered=False`).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import Runnable

from agent.context import Prompted, RunContext, RunStopped
from agent.figures import figure_for, with_figure
from agent.gate import StreamGate, unwrapped
from agent.middleware.cite import NOT_IN_DOCUMENTS
from agent.prompts import Prompt
from agent.reading import DOUBT_THRESHOLD, READ_SCHEMA, READ_TOKENS, asks_for_words, doubt, place_of, read
from agent.updates import Token
from backends.base import MarksText
from backends.cancellation import GenerationStopped
from provenance.errors import GenerationError

__all__ = ["PLAN_SCHEMA", "ModelCallRecord", "SteerMiddleware"]

TOOLS = ("search_documents", "query_ledger", "reply")
PLAN_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "tool": {"type": "string", "enum": list(TOOLS)},
        "query": {"type": "string", "maxLength": 160},
    },
    "required": ["tool", "query"],
    "additionalProperties": False,
}
PLAN_TOKENS = 80
_READ = (
    "{passages}\n\nQuestion: {question}\n"
    "Answer in as few words as possible, copied exactly from the passages. "
    'If the passages do not say it, answer "none". Reply with JSON only: {{"answer": "..."}}'
)
_SENTENCE = 'Now write the answer to "{question}" as one sentence. Use these words exactly: {words}'
_ANSWER = "Now answer from the passages in plain sentences: {question}"
_REPLY = "No passages are needed. Reply in one or two short, friendly sentences. State no facts about the world."
_GREETING = re.compile(
    r"^\W*(hi|hello|hey|thanks|thank you|good (morning|afternoon|evening|day)|hallo|"
    r"guten (tag|morgen)|danke|bonjour|salut|merci|hola|gracias|bye)\b",
    re.IGNORECASE,
)
_ABOUT_SELF = re.compile(
    r"\b(?:what can you do|who are you|what are you|how do you work|what is wherefrom|can you help)\b", re.IGNORECASE
)

ModelCallRecord = Callable[[RunContext, str, list[Prompted], str, dict[str, Any]], None]


class SteerMiddleware(AgentMiddleware[Any, RunContext]):
    """Plan under a schema, then answer from what the tool brought."""

    def __init__(
        self,
        *,
        prompt: Prompt,
        max_answer_tokens: int,
        record: ModelCallRecord,
        gate: Callable[[RunContext], StreamGate],
    ) -> None:
        super().__init__()
        self._prompt = prompt
        self._max_answer_tokens = max_answer_tokens
        self._record = record
        self._gate = gate
        self.tools = []

    def wrap_model_call(
        self, request: ModelRequest[RunContext], handler: Callable[[ModelRequest[RunContext]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Stands in for the free loop: `handler` is not called, so no unconstrained tool call can happen."""
        context = request.runtime.context
        last = request.messages[-1]
        if isinstance(last, ToolMessage):
            return ModelResponse(result=[self._from_passages(request.model, context, str(last.content))])
        context.exchange.append(Prompted(role="user", content=context.question))
        tool, query = self._plan(request.model, context)
        context.tool = tool
        if tool == "reply":
            return ModelResponse(result=[self._answer(request.model, context, _REPLY)])
        call = {"name": tool, "args": {"query": query}, "id": f"{context.run}-1", "type": "tool_call"}
        return ModelResponse(result=[AIMessage(content="", tool_calls=[call])])

    def _plan(self, model: BaseChatModel, context: RunContext) -> tuple[str, str]:
        with context.step("plan", clock="plan") as shown:
            text, _whole = self._stream(
                _constrained(model, "plan", PLAN_SCHEMA, PLAN_TOKENS, context), context, "plan", None
            )
            tool, query = _read_plan(text, context.question)
            # The corrected plan goes into the prompt: the next call must continue from what was decided.
            plan = json.dumps({"tool": tool, "query": query}, ensure_ascii=False)
            context.exchange.append(Prompted(role="assistant", content=text if _same(text, tool, query) else plan))
            shown["detail"] = tool if tool == "reply" else f"{tool}: {query}"
        return tool, query

    def _from_passages(self, model: BaseChatModel, context: RunContext, passages: str) -> AIMessage:
        """First the words that are the answer, or none; only then the sentence."""
        if not context.used:
            context.refused, context.reason = True, "No passage was found."
            return AIMessage(content=NOT_IN_DOCUMENTS)
        turn = Prompted(role="user", content=_READ.format(passages=passages, question=context.question))
        context.exchange.append(turn)
        with context.step("read", clock="read") as shown:
            bound = _constrained(model, "answer", READ_SCHEMA, READ_TOKENS, context, logprobs=True, top_logprobs=10)
            text, whole = self._stream(bound, context, "read", None)
            reading = read(text, whole.response_metadata if whole is not None else {})
            reading = with_figure(reading, figure_for(context.question, context.board.items))
            context.doubt = doubt(reading, context.question, context.board.items)
            sure = context.doubt < DOUBT_THRESHOLD
            if sure and place_of(reading.words, context.question, context.board.items) is not None:
                context.words = reading.words
            shown["detail"] = "the passages hold it" if sure else "no passage holds it"
            context.exchange.append(Prompted(role="assistant", content=text))
        if not sure:
            context.refused, context.reason = True, "The passages that were found do not hold the answer."
            return AIMessage(content=NOT_IN_DOCUMENTS)
        if reading.words and asks_for_words(context.question):
            return self._answer(model, context, _SENTENCE.format(question=context.question, words=reading.words))
        return self._answer(model, context, _ANSWER.format(question=context.question), marked=True)

    def _answer(self, model: BaseChatModel, context: RunContext, ask: str, *, marked: bool = False) -> AIMessage:
        """`marked` texts lean on the words of the text mark: a single sentence is too short to show one."""
        context.exchange.append(Prompted(role="user", content=ask))
        with context.step("write"):
            mark = {"text_mark": True} if marked and isinstance(model, MarksText) else {}
            bound = model.bind(
                max_tokens=self._max_answer_tokens, temperature=context.temperature, seed=context.seed, **mark
            )
            text, whole = self._stream(bound, context, "answer", self._gate(context))
            context.text_mark = (whole.response_metadata if whole is not None else {}).get("text_mark")
        context.exchange.append(Prompted(role="assistant", content=text))
        return AIMessage(content=unwrapped(text))

    def _stream(
        self, model: Runnable[Any, Any], context: RunContext, purpose: str, gate: StreamGate | None
    ) -> tuple[str, AIMessageChunk | None]:
        """One model call, stopped within a token when the person says so; recorded whatever happens."""
        prompted = [*context.history, *context.exchange]
        began = time.perf_counter()
        first: float | None = None
        pieces: list[str] = []
        whole: AIMessageChunk | None = None
        state = "failed"
        stream = model.stream([SystemMessage(self._prompt.text), *map(_message, prompted)])
        try:
            for chunk in stream:
                context.check_stop()
                whole = chunk if whole is None else whole + chunk
                text = chunk.text
                if not text:
                    continue
                first = first if first is not None else time.perf_counter()
                pieces.append(text)
                if gate is not None:
                    _show(context, gate.push(text))
            if gate is not None:
                _show(context, gate.finish())
            state = "done"
        except (RunStopped, GenerationStopped) as exc:
            state = "stopped"
            raise RunStopped from exc
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()  # ends the request, so the engine stops computing
            took = time.perf_counter() - began
            _count(context, whole, purpose, took, first)
            facts = _facts(whole, purpose, state, began, first, took, self._prompt)
            self._record(context, purpose, prompted, "".join(pieces), facts)
        if not "".join(pieces).strip():
            raise GenerationError("The model wrote nothing.", hint="Ask again, or choose another model.")
        return "".join(pieces).strip(), whole


def _constrained(
    model: BaseChatModel, name: str, schema: dict[str, Any], tokens: int, context: RunContext, **more: Any
) -> Runnable[Any, Any]:
    return model.bind(
        response_format={"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}},
        max_tokens=tokens,
        temperature=0.0,
        seed=context.seed,
        **more,
    )


def _message(prompted: Prompted) -> BaseMessage:
    return HumanMessage(prompted.content) if prompted.role == "user" else AIMessage(prompted.content)


def _same(text: str, tool: str, query: str) -> bool:
    try:
        return bool(json.loads(text) == {"tool": tool, "query": query})
    except json.JSONDecodeError:
        return False


def _read_plan(text: str, question: str) -> tuple[str, str]:
    """The plan, corrected where code knows better: small talk needs no search, everything else does."""
    try:
        plan = json.loads(text)
        tool, query = str(plan["tool"]), str(plan["query"]).strip()
    except (json.JSONDecodeError, KeyError, TypeError):
        return "search_documents", question  # cut off by the token limit: searching is always safe
    if tool not in TOOLS:
        return "search_documents", question
    small_talk = (_GREETING.search(question) and len(question.split()) <= 6) or _ABOUT_SELF.search(question)
    if small_talk:
        return "reply", query
    if tool == "reply":  # a factual question is never answered without searching
        return "search_documents", query or question
    return tool, query or question


def _show(context: RunContext, text: str) -> None:
    if not text:
        return
    if context.first_token_s is None:
        context.first_token_s = time.perf_counter() - context.began
    context.written += text
    context.emit(Token(text=text))


def _count(context: RunContext, whole: AIMessageChunk | None, purpose: str, took: float, first: float | None) -> None:
    context.seconds["model"] = context.seconds.get("model", 0.0) + took
    usage: Mapping[str, Any] = (whole.usage_metadata if whole is not None else None) or {}
    timings = whole.response_metadata.get("timings", {}) if whole is not None else {}
    output = int(usage.get("output_tokens", 0))
    context.prompt_tokens += int(usage.get("input_tokens", 0))
    context.cached_tokens += int(timings.get("prompt_tokens_cached") or 0)
    context.output_tokens += output
    if purpose == "answer" and first is not None:
        context.written_tokens += output
        context.writing_s += float(timings.get("predicted_ms") or 0.0) / 1000 or took


def _facts(
    whole: AIMessageChunk | None,
    purpose: str,
    state: str,
    began: float,
    first: float | None,
    took: float,
    prompt: Prompt,
) -> dict[str, Any]:
    metadata = whole.response_metadata if whole is not None else {}
    usage: Mapping[str, Any] = (whole.usage_metadata if whole is not None else None) or {}
    mark = {"text_mark": metadata["text_mark"]} if "text_mark" in metadata else {}
    return {
        **mark,
        "purpose": purpose,
        "state": state,
        "prompt": {"name": prompt.name, "digest": prompt.digest},
        "finish_reason": str(metadata.get("finish_reason", "")),
        "tokens": {"input": int(usage.get("input_tokens", 0)), "output": int(usage.get("output_tokens", 0))},
        "timings": {key: value for key, value in dict(metadata.get("timings", {})).items() if value is not None},
        "seconds": round(took, 4),
        "first_token_s": None if first is None else round(first - began, 4),
    }
