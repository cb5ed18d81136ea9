"""The choice of the next token: bias, schema, temperature, top-p, seed. Pure torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from provenance.errors import UsageError

__all__ = ["Choice", "Sampler", "SamplingParams", "bias_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingParams:
    """How to choose."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    bias: Mapping[int, float] = field(default_factory=dict)  # added to a token's logit
    top_logprobs: int | None = None  # None: no log-probabilities at all


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A token, and the log-probabilities the model gave, bias and schema not counted."""

    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


class Sampler:
    """Chooses one token after the other. Same seed, device and logits: same tokens."""

    def __init__(self, params: SamplingParams) -> None:
        self._params = params
        # On the CPU also for a GPU's logits: its generator is the same everywhere.
        self._generator = torch.Generator().manual_seed(params.seed)
        self._biased = torch.tensor(list(params.bias), dtype=torch.long)
        self._bias = torch.tensor(list(params.bias.values()), dtype=torch.float32)

    def choose(self, logits: Tensor, allowed: Tensor | None = None) -> Choice:
        """The next token.

        Args:
            logits: Shape (vocabulary,).
            allowed: Shape (vocabulary,), bool: what a schema permits here; None permits all.
        """
        scores = logits.float().cpu()
        plain = scores
        if self._params.bias:
            inside = self._biased < len(scores)
            scores = scores.index_add(0, self._biased[inside], self._bias[inside])
        if allowed is not None:
            scores = scores.masked_fill(~allowed, float("-inf"))
        token = self._pick(scores)
        if self._params.top_logprobs is None:
            return Choice(token=token)
        logprobs = torch.log_softmax(plain, dim=-1)
        values, ids = torch.topk(logprobs, min(self._params.top_logprobs, len(logprobs)))
        top = tuple(zip((int(i) for i in ids), (float(v) for v in values), strict=True))
        return Choice(token=token, logprob=float(logprobs[token]), top=top)

    def _pick(self, scores: Tensor) -> int:
        if self._params.temperature <= 0:
            return int(scores.argmax())
        probabilities = torch.softmax(scores / self._params.temperature, dim=-1)
        if self._params.top_p < 1:
            ordered, order = probabilities.sort(descending=True)
            beyond = ordered.cumsum(0) - ordered > self._params.top_p
            probabilities = torch.zeros_like(probabilities).scatter(0, order, ordered.masked_fill(beyond, 0.0))
        return int(torch.multinomial(probabilities, 1, generator=self._generator))


def bias_of(given: Any) -> dict[int, float]:
    """A `logit_bias` in either usual form, {"5": 1.5} or [[5, 1.5], [6, false]]; false forbids the token.

    Raises:
        UsageError: If it is neither.
    """
    try:
        pairs = given.items() if isinstance(given, Mapping) else given or ()
        return {int(token): -1e9 if value is False else float(value) for token, value in pairs}
    except (TypeError, ValueError) as exc:
        raise UsageError("This logit_bias is not understood.", hint='Use {"token id": number}.') from exc
