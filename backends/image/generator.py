"""The contract of a family's network, and the small things around it: noise by seed, pictures as tensors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from pydantic import BaseModel
from torch import Tensor, nn

from backends.base import Picture
from backends.image.codec import SIDE, from_rgba
from backends.image.condition import PLACES, Condition
from backends.image.text import MAX_WORDS, WIDTH
from provenance.errors import UsageError

__all__ = ["Generator", "Learner", "Noise", "OnStep", "as_images", "seeded_noise", "untold"]

OnStep = Callable[[int, int, Tensor | None], None]  # step, steps, latents as far as they are known
Noise = Callable[..., Tensor]  # a shape without the batch, to standard normal numbers, each sample from its own seed


class Learner(nn.Module):
    """A network that the training loop can train."""

    @property
    def critic(self) -> nn.Module | None:
        """The part that is trained against the rest, where there is one."""
        return None


class Generator(Learner, ABC):
    """A family's network. Built as `cls(dims=..., styles=..., **sizes)`."""

    options_model: ClassVar[type[BaseModel]]
    dims: int

    @abstractmethod
    def loss(self, latents: Tensor, condition: Condition, generator: torch.Generator) -> Tensor:
        """What training makes small, a number a sample. `latents` (batch, PLACES, dims) is measured from the sketch."""

    def prepare(self, latents: Tensor, generator: torch.Generator) -> None:
        """Learn what is not learned by gradient from a sample of latents; called once, before training."""

    def critic_loss(self, latents: Tensor, condition: Condition, generator: torch.Generator) -> Tensor:
        """What the critic makes small, a number a sample."""
        raise NotImplementedError("only a family with a critic is asked for this")

    @abstractmethod
    def sample(self, condition: Condition, noise: Noise, options: BaseModel, on_step: OnStep) -> Tensor:
        """Latents for these conditions, (batch, PLACES, dims), measured from the sketch."""


def seeded_noise(seeds: list[int]) -> Noise:
    """Each picture has random numbers of its own, so that it does not change with its neighbours."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def draw(*shape: int, uniform: bool = False) -> Tensor:
        make = torch.rand if uniform else torch.randn
        return torch.stack([make(shape, generator=generator) for generator in generators])

    return draw


def as_images(pictures: list[Picture]) -> Tensor:
    """Pictures as the codec reads them: (batch, 4, 64, 64).

    Raises:
        UsageError: If one has another size.
    """
    if any((picture.width, picture.height) != (SIDE, SIDE) for picture in pictures):
        raise UsageError(f"Pictures of {SIDE} x {SIDE} pixels can be changed.", hint="Choose one that was drawn here.")
    rows = [torch.frombuffer(bytearray(picture.rgba), dtype=torch.uint8) for picture in pictures]
    return from_rgba(torch.stack(rows).view(len(pictures), SIDE, SIDE, 4))


def untold(count: int, dims: int) -> Condition:
    """A condition that says nothing."""
    return Condition(
        words=torch.zeros(count, MAX_WORDS, WIDTH),
        pooled=torch.zeros(count, WIDTH),
        style=torch.zeros(count, dtype=torch.int64),
        sketch=torch.zeros(count, PLACES, dims),
    )
