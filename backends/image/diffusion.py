"""Diffusion as flow matching: from noise to a picture along straight lines, the picture predicted, the speed scored.

    z_t = t x + (1 - t) e,  e ~ N(0, I),   v = dz/dt = x - e = (x - z_t) / (1 - t)

The network predicts the clean x; the loss is on v (Li & He 2025, "Back to Basics", arXiv:2511.13720, table 1, case
"x-prediction, v-loss"); t is logit-normal (Esser et al. 2024, arXiv:2403.03206). Sampling solves dz = v dt from t = 0
with Heun's method; guidance (Ho & Salimans 2022, arXiv:2207.12598) is left out at the noisiest steps, where it only
pulls towards pictures that are known by heart (arXiv:2411.16738).
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from pydantic import BaseModel
from torch import Tensor, nn

from backends.image.blocks import FinalLayer, Stack
from backends.image.choices import DiffusionOptions
from backends.image.condition import PLACES, Condition, ConditionEmbedding
from backends.image.generator import Generator, Noise, OnStep
from backends.image.text import MAX_WORDS

__all__ = ["Diffusion", "time_steps", "velocity"]

_NEAREST = 0.05  # 1 - t is never taken smaller: the speed of the last instant would drown all others
_LAST = 0.75  # 99 % of the times that training draws lie before it
_TIME = 128


def velocity(x: Tensor, z: Tensor, t: Tensor) -> Tensor:
    """The speed at z_t = z of the line that ends in x: `(x - z) / (1 - t)`. `t` is (batch, 1, 1)."""
    return (x - z) / (1 - t).clamp(min=_NEAREST)


def time_steps(n: int) -> Tensor:
    """`n` times from 0 to `_LAST`, denser where the picture takes shape (t^1.5 of an even grid), and 1.

    From the last time before 1 the picture is what the network predicts there. Later ones are hardly ever drawn in
    training, so what it predicts at them is noise: with thirty steps up to 1 it swallowed the picture.

    Example:
        >>> [round(t, 3) for t in time_steps(4).tolist()]
        [0.0, 0.144, 0.408, 0.75, 1.0]
    """
    return torch.cat([torch.linspace(0, 1, n) ** 1.5 * _LAST, torch.ones(1)])


class Diffusion(Generator):
    """A transformer over words and places, told the time."""

    options_model: ClassVar[type[BaseModel]] = DiffusionOptions

    def __init__(self, *, dims: int, styles: int, width: int = 256, depth: int = 6) -> None:
        super().__init__()
        self.dims = dims
        self.told = ConditionEmbedding(width, styles, dims)
        self.enter = nn.Linear(dims, width)
        self.place = nn.Parameter(torch.randn(PLACES, width) * 0.02)
        self.time = nn.Sequential(nn.Linear(_TIME, width), nn.SiLU(), nn.Linear(width, width))
        self.stack = Stack(width, depth)
        self.leave = FinalLayer(width, dims)

    def forward(self, z: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """The clean x that z (batch, PLACES, dims) at times t (batch,) comes from."""
        told = self.told(condition)
        vector = told.vector + self.time(_waves(t))
        x = torch.cat([told.words, self.enter(z) + self.place + told.canvas], dim=1)
        x = self.stack(x, vector)[:, MAX_WORDS:]
        out: Tensor = self.leave(x, vector)
        return out

    def loss(self, latents: Tensor, condition: Condition, generator: torch.Generator) -> Tensor:
        """Mean square of the speed's error, a number a sample: (batch,)."""
        t = torch.sigmoid(torch.randn(len(latents), generator=generator) * 0.8 - 0.8)
        noise = torch.randn(latents.shape, generator=generator)
        at = t[:, None, None]
        z = at * latents + (1 - at) * noise
        found = self.forward(z, t, condition)
        # velocity(found) - velocity(latents), with the bound on 1 - t in both
        return velocity(found, z, at).sub(velocity(latents, z, at)).square().mean(dim=(1, 2))

    def sample(self, condition: Condition, noise: Noise, options: BaseModel, on_step: OnStep) -> Tensor:
        """Latents (batch, PLACES, dims). `on_step` sees what the picture would be if the line went straight on."""
        assert isinstance(options, DiffusionOptions)
        z = noise(PLACES, self.dims) * options.temperature
        times = time_steps(options.steps)
        for n in range(options.steps):
            now, then = times[n], times[n + 1]
            v, clean = self._speed(z, now, condition, options.guidance)
            ahead = z + (then - now) * v
            if n + 1 < options.steps and n % 2:  # every second step is Heun's: half its cost, most of its gain
                v = (v + self._speed(ahead, then, condition, options.guidance)[0]) / 2
                ahead = z + (then - now) * v
            z = ahead if n + 1 < options.steps else clean
            on_step(n + 1, options.steps, clean)
        return z

    def _speed(self, z: Tensor, t: Tensor, condition: Condition, guidance: float) -> tuple[Tensor, Tensor]:
        times = t.expand(len(z))
        if guidance == 1.0 or float(t) < 0.05:
            clean = self(z, times, condition)
        else:
            both = Condition.joined(condition, condition.without_prompt())
            told, plain = self(torch.cat([z, z]), torch.cat([times, times]), both).chunk(2)
            clean = plain + guidance * (told - plain)
        return velocity(clean, z, t), clean


def _waves(t: Tensor) -> Tensor:
    """Times as sines and cosines, (batch,) to (batch, _TIME)."""
    rates = torch.exp(torch.linspace(0, math.log(1000.0), _TIME // 2))
    angles = t[:, None] * rates
    # sin^2 + cos^2 of every rate: the vector has the same length at all times
    return F.normalize(torch.cat([angles.sin(), angles.cos()], dim=-1), dim=-1) * math.sqrt(_TIME) / 2
