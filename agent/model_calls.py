"""One call to the chat model: streamed, stopped within a token, counted, and recorded whatever happens.

The middlewares and the tools call the model through this alone, so no call is without a record.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolCall,
)
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool

from agent.context import Prompted, RunContext, RunStopped
from agent.prompts import Prompt
from agent.updates import Token
from backends.base import MarksText
from backends.cancellation import GenerationStopped
from provenance.errors import GenerationError

__all__ = ["ModelCallRecord", "ModelCaller", "Said", "show"]

_NOTHING = "."  # the shortest question: only what stands before it counts

ModelCallRecord = Callable[[RunContext, str, list[Prompted], str, dict[str, Any]], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What the model said."""

    text: str
    metadata: Mapping[str, Any]  # with `logprobs` where they were asked for


class ModelCaller:
    """The chat model of a conversation, as middleware and tools may use it."""

    def __init__(self, model: BaseChatModel, *, prompt: Prompt, record: ModelCallRecord) -> None:
        """`prompt` is the system prompt of the conversation."""
        self._model = model
        self.prompt = prompt
        self._record = record

    def prime(self) -> None:
        """Let the model read the system prompt ahead. It answers nobody, so it is not recorded."""
        self._model.bind(max_tokens=1).invoke([SystemMessage(self.prompt.text), HumanMessage(_NOTHING)])

    def decode(
        self,
        context: RunContext,
        prompted: Sequence[Prompted],
        schema: Mapping[str, Any],
        *,
        purpose: str,
        max_tokens: int,
        prompt: Prompt | None = None,
        **more: Any,
    ) -> Said:
        """JSON under a schema, the likeliest token each time; `more` goes to the model (logprobs).

        Args:
            prompted: The messages after the system prompt, the last one from the person.
            purpose: What the record says the call was for.
            prompt: The system prompt; default: the conversation's own, whose beginning the model has in its cache.
        Raises:
            RunStopped: If a person pressed stop.
            GenerationError: If the model wrote nothing.
        """
        form = {"type": "json_schema", "json_schema": {"name": purpose, "schema": dict(schema), "strict": True}}
        bound = self._model.bind(
            response_format=form, max_tokens=max_tokens, temperature=0.0, seed=context.seed, **more
        )
        return self._call(bound, context, prompted, purpose, prompt, None)

    def write(
        self,
        context: RunContext,
        prompted: Sequence[Prompted],
        *,
        purpose: str,
        max_tokens: int,
        prompt: Prompt | None = None,
        push: Callable[[str], None] | None = None,
        marked: bool = False,
        temperature: float | None = None,
        seed: int | None = None,
    ) -> Said:
        """Free text; `push` takes each piece. `marked`: lean on the words of the text mark. Raises as `decode`.

        `temperature` and `seed` are those of the run where a call names no others.
        """
        mark = {"text_mark": True} if marked and isinstance(self._model, MarksText) else {}
        own = {
            "temperature": context.temperature if temperature is None else temperature,
            "seed": context.seed if seed is None else seed,
        }
        bound = self._model.bind(max_tokens=max_tokens, **own, **mark)
        return self._call(bound, context, prompted, purpose, prompt, push, parameters=own)

    def act(
        self,
        context: RunContext,
        messages: Sequence[BaseMessage],
        *,
        tools: Sequence[BaseTool | dict[str, Any]],
        prompt: Prompt,
        max_tokens: int,
        push: Callable[[str], None] | None = None,
    ) -> AIMessage:
        """Free text, or calls of tools, or both; nothing at all is no error here. Raises as `decode`.

        Without tools it is the answer, and leans on the words of the text mark; a bias would spoil a call.
        """
        own: dict[str, Any] = {"temperature": context.temperature, "seed": context.seed}
        bound: Runnable[Any, Any]
        if tools:
            bound = self._model.bind_tools(tools, max_tokens=max_tokens, **own)
        else:
            mark = {"text_mark": True} if isinstance(self._model, MarksText) else {}
            bound = self._model.bind(max_tokens=max_tokens, **own, **mark)
        text, whole = self._heard(bound, context, messages, "answer", prompt, push, parameters=own)
        calls, broken = _calls_of(whole)
        metadata = whole.response_metadata if whole is not None else {}
        return AIMessage(content=text, tool_calls=calls, invalid_tool_calls=broken, response_metadata=metadata)

    def _call(
        self,
        model: Runnable[Any, Any],
        context: RunContext,
        prompted: Sequence[Prompted],
        purpose: str,
        prompt: Prompt | None,
        push: Callable[[str], None] | None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Said:
        messages = list(map(_message, prompted))
        said, whole = self._heard(model, context, messages, purpose, prompt or self.prompt, push, parameters)
        if not said:
            raise GenerationError("The model wrote nothing.", hint="Ask again, or choose another model.")
        return Said(text=said, metadata=whole.response_metadata if whole is not None else {})

    def _heard(
        self,
        model: Runnable[Any, Any],
        context: RunContext,
        messages: Sequence[BaseMessage],
        purpose: str,
        system: Prompt,
        push: Callable[[str], None] | None,
        parameters: Mapping[str, Any] | None,
    ) -> tuple[str, AIMessageChunk | None]:
        began = time.perf_counter()
        first: float | None = None
        pieces: list[str] = []
        whole: AIMessageChunk | None = None
        state = "failed"
        stream = model.stream([SystemMessage(system.text), *messages])
        try:
            for chunk in stream:
                context.check_stop()
                whole = chunk if whole is None else whole + chunk
                text = chunk.text
                if not text:
                    continue
                first = first if first is not None else time.perf_counter()
                pieces.append(text)
                if push is not None:
                    push(text)
            state = "done"
        except (RunStopped, GenerationStopped) as exc:
            state = "stopped"
            raise RunStopped from exc
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()  # ends the request, so the engine stops computing
            took = time.perf_counter() - began
            calls, broken = _calls_of(whole)
            purpose = "act" if calls or broken else purpose
            _count(context, whole, purpose, took, first)
            facts = _facts(whole, purpose, state, began, first, took, system)
            facts |= {"parameters": dict(parameters)} if parameters else {}
            written = "\n".join(["".join(pieces), *map(_told, calls), *map(_told, broken)])
            self._record(context, purpose, list(map(_prompted, messages)), written, facts)
        return "".join(pieces).strip(), whole


def show(context: RunContext, text: str) -> None:
    """Let the person see a piece of the answer."""
    if not text:
        return
    if context.first_token_s is None:
        context.first_token_s = time.perf_counter() - context.began
    context.written += text
    context.emit(Token(text=text))


def _message(prompted: Prompted) -> BaseMessage:
    return HumanMessage(prompted.content) if prompted.role == "user" else AIMessage(prompted.content)


def _prompted(message: BaseMessage) -> Prompted:
    """A message as it is recorded; what a tool brought counts as said to the model."""
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    text = "\n".join(filter(None, [str(message.text), *map(_told, calls)]))
    return Prompted(role="assistant" if isinstance(message, AIMessage) else "user", content=text)


def _calls_of(whole: AIMessage | None) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """The calls of a message, and those whose arguments are no JSON object.

    LangChain closes what was cut off, so half an argument would count as a whole one: streamed calls are read strictly.
    """
    if not isinstance(whole, AIMessageChunk):
        return (whole.tool_calls, whole.invalid_tool_calls) if whole is not None else ([], [])
    calls: list[ToolCall] = []
    broken: list[InvalidToolCall] = []
    for chunk in whole.tool_call_chunks:
        name, said, id_ = chunk["name"] or "", chunk["args"] or "{}", chunk["id"]
        try:
            arguments = json.loads(said)
        except ValueError:
            arguments = None
        if isinstance(arguments, dict):
            calls.append(ToolCall(name=name, args=arguments, id=id_, type="tool_call"))
        else:
            broken.append(InvalidToolCall(name=name, args=said, id=id_, error=None, type="invalid_tool_call"))
    return calls, broken


def _told(call: ToolCall | InvalidToolCall) -> str:
    """A call in words."""
    arguments = call["args"]
    return f"{call['name']} {arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)}"


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
