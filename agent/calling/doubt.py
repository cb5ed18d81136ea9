"""How much it is to be doubted that any function is meant: three signs, weighed together."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Signs", "Weights"]

_LEAST = 0.001


@dataclass(frozen=True, kw_only=True, slots=True)
class Signs:
    """What speaks against a call."""

    none: float  # the probability that the model gives to "none of these"
    nearness: float | None  # cosine of the request and the function's own words; None without an embedder
    unsaid: float  # share of the required arguments that the request does not hold


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Of the log-odds that no function is meant; decision 0014 says where they come from."""

    bias: float = 0.5
    none: float = 0.6
    far: float = 4.0  # for each unit that the cosine is below `near`
    near: float = 0.5
    stranger: float = 8.0  # besides, for each unit that it is below `strange`: such a function is about something else
    strange: float = 0.25
    unsaid: float = 2.5
    threshold: float = 0.5  # of the probability from which no call is made

    def doubt(self, signs: Signs) -> float:
        """The probability that no function is meant, 0..1.

        Example:
            >>> Weights(bias=0.0).doubt(Signs(none=0.5, nearness=0.5, unsaid=0.0))
            0.5
        """
        none = min(max(signs.none, _LEAST), 1 - _LEAST)
        odds = self.bias + self.none * math.log(none / (1 - none)) + self.unsaid * signs.unsaid
        if signs.nearness is not None:
            odds += self.far * (self.near - signs.nearness) + self.stranger * max(0.0, self.strange - signs.nearness)
        return 1 / (1 + math.exp(-odds))
