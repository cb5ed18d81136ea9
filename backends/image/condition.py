"""What a generator is told: the words of a prompt, their mean, a style. Every family reads it through this module.

Besides the words, which attention looks at, a prompt gives a rough canvas: a vector for each place of the 8 x 8 grid,
from a small network that sees the whole prompt at once. It costs a few hundredths of a pass and holds much of "what a
house looks like", which a network that is trained for an hour on a processor has no time to learn otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backends.image.text import MAX_WORDS, WIDTH

__all__ = ["GRID", "PLACES", "Condition", "ConditionEmbedding", "Told"]

GRID = 8
PLACES = GRID * GRID
_CANVAS = 48  # numbers a place of the rough canvas


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """A batch of prompts with styles. Style 0 is "any"; an all-zero `pooled` is "no prompt"."""

    words: Tensor  # (batch, MAX_WORDS, WIDTH)
    pooled: Tensor  # (batch, WIDTH)
    style: Tensor  # (batch,) int64

    def __len__(self) -> int:
        return int(self.pooled.shape[0])

    def without_prompt(self) -> Condition:
        """The same number of samples that were told nothing: the other half of guidance."""
        return Condition(
            words=torch.zeros_like(self.words),
            pooled=torch.zeros_like(self.pooled),
            style=torch.zeros_like(self.style),
        )

    def dropped(self, generator: torch.Generator) -> Condition:
        """For training: 10 % lose the prompt, 10 % the style, 5 % both; so guidance and "any style" are learned too."""
        drawn = torch.rand(len(self), generator=generator)
        keep = (drawn >= 0.15).to(self.pooled.dtype)  # below 0.05 both, up to 0.15 the prompt, up to 0.25 the style
        return Condition(
            words=self.words * keep[:, None, None],
            pooled=self.pooled * keep[:, None],
            style=self.style * ((drawn >= 0.25) | ((drawn >= 0.05) & (drawn < 0.15))),
        )

    @staticmethod
    def joined(first: Condition, second: Condition) -> Condition:
        """Both batches as one."""
        return Condition(
            words=torch.cat([first.words, second.words]),
            pooled=torch.cat([first.pooled, second.pooled]),
            style=torch.cat([first.style, second.style]),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A condition in a generator's own width."""

    vector: Tensor  # (batch, width): modulates every block
    words: Tensor  # (batch, MAX_WORDS, width): goes before the places
    canvas: Tensor  # (batch, PLACES, width): is added to the places


class ConditionEmbedding(nn.Module):
    """`Condition` to `Told`."""

    def __init__(self, width: int, styles: int) -> None:
        super().__init__()
        self.style = nn.Embedding(styles + 1, width)
        self.pooled = nn.Linear(WIDTH, width)
        self.word = nn.Linear(WIDTH, width)
        self.word_place = nn.Parameter(torch.zeros(MAX_WORDS, width))
        self.hidden = nn.Linear(2 * width, 2 * width)
        self.canvas = nn.Linear(2 * width, PLACES * _CANVAS)
        self.spread = nn.Linear(_CANVAS, width)
        nn.init.normal_(self.style.weight, std=0.5)
        nn.init.normal_(self.word_place, std=0.02)

    def forward(self, condition: Condition) -> Told:
        """Shapes as in `Told`."""
        style, pooled = self.style(condition.style), self.pooled(condition.pooled * WIDTH**0.5)
        rough = self.canvas(F.silu(self.hidden(torch.cat([style, pooled], dim=-1))))
        return Told(
            vector=style + pooled,
            words=self.word(condition.words) + self.word_place,
            canvas=self.spread(rough.view(len(condition), PLACES, _CANVAS)),
        )
