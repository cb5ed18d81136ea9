"""Sizes and plans of the families, as they are trained here: small enough for a processor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from backends.image.autoregressive import Autoregressive
from backends.image.diffusion import Diffusion
from backends.image.flow import Flow
from backends.image.gan import Gan
from backends.image.generator import Generator
from backends.image.vae import Vae
from backends.training.loop import Plan
from provenance.errors import NotFoundError

__all__ = ["FAMILIES", "Recipe", "recipe"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How one family is built and trained."""

    family: str
    generator: type[Generator]
    sizes: dict[str, Any] = field(default_factory=dict)
    plan: Plan = field(default_factory=Plan)
    steps: int = 20_000

    def build(self, dims: int, styles: int, seed: int) -> Generator:
        """A new network; the same seed gives the same weights."""
        import torch

        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = self.generator(dims=dims, styles=styles, **self.sizes)
            _ = network.critic  # made here where there is one, so that it comes from the seed too
            return network


_RECIPES = (
    Recipe(family="diffusion", generator=Diffusion, sizes={"width": 256, "depth": 6}),
    Recipe(family="autoregressive", generator=Autoregressive, sizes={"width": 256, "depth": 6}),
    Recipe(family="flow", generator=Flow, sizes={"width": 192, "depths": [4, 1, 1]}, plan=Plan(rate=5e-4)),
    Recipe(family="vae", generator=Vae, sizes={"width": 192, "depth": 2}),
    Recipe(family="gan", generator=Gan, sizes={"width": 192, "depth": 3}, plan=Plan(rate=3e-4, critic_rate=3e-4)),
)
FAMILIES = tuple(recipe.family for recipe in _RECIPES)


def recipe(family: str) -> Recipe:
    """The recipe of this family.

    Raises:
        NotFoundError: If there is none.
    """
    for found in _RECIPES:
        if found.family == family:
            return found
    raise NotFoundError(f"There is no family “{family[:80]}”.", hint=f"There are: {', '.join(FAMILIES)}.")
