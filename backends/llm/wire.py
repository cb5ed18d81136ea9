"""The OpenAI chat protocol as bytes: what is sent, what comes back, and what its errors mean.

Pure functions. llama.cpp's additions (`timings`, `prompt_progress`, `id_slot`) are understood where they appear.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage, convert_to_openai_messages
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.messages.tool import ToolCallChunk, tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from provenance.errors import BackendError, BackendUnavailableError, GenerationError

__all__ = [
    "bias_pairs",
    "error_from",
    "events",
    "last_chunk",
    "request_body",
    "text_chunk",
    "timings_of",
    "usage_of",
    "wire_messages",
]


def wire_messages(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Messages in the OpenAI form."""
    return list(convert_to_openai_messages(list(messages)))


def request_body(messages: Sequence[BaseMessage], *, model: str, params: dict[str, Any]) -> dict[str, Any]:
    """The body of a streamed chat request; parameters that are None are left to the server."""
    body: dict[str, Any] = {
        "model": model,
        "messages": wire_messages(messages),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    body |= {name: value for name, value in params.items() if value is not None}
    body["stream"] = True  # a caller's `stream=False` means "give me the whole": we join it ourselves
    form = body.get("response_format")
    if isinstance(form, dict) and form.get("type") == "json_schema":  # servers other than ours insist on a name
        body["response_format"] = {**form, "json_schema": {"name": "answer", **form["json_schema"]}}
    return body


def bias_pairs(given: Any) -> dict[str, Any]:
    """A caller's `logit_bias` in the one form that every server takes: {"token id": number}."""
    pairs = given.items() if isinstance(given, dict) else given or ()
    return {str(token): value for token, value in pairs}


def events(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The JSON objects of a server-sent event stream, until it says [DONE].

    Raises:
        GenerationError: If the server reports an error inside the stream, or sends what is not JSON.
    """
    for line in lines:
        field, _, data = line.partition(":")
        if field not in ("data", "error") or not data.strip():
            continue
        if data.strip() == "[DONE]":
            return
        try:
            event = json.loads(data)
        except ValueError as exc:
            raise GenerationError(
                "The model server sent something that is not JSON.", hint="Check that the URL is an OpenAI one."
            ) from exc
        if not isinstance(event, dict):
            continue
        if "error" in event or field == "error":
            raise error_from(500, event)
        yield event


def text_chunk(event: dict[str, Any]) -> ChatGenerationChunk | None:
    """What one event adds to the answer; None if it adds nothing."""
    choice = (event.get("choices") or [{}])[0]
    delta = choice.get("delta") or {}
    text = delta.get("content") or ""
    calls = [_tool_call(call) for call in delta.get("tool_calls") or []]
    logprobs = choice.get("logprobs")
    reasoning = delta.get("reasoning_content")
    if not (text or calls or logprobs or reasoning):
        return None
    extra = {"reasoning_content": reasoning} if reasoning else {}
    message = AIMessageChunk(content=text, tool_call_chunks=calls, additional_kwargs=extra)
    return ChatGenerationChunk(message=message, generation_info={"logprobs": logprobs} if logprobs else None)


def last_chunk(
    *,
    finish: str,
    model: str,
    usage: UsageMetadata | None,
    timings: dict[str, Any],
    text_mark: dict[str, Any] | None = None,
) -> ChatGenerationChunk:
    """The chunk that closes a stream: no text, all the counts, and which mark the text carries."""
    info = {"finish_reason": finish, "model_name": model, "timings": timings}
    if text_mark is not None:
        info["text_mark"] = text_mark
    message = AIMessageChunk(content="", usage_metadata=usage, chunk_position="last")
    return ChatGenerationChunk(message=message, generation_info=info)


def usage_of(event: dict[str, Any]) -> UsageMetadata | None:
    """Token counts of an event, if it has them."""
    usage = event.get("usage")
    if not usage:
        return None
    sent, written = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
    cached = int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0)
    return UsageMetadata(
        input_tokens=sent,
        output_tokens=written,
        total_tokens=sent + written,
        input_token_details=InputTokenDetails(cache_read=cached),
    )


def timings_of(raw: dict[str, Any], usage: UsageMetadata | None, *, first_token_ms: float | None) -> dict[str, Any]:
    """llama.cpp's `timings` in our words; what a server does not tell is None.

    `prompt_tokens` counts the whole prompt, `prompt_tokens_cached` what of it was not computed again.
    """
    sent = usage["input_tokens"] if usage else None
    cached = usage.get("input_token_details", {}).get("cache_read", 0) if usage else None
    if "prompt_n" in raw:
        cached = int(raw.get("cache_n", 0))
        sent = int(raw["prompt_n"]) + cached
    return {
        "prompt_tokens": sent,
        "prompt_tokens_cached": cached,
        "prompt_ms": raw.get("prompt_ms"),
        "predicted_tokens": raw.get("predicted_n", usage["output_tokens"] if usage else None),
        "predicted_ms": raw.get("predicted_ms"),
        "first_token_ms": first_token_ms,
    }


def error_from(status: int, body: Any) -> BackendError:
    """The error that a server's answer means, as ours."""
    detail = body.get("error", body) if isinstance(body, dict) else body
    message = str(detail.get("message", "") if isinstance(detail, dict) else detail or "").strip()
    kind = str(detail.get("type", "")) if isinstance(detail, dict) else ""
    if kind == "exceed_context_size_error" or "context size" in message or "context length" in message:
        counts = ""
        if isinstance(detail, dict) and "n_prompt_tokens" in detail:
            counts = f" ({detail['n_prompt_tokens']:,} tokens, and it holds {detail['n_ctx']:,})"
        return GenerationError(
            f"The question and what goes with it are too long for the model's context{counts}.",
            hint="Ask something shorter, or give the model a larger context (WHEREFROM_CONTEXT_TOKENS).",
        )
    if status in (401, 403):
        return BackendUnavailableError(
            "The model server refuses our key.", hint="Set WHEREFROM_OPENAI_KEY to a key that this server knows."
        )
    if status == 404:
        return BackendUnavailableError(
            f"The model server does not know this model or this address: {message or 'not found'}.",
            hint="Check the model's name and that the URL ends where the server's API begins, often in /v1.",
        )
    if status == 429:
        return BackendUnavailableError(
            f"The model server has too much to do: {message}.", hint="Wait a little and ask again."
        )
    said = message.rstrip(".") or f"status {status}"
    if status == 400:
        return GenerationError(
            f"The model server refuses the request: {said}.", hint="Check the options of the backend."
        )
    return GenerationError(f"The model server failed: {said}.", hint="Ask again; if it stays, look into its log.")


def _tool_call(call: dict[str, Any]) -> ToolCallChunk:
    function = call.get("function") or {}
    return tool_call_chunk(
        name=function.get("name"), args=function.get("arguments"), id=call.get("id"), index=call.get("index")
    )
