"""The decoding loop for a model in this process: read the prompt in pieces, then choose token after token.

A loop of our own instead of `generate`: it stops between any two steps, it reuses what it already computed of a
conversation, and whoever wants to look at or change the logits finds one place to do it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from backends.cancellation import Cancellation
from backends.llm.loaded import LoadedModel
from backends.llm.pieces import StopSigns, TokenText
from backends.llm.sampling import Choice, Sampler, SamplingParams
from provenance.errors import GenerationError, UsageError

__all__ = ["Decoder", "Outcome", "Piece"]

_PREFILL_TOKENS = 128  # between two looks at whether somebody wants it to stop


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """What one step adds: text that may be shown, and the tokens chosen since the last piece."""

    text: str
    choices: tuple[Choice, ...] = ()


@dataclass(kw_only=True, slots=True)
class Outcome:
    """Filled in while decoding; complete at the end."""

    finish: str = "stop"
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    prompt_ms: float = 0.0
    output_ms: float = 0.0
    _begun: float = field(default_factory=time.perf_counter)


class Decoder:
    """Decodes for one loaded model, one answer at a time; keeps the last conversation's cache."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._lock = threading.Lock()
        self._cache: Any = None
        self._cached_ids: list[int] = []

    def decode(
        self,
        prompt: Sequence[int],
        *,
        sampling: SamplingParams,
        max_tokens: int | None,
        stop: Sequence[str],
        schema: dict[str, Any] | None,
        cancellation: Cancellation,
        outcome: Outcome,
    ) -> Generator[Piece]:
        """The pieces of one answer; fills `outcome`.

        Raises:
            GenerationError: If the prompt is longer than the context, or memory runs out.
            UsageError: If the schema cannot be used.
            GenerationStopped: If `cancellation` says so.
        """
        room = self._loaded.context_tokens - len(prompt)
        if room < 1:
            raise GenerationError(
                "The question and what goes with it are too long for the model's context "
                f"({len(prompt):,} tokens, and it holds {self._loaded.context_tokens:,}).",
                hint="Ask something shorter, or give the model a larger context (WHEREFROM_CONTEXT_TOKENS).",
            )
        matcher = self._matcher(schema) if schema is not None else None
        while not self._lock.acquire(timeout=0.1):
            cancellation.raise_if_cancelled()
        try:
            with torch.inference_mode():
                logits = self._read(prompt, cancellation, outcome)
            yield from self._write(
                logits, Sampler(sampling), matcher, min(max_tokens or room, room), stop, cancellation, outcome
            )
        except torch.OutOfMemoryError as exc:
            self._forget()
            raise GenerationError(
                "The model ran out of memory.", hint="Ask something shorter, or choose a smaller model."
            ) from exc
        finally:
            self._lock.release()

    def forget(self) -> None:
        """Drop the conversation's cache."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self._cache, self._cached_ids = None, []

    def _read(self, prompt: Sequence[int], cancellation: Cancellation, outcome: Outcome) -> Tensor:
        """Compute the prompt, except what the last answers left in the cache; the logits after its last token."""
        from transformers import DynamicCache

        begun = time.perf_counter()
        same = 0
        for ours, theirs in zip(self._cached_ids, prompt[:-1], strict=False):
            if ours != theirs:
                break
            same += 1
        if self._cache is None or not same or not _can_be_cropped(self._loaded.model):
            self._cache, same = DynamicCache(config=self._loaded.model.config), 0
        elif same < len(self._cached_ids):
            self._cache.crop(same - len(self._cached_ids))
        self._cached_ids = list(prompt[:same])
        outcome.prompt_tokens, outcome.cached_tokens = len(prompt), same
        logits = None
        for at in range(same, len(prompt), _PREFILL_TOKENS):
            cancellation.raise_if_cancelled()
            logits = self._step(list(prompt[at : at + _PREFILL_TOKENS]))
        outcome.prompt_ms = (time.perf_counter() - begun) * 1000
        assert logits is not None
        return logits

    def _step(self, ids: list[int]) -> Tensor:
        """Put tokens behind the cache; the logits after the last one, shape (vocabulary,)."""
        model = self._loaded.model
        inputs = torch.tensor([ids], device=self._loaded.device)
        try:
            out = model(input_ids=inputs, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
        except BaseException:
            self._forget()  # half of the layers may have it
            raise
        self._cached_ids += ids
        logits: Tensor = out.logits[0, -1]
        return logits

    def _write(
        self,
        logits: Tensor,
        sampler: Sampler,
        matcher: Any,
        limit: int,
        stop: Sequence[str],
        cancellation: Cancellation,
        outcome: Outcome,
    ) -> Generator[Piece]:
        text, signs = TokenText(self._loaded.decode), StopSigns(stop)
        begun = time.perf_counter()
        waiting: list[Choice] = []
        outcome.finish = "length"
        while outcome.output_tokens < limit:
            cancellation.raise_if_cancelled()
            choice = sampler.choose(logits, _allowed(matcher, len(logits)))
            if choice.token in self._loaded.eos:
                outcome.finish = "stop"
                break
            outcome.output_tokens += 1
            outcome.output_ms = (time.perf_counter() - begun) * 1000
            waiting.append(choice)
            if shown := signs.add(text.add(choice.token)):
                yield Piece(text=shown, choices=tuple(waiting))
                waiting = []
            if signs.met or (matcher is not None and not _goes_on(matcher, choice.token)):
                outcome.finish = "stop"
                break
            if outcome.output_tokens < limit:
                with torch.inference_mode():
                    logits = self._step([choice.token])
        rest = "" if signs.met else signs.add(text.rest()) + signs.rest()
        if rest or waiting:
            yield Piece(text=rest, choices=tuple(waiting))

    def _matcher(self, schema: dict[str, Any]) -> Any:
        from llguidance import LLMatcher

        # Without free white space between the parts: a weak model would write nothing else.
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema), {"whitespace_flexible": False})
        problem = LLMatcher.validate_grammar(grammar, self._loaded.constraints)
        if problem:
            raise UsageError(f"This JSON schema cannot be decoded: {problem.splitlines()[0]}.", hint="Simplify it.")
        return LLMatcher(self._loaded.constraints, grammar, log_level=0)


def _allowed(matcher: Any, vocabulary: int) -> Tensor | None:
    if matcher is None:
        return None
    bias = torch.frombuffer(bytearray(matcher.compute_logit_bias()), dtype=torch.uint8) > 0
    return torch.nn.functional.pad(bias[:vocabulary], (0, max(0, vocabulary - len(bias))))


def _goes_on(matcher: Any, token: int) -> bool:
    """Tell the grammar what was chosen; False when it is complete.

    Raises:
        GenerationError: If the grammar does not know this token.
    """
    if not matcher.consume_token(token):
        raise GenerationError(
            f"The schema engine stopped: {matcher.get_error()}.", hint="Ask again; simplify the schema if it stays."
        )
    return not matcher.is_stopped()


def _can_be_cropped(model: Any) -> bool:
    """Layers with a sliding window have already forgotten what a crop would need."""
    return not getattr(model.config, "sliding_window", None) or not getattr(model.config, "use_sliding_window", True)
