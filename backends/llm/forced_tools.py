"""Tool calls decoded under a JSON schema.

Small models know *which* tool when they must choose, but rarely write the call in the form their server looks for. So
when a caller insists on a tool (`tool_choice` "required" or one tool's name), the answer is decoded as
{"name": ..., "arguments": ...} under the schema of the tools offered, and given back as a tool call.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Generator
from contextlib import closing
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from backends.llm.schema import closed

__all__ = ["as_tool_call", "forced_schema"]


def forced_schema(tools: list[dict[str, Any]] | None, tool_choice: Any) -> dict[str, Any] | None:
    """The schema that a forced call must meet; None where the model may also answer in words.

    Example:
        >>> tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
        >>> forced_schema([tool], "required")["properties"]["name"]
        {'const': 'f'}
        >>> forced_schema([tool], "auto") is None
        True
    """
    if not tools:
        return None
    functions = [tool["function"] for tool in tools]
    match tool_choice:
        case "required":
            offered = functions
        case {"type": "function", "function": {"name": name}}:
            offered = [function for function in functions if function["name"] == name]
        case _:
            return None
    calls = [_call(function) for function in offered]
    return calls[0] if len(calls) == 1 else {"anyOf": calls}


def as_tool_call(chunks: Generator[ChatGenerationChunk]) -> Generator[ChatGenerationChunk]:
    """Gather the text of a forced call and pass it on as one tool call, then the chunk with the counts."""
    text = ""
    with closing(chunks):
        for chunk in chunks:
            text += str(chunk.message.text)
            if isinstance(chunk.message, AIMessageChunk) and chunk.message.chunk_position == "last":
                yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[_parsed(text)]))
                yield chunk


def _parsed(text: str) -> Any:
    """One tool call; where max_tokens cut it, its arguments are a mere string, and LangChain calls it invalid."""
    name, arguments = "", json.dumps(text)
    try:
        call = json.loads(text)
        name, arguments = str(call["name"]), json.dumps(call.get("arguments", {}), ensure_ascii=False)
    except (ValueError, KeyError, TypeError):
        pass
    return tool_call_chunk(name=name, args=arguments, id=f"call_{uuid.uuid4().hex[:12]}", index=0)


def _call(function: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "name": {"const": function["name"]},
            "arguments": closed(function.get("parameters") or {"type": "object"}),
        },
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }
