"""Small random networks and conditions: the laws hold for any weights, so none are trained."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from backends.image.condition import Condition
from backends.image.text import MAX_WORDS, WIDTH


@pytest.fixture(autouse=True)
def one_seed() -> Iterator[None]:
    """The global generator of torch, the same for every test; one thread, because the networks are tiny."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(7)
    yield
    torch.set_num_threads(threads)


def shaken(module: nn.Module, size: float = 0.1) -> nn.Module:
    """Every weight disturbed: a fresh network is the identity in most places, where laws hold for nothing."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(size * torch.randn_like(parameter))
    return module.eval()


def told(count: int, dtype: torch.dtype = torch.float32) -> Condition:
    """Random prompts."""
    return Condition(
        words=torch.randn(count, MAX_WORDS, WIDTH, dtype=dtype) * 0.3,
        pooled=torch.nn.functional.normalize(torch.randn(count, WIDTH, dtype=dtype), dim=-1),
        style=torch.arange(count) % 3,
    )
