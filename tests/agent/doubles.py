"""Small stand-ins for the agent's neighbours: library and turns in memory, a model that says what it is told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field

from agent.assistant import AgentSettings, Assistant, Turn
from agent.guardrails.rings import Guards
from agent.middleware.record import LedgerWriter
from agent.updates import Answer
from agent.words import content_words
from backends.base import ModelIdentity
from provenance.errors import NotFoundError
from retrieval.document import DocumentInfo
from retrieval.passage import Hit, Passage

TEXTS = {
    "trust.pdf": [
        "The Halvorsen Lighthouse Trust was founded on 4 May 1911. Its first keeper was Oda Brandt.",
        "In 2023 the trust earned 412,300 crowns from visitors. In 2024 it earned 455,120 crowns from visitors.",
    ],
    "oil.txt": ["The lamp burns 1,250 litres of oil a year. The firm Lund and Sons services it every March."],
}


class MemoryLibrary:
    """Searches a handful of texts by shared words."""

    def __init__(self, texts: dict[str, list[str]]) -> None:
        self.passages: list[Passage] = []
        self.names = list(texts)
        for document_id, (name, pieces) in enumerate(texts.items(), start=1):
            for page, text in enumerate(pieces, start=1):
                self.passages.append(
                    Passage(
                        id=len(self.passages) + 1,
                        document_id=document_id,
                        document_name=name,
                        page=page,
                        page_label=f"page {page}",
                        start=0,
                        end=len(text),
                        text=text,
                        heading="",
                        digest=hashlib.sha256(text.encode()).hexdigest(),
                    )
                )

    def search(self, query: str | list[str], *, top_k: int = 10, document_ids: list[int] | None = None) -> list[Hit]:
        words = set(content_words(query if isinstance(query, str) else " ".join(query)))
        hits = []
        for passage in self.passages:
            shared = len(words & set(content_words(passage.text)))
            if shared:
                hits.append(Hit(passage=passage, score=float(shared), dense=0.5, lexical=float(shared)))
        return sorted(hits, key=lambda hit: -hit.score)[:top_k]

    def document(self, document_id: int) -> DocumentInfo:
        if not 1 <= document_id <= len(self.names):
            raise NotFoundError("No such document.")
        name = self.names[document_id - 1]
        return DocumentInfo(
            id=document_id,
            name=name,
            path="",
            digest=hashlib.sha256(name.encode()).hexdigest(),
            kind="txt",
            title=name,
            size_bytes=1,
            pages=1,
            passages=1,
            added_at="2026-01-01T00:00:00Z",
        )


@dataclass
class MemoryTurns:
    """Conversation memory without a database."""

    stored: dict[str, list[tuple[Turn, Answer, str]]] = field(default_factory=dict)

    def turns(self, conversation: str, *, before_run: str | None = None) -> list[Turn]:
        found = [turn for turn, _answer, _state in self.stored.get(conversation, [])]
        runs = [turn.run for turn in found]
        return found[: runs.index(before_run)] if before_run in runs else found

    def finish(self, conversation: str, turn: Turn, answer: Answer, state: str) -> None:
        self.stored.setdefault(conversation, []).append((turn, answer, state))


class ScriptedModel(BaseChatModel):
    """Streams the next line of its script, word by word; remembers what it was asked."""

    script: list[str] = Field(default_factory=list)
    asked: list[list[BaseMessage]] = Field(default_factory=list)
    bound: list[dict[str, Any]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        self.asked.append(messages)
        self.bound.append(kwargs)
        line = self.script.pop(0)
        words = line.split(" ")
        for number, word in enumerate(words):
            text = word if number == len(words) - 1 else word + " "
            yield ChatGenerationChunk(message=AIMessageChunk(content=text))
        usage = {"input_tokens": 10, "output_tokens": len(words), "total_tokens": 10 + len(words)}
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content="",
                usage_metadata=usage,
                response_metadata={"timings": {"prompt_tokens_cached": 4, "predicted_ms": 100.0}},
            )
        )

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text = "".join(str(chunk.message.content) for chunk in self._stream(messages, stop, None, **kwargs))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=text))])


class CallingModel(ScriptedModel):
    """One that calls tools by itself: a line of its script that `calls` made is its text and its calls."""

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(offered=[tool.name for tool in tools], **kwargs)

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        if not self.script[0].startswith(_CALLS):
            yield from super()._stream(*args, **kwargs)
            return
        line = json.loads(self.script[0].removeprefix(_CALLS))
        self.script[0] = line["text"]
        yield from super()._stream(*args, **kwargs)
        for index, (name, arguments) in enumerate(line["calls"]):
            said = arguments if isinstance(arguments, str) else json.dumps(arguments)
            chunk = tool_call_chunk(name=name, args=said, id=f"call-{len(self.asked)}-{index}", index=index)
            yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[chunk]))


_CALLS = "CALLS "


def calls(*wanted: tuple[str, Any], text: str = "") -> str:
    """A line of a script in which a model calls tools: names with arguments, or with the raw text of them."""
    return _CALLS + json.dumps({"text": text, "calls": wanted})


def plan(tool: str, query: str = "") -> str:
    """What a model writes in the planning step."""
    return json.dumps({"tool": tool, "query": query})


@dataclass
class ListLedger:
    """A ledger that is a list."""

    events: list[tuple[str, str, dict[str, Any], dict[str, str]]] = field(default_factory=list)

    def append(self, *, kind: str, run: str, body: dict[str, Any], contents: dict[str, str] | None = None) -> object:
        self.events.append((kind, run, body, contents or {}))
        return len(self.events)

    def kinds(self) -> list[str]:
        return [kind for kind, *_rest in self.events]


def assistant_of(model: BaseChatModel, ledger: LedgerWriter, **more: Any) -> Assistant:
    """An assistant over these doubles; `more` goes to `Assistant` as it is."""
    given: dict[str, Any] = {
        "identity": lambda: ModelIdentity(backend="scripted", model="s-1", digest="sha256:00"),
        "library": MemoryLibrary(TEXTS),
        "runs": lambda: [],
        "turns": MemoryTurns(),
        "guards": Guards(),
        "settings": AgentSettings(),
    }
    return Assistant(model=model, ledger=ledger, **{**given, **more})
