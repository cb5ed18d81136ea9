"""The chat model of the `fake` backend. Same messages, options and seed: same words."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Generator
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGenerationChunk
from pydantic import Field, PrivateAttr

from backends.cancellation import current_cancellation
from backends.llm.minimal_instance import minimal_instance
from backends.llm.schema import schema_of
from backends.llm.streamed import StreamedChatModel
from backends.llm.wire import last_chunk

__all__ = ["FakeChatModel"]

_PASSAGE = re.compile(r"^\[(\d+)\][ \t:]*(.+)$", re.MULTILINE)
_OPENINGS = ("", "Certainly. ", "Well, ", "In short: ")


class FakeChatModel(StreamedChatModel):
    """Quotes the numbered passage that shares most words with the last message, or repeats what it was asked."""

    replies: tuple[str, ...] = ()
    delay_ms: float = 0.0
    seed: int = 0
    max_tokens: int | None = Field(None, ge=1)

    _said: int = PrivateAttr(default=0)
    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    @property
    def _llm_type(self) -> str:
        return "wherefrom-fake"

    def get_num_tokens(self, text: str) -> int:
        """A token is a word, or a run of other signs, with the space before it."""
        return len(_tokens(text))

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Any = None) -> int:
        """All messages, without a template."""
        return sum(self.get_num_tokens(str(message.text)) for message in messages)

    def _write(
        self, messages: list[BaseMessage], *, stop: list[str] | None, **kwargs: Any
    ) -> Generator[ChatGenerationChunk]:
        cancellation = current_cancellation()
        cancellation.raise_if_cancelled()
        begun = time.perf_counter()
        text = self._text(messages, kwargs)
        for sign in stop or []:
            text = text.split(sign)[0]
        words = _tokens(text)
        limit = kwargs.get("max_tokens") or self.max_tokens or len(words)
        finish = "length" if limit < len(words) else "stop"
        first_ms: float | None = None
        for word in words[:limit]:
            cancellation.wait(self.delay_ms / 1000)
            cancellation.raise_if_cancelled()
            first_ms = first_ms if first_ms is not None else (time.perf_counter() - begun) * 1000
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))
        sent, written = self.get_num_tokens_from_messages(messages), min(limit, len(words))
        spent_ms = (time.perf_counter() - begun) * 1000
        yield last_chunk(
            finish=finish,
            model="fake-1",
            usage=UsageMetadata(
                input_tokens=sent,
                output_tokens=written,
                total_tokens=sent + written,
                input_token_details=InputTokenDetails(cache_read=0),
            ),
            timings={
                "prompt_tokens": sent,
                "prompt_tokens_cached": 0,
                "prompt_ms": 0.0,
                "predicted_tokens": written,
                "predicted_ms": spent_ms,
                "first_token_ms": first_ms,
                "load_ms": 0.0,
            },
        )

    def _text(self, messages: list[BaseMessage], kwargs: dict[str, Any]) -> str:
        if self.replies:
            with self._lock:
                reply = self.replies[self._said % len(self.replies)]
                self._said += 1
            return reply
        schema = schema_of(kwargs.get("response_format"))
        if schema is not None:
            return json.dumps(minimal_instance(schema), ensure_ascii=False)
        question = next((str(m.text) for m in reversed(messages) if m.type == "human"), "")
        passages = _PASSAGE.findall("\n".join(str(m.text) for m in messages))
        opening = _OPENINGS[int(kwargs.get("seed") or self.seed) % len(_OPENINGS)]
        if not passages:
            return f"{opening}You asked: {question.strip()}"
        asked = _words(question.rsplit("\n", 1)[-1]) or _words(question)
        n, passage = max(passages, key=lambda found: len(asked & _words(found[1])))
        sentence = re.split(r"(?<=[.!?])\s", passage.strip(), maxsplit=1)[0]
        return f"{opening}{sentence} [{n}]"


def _tokens(text: str) -> list[str]:
    return re.findall(r"\s*\w+|\s*[^\w\s]+|\s+$", text)


def _words(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"\w{3,}", text)}
