"""Route, then fill: first which function does what is asked, or none; then that one's arguments under its schema.

A model of 1.5 billion parameters that is handed tools calls one whether it fits or not. Asked for a number, 0 for none,
it says with a useful probability which it is; that, how near the request is to the function's own words, and whether
the arguments stand in the request at all, decide together. A call that does not parse cannot come out of this.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from agent.calling.doubt import Signs, Weights
from agent.calling.function import Function
from agent.routing.prior import TextEmbedder
from agent.words import content_words

__all__ = ["Call", "Chosen", "Decoder", "FunctionCaller"]

MOST_FUNCTIONS = 8  # that a model is shown at once; the nearest ones by meaning
_ROUTE_TOKENS, _FILL_TOKENS = 12, 400
_ROUTE = (
    "Functions:\n{functions}\n\nRequest: {request}\n\n"
    "Which function does what is asked, with everything it requires given in the request? "
    '0 if none does. Reply with JSON only: {{"function": number}}'
)
_FILL = (
    "Fill in the arguments of {name} for the request. Copy values as they are said, in the units and the form that the "
    "descriptions ask for. Leave out optional ones that the request does not speak of. Reply with JSON only."
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_ADDRESS = re.compile(r"(?:https?://|www\.)([\w.-]+)")


class Decoder(Protocol):
    """JSON under a schema from a conversation: (text, metadata with `logprobs`)."""

    def __call__(
        self, said: Sequence[str], schema: Mapping[str, Any], *, max_tokens: int, logprobs: bool
    ) -> tuple[str, Mapping[str, Any]]:
        """`said` alternates: the person, the model, the person..."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A call that may be made."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """What was decided, and on what grounds. `call` is None where no function is meant."""

    call: Call | None
    likeliest: Call | None  # what would be called if one had to be; None where its arguments had no end
    doubt: float  # the probability that none is meant, 0..1
    signs: Signs


class FunctionCaller:
    """Chooses among functions for one request. Holds no state; safe for threads as its parts are."""

    def __init__(
        self, decode: Decoder, embedder: TextEmbedder | None = None, *, weights: Weights | None = None
    ) -> None:
        self._decode = decode
        self._embedder = embedder
        self._weights = weights or Weights()

    def choose(self, request: str, functions: Sequence[Function], *, least: float = -1.0) -> Chosen:
        """The call that the request asks for, or none.

        Args:
            least: The model is asked only where a function is as near as this to the request.
        Raises:
            AppError: As the decoder and the embedder raise.
        """
        offered, nearness = self._nearest(request, functions)
        if not offered or all(one is not None and one < least for one in nearness):
            return Chosen(call=None, likeliest=None, doubt=1.0, signs=Signs(none=1.0, nearness=None, unsaid=0.0))
        shown = "\n".join(f"{n}. {function.describe()}" for n, function in enumerate(offered, 1))
        asked = _ROUTE.format(functions=shown, request=request)
        schema = {
            "type": "object",
            "properties": {"function": {"type": "integer", "enum": list(range(len(offered) + 1))}},
            "required": ["function"],
            "additionalProperties": False,
        }
        text, metadata = self._decode([asked], schema, max_tokens=_ROUTE_TOKENS, logprobs=True)
        number = _number(text)
        shares = _shares(metadata, len(offered)) or {number: 0.9}
        place = number or max(range(1, len(offered) + 1), key=lambda n: (shares.get(n, 0.0), nearness[n - 1] or 0.0))
        function = offered[place - 1]
        call = self._filled(asked, place, function)
        unsaid = 1.0 if call is None else _unsaid(call.arguments, function, request)
        signs = Signs(none=shares.get(0, 0.0), nearness=nearness[place - 1], unsaid=unsaid)
        doubt = 1.0 if call is None else self._weights.doubt(signs)
        meant = doubt < self._weights.threshold
        return Chosen(call=call if meant else None, likeliest=call, doubt=doubt, signs=signs)

    def _nearest(self, request: str, functions: Sequence[Function]) -> tuple[list[Function], list[float | None]]:
        if self._embedder is None or not functions:
            offered = list(functions[:MOST_FUNCTIONS])
            return offered, [None] * len(offered)
        words = [f"{_spelled(one.name)}: {one.description}" for one in functions]
        sims = np.einsum("ij,j->i", self._embedder.embed(words), self._embedder.embed_query(request))
        kept = sorted(sorted(range(len(functions)), key=lambda i: -sims[i])[:MOST_FUNCTIONS])
        return [functions[i] for i in kept], [float(sims[i]) for i in kept]

    def _filled(self, asked: str, place: int, function: Function) -> Call | None:
        """None where the arguments were cut off by the token limit: half a call is no call."""
        said = [asked, json.dumps({"function": place}), _FILL.format(name=function.name)]
        text, _metadata = self._decode(said, function.schema(), max_tokens=_FILL_TOKENS, logprobs=False)
        try:
            arguments = json.loads(text)
        except json.JSONDecodeError:
            return None
        return Call(name=function.name, arguments=arguments) if isinstance(arguments, dict) else None


def _spelled(name: str) -> str:
    return re.sub(r"[_.]+", " ", name)


def _number(text: str) -> int:
    try:
        return int(json.loads(text)["function"])
    except (json.JSONDecodeError, KeyError, TypeError, ValueError):
        return 0


def _shares(metadata: Mapping[str, Any], count: int) -> dict[int, float]:
    """What each number gets at the token where the choice falls; empty where the engine tells no probabilities."""
    for token in (metadata.get("logprobs") or {}).get("content") or []:
        if str(token.get("token", "")).strip().isdigit():
            likely = [(str(one["token"]).strip(), float(one["logprob"])) for one in token.get("top_logprobs", [])]
            found = {int(text): math.exp(share) for text, share in likely if text.isdigit() and int(text) <= count}
            total = sum(found.values())
            return {number: share / total for number, share in found.items()} if total else {}
    return {}


def _unsaid(arguments: Mapping[str, Any], function: Function, request: str) -> float:
    """The share of required arguments whose values the request does not hold; choices and flags count as said."""
    properties = function.schema()["properties"]
    needed = [name for name in function.schema().get("required") or () if name in properties]
    open_ones = [
        name for name in needed if "enum" not in properties[name] and properties[name].get("type") != "boolean"
    ]
    if not open_ones:
        return 0.0
    words, numbers = set(content_words(request)), set(_NUMBER.findall(request.replace(",", "")))
    missing = sum(not _stands(arguments.get(name), words, numbers) for name in open_ones)
    return missing / len(open_ones)


def _stands(value: Any, words: set[str], numbers: set[str]) -> bool:
    match value:
        case bool():
            return True
        case int() | float():
            return f"{value:g}" in numbers or str(value) in numbers or not numbers.isdisjoint({f"{value * 100:g}"})
        case str():
            address = _ADDRESS.match(value.lower())
            if address is not None:  # its path is made of the request's words even where the address is invented
                return any(len(word) > 3 and word in address[1] for word in words)
            said = content_words(value)
            return bool(said) and any(word in words for word in said)
        case list() | dict():
            inside = list(value.values()) if isinstance(value, dict) else value
            return any(_stands(one, words, numbers) for one in inside)
        case _:
            return False
