"""The chat model of the `transformers` backend: chat templates, schemas and counts around the decoding loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGenerationChunk
from pydantic import ConfigDict, Field, PrivateAttr

from backends.cancellation import current_cancellation
from backends.llm.circles import CIRCLES, Circles
from backends.llm.decoding import Decoder, Outcome, Piece
from backends.llm.loaded import LoadedModel
from backends.llm.sampling import Choice, SamplingParams, bias_of
from backends.llm.schema import schema_of
from backends.llm.streamed import StreamedChatModel
from backends.llm.wire import last_chunk, wire_messages
from provenance.errors import UsageError
from provenance.textmark.marker import TextMarker
from provenance.textmark.words import vocabulary_words

__all__ = ["TransformersChatModel"]


class TransformersChatModel(StreamedChatModel):
    """A LangChain chat model over weights in this process; see `backends.base.ChatBackend` for what it promises."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    runtime: Callable[[], tuple[LoadedModel, Decoder]] = Field(exclude=True, repr=False)  # loads on the first call
    model: str
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    max_tokens: int | None = None
    _lean: tuple[TextMarker, LoadedModel, Mapping[int, float]] | None = PrivateAttr(default=None)

    @property
    def _llm_type(self) -> str:
        return "wherefrom-transformers"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model, "temperature": self.temperature, "seed": self.seed, "max_tokens": self.max_tokens}

    def get_num_tokens(self, text: str) -> int:
        """How many tokens the model's tokenizer makes of `text`."""
        return len(self.get_token_ids(text))

    def get_token_ids(self, text: str) -> list[int]:
        """The tokens of `text`, without a beginning or an end."""
        loaded, _ = self.runtime()
        return [int(token) for token in loaded.tokenizer.encode(text, add_special_tokens=False)]

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Any = None) -> int:
        """How many tokens the whole prompt has, the chat template included."""
        loaded, _ = self.runtime()
        return len(_prompt(loaded, messages, tools))

    def _write(
        self, messages: list[BaseMessage], *, stop: list[str] | None, **kwargs: Any
    ) -> Generator[ChatGenerationChunk]:
        cancellation = current_cancellation()
        cancellation.raise_if_cancelled()
        begun = time.perf_counter()
        loaded, decoder = self.runtime()
        load_ms = (time.perf_counter() - begun) * 1000
        mark: TextMarker | None = kwargs.pop("mark", None)
        circles = Circles() if kwargs.pop("prose", False) else None
        lean = self._bias(mark, loaded)
        outcome, first_ms = Outcome(), None
        pieces = decoder.decode(
            _prompt(loaded, messages, kwargs.get("tools")),
            sampling=self._sampling(kwargs, lean),
            max_tokens=kwargs.get("max_tokens") or self.max_tokens,
            stop=stop or (),
            schema=schema_of(kwargs.get("response_format")),
            cancellation=cancellation,
            outcome=outcome,
        )
        for piece in pieces:
            if first_ms is None:
                first_ms = (time.perf_counter() - begun) * 1000
            yield _chunk(piece, loaded)
            if circles is not None and circles.closed(piece.text):
                outcome.finish = CIRCLES
                break
        pieces.close()
        yield _closing(outcome, self.model, first_ms, load_ms, mark if lean else None)

    def _bias(self, mark: TextMarker | None, loaded: LoadedModel) -> Mapping[int, float]:
        """What the mark adds to which token; computed once, for it is the same for every answer."""
        if mark is None:
            return {}
        if self._lean is None or self._lean[0] is not mark or self._lean[1] is not loaded:
            numbered: dict[str, int] = loaded.tokenizer.get_vocab()
            pieces = [""] * (1 + max(numbered.values()))
            for piece, number in numbered.items():
                pieces[number] = piece
            self._lean = (mark, loaded, mark.bias(vocabulary_words(pieces)))
        return self._lean[2]

    def _sampling(self, kwargs: dict[str, Any], lean: Mapping[int, float]) -> SamplingParams:
        wants = bool(kwargs.get("logprobs")) or kwargs.get("top_logprobs") is not None
        try:
            return SamplingParams(
                temperature=float(_or(kwargs.get("temperature"), self.temperature)),
                top_p=float(_or(kwargs.get("top_p"), self.top_p)),
                seed=int(_or(kwargs.get("seed"), self.seed)),
                bias={**lean, **bias_of(kwargs.get("logit_bias"))},
                top_logprobs=int(kwargs.get("top_logprobs") or 0) if wants else None,
            )
        except (TypeError, ValueError) as exc:
            raise UsageError(
                f"A parameter of the model is wrong: {exc}.", hint="Temperature and top_p are numbers, seed is whole."
            ) from exc


def _or(given: Any, default: Any) -> Any:
    return default if given is None else given


def _prompt(loaded: LoadedModel, messages: list[BaseMessage], tools: Any) -> list[int]:
    """The prompt's tokens, by the model's chat template; a plain form for a model that has none."""
    tokenizer = loaded.tokenizer
    sent = wire_messages(messages)
    if not tokenizer.chat_template:
        lines = [f"{message['role'].capitalize()}: {message['content']}" for message in sent]
        return [int(token) for token in tokenizer.encode("\n".join([*lines, "Assistant:"]))]
    text = tokenizer.apply_chat_template(sent, tools=tools or None, add_generation_prompt=True, tokenize=False)
    # The template writes the beginning-of-text token itself where the model wants one.
    return [int(token) for token in tokenizer.encode(text, add_special_tokens=False)]


def _chunk(piece: Piece, loaded: LoadedModel) -> ChatGenerationChunk:
    shown = [_logprob(choice, loaded) for choice in piece.choices if choice.logprob is not None]
    info = {"logprobs": {"content": shown}} if shown else None
    return ChatGenerationChunk(message=AIMessageChunk(content=piece.text), generation_info=info)


def _logprob(choice: Choice, loaded: LoadedModel) -> dict[str, Any]:
    top = [{"id": token, "token": loaded.decode([token]), "logprob": value} for token, value in choice.top]
    token = loaded.decode([choice.token])
    return {"id": choice.token, "token": token, "logprob": choice.logprob, "top_logprobs": top}


def _closing(
    outcome: Outcome, model: str, first_ms: float | None, load_ms: float, mark: TextMarker | None
) -> ChatGenerationChunk:
    sent, written = outcome.prompt_tokens, outcome.output_tokens
    return last_chunk(
        finish=outcome.finish,
        model=model,
        usage=UsageMetadata(
            input_tokens=sent,
            output_tokens=written,
            total_tokens=sent + written,
            input_token_details=InputTokenDetails(cache_read=outcome.cached_tokens),
        ),
        timings={
            "prompt_tokens": sent,
            "prompt_tokens_cached": outcome.cached_tokens,
            "prompt_ms": round(outcome.prompt_ms, 3),
            "predicted_tokens": written,
            "predicted_ms": round(outcome.output_ms, 3),
            "first_token_ms": None if first_ms is None else round(first_ms, 3),
            "load_ms": round(load_ms, 3),
        },
        text_mark=mark.facts() if mark is not None else None,
    )
