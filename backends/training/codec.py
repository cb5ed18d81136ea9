"""Fit the codec: the transform in closed form, the repairing decoder by gradient."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from backends.image.codec import Codec, from_rgba
from provenance.errors import NotFoundError

__all__ = ["DIMS", "fit_transform", "load_codec", "refine", "save_codec"]

DIMS = 48
_SAMPLE = 4000


def fit_transform(pixels: NDArray[np.uint8], rows: list[int], *, dims: int = DIMS, seed: int = 0) -> Codec:
    """A codec whose transform was taken from a sample of these rows; its decoder only undoes the transform."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        codec = Codec(dims=dims)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed)).tolist()
    chosen = sorted(rows[n] for n in order[:_SAMPLE])
    codec.fit(from_rgba(torch.from_numpy(np.stack([pixels[n] for n in chosen]))))
    return codec


def refine(
    codec: Codec,
    pixels: NDArray[np.uint8],
    rows: list[int],
    steps: int,
    *,
    batch: int = 32,
    rate: float = 2e-3,
    seed: int = 0,
    say: Callable[[str], None] = lambda _line: None,
) -> None:
    """Train the decoder. The transform stays, so latents that were stored stay right."""
    optimizer = torch.optim.AdamW(codec.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.0)
    began, total = time.monotonic(), 0.0
    for step in range(steps):
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        chosen = torch.randint(len(rows), (batch,), generator=generator).tolist()
        images = from_rgba(torch.from_numpy(np.stack([pixels[rows[n]] for n in chosen])))
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / max(1, min(50, steps // 10)), (steps - step) / (0.4 * steps))
        loss = codec.loss(images, generator)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += float(loss.detach())
        if (step + 1) % 100 == 0:
            say(f"codec step {step + 1:,} of {steps:,}: loss {total / 100:.4f}, {time.monotonic() - began:.0f} s")
            total = 0.0


def save_codec(codec: Codec, path: Path) -> None:
    """Write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in codec.state_dict().items()}, path)


def load_codec(path: Path) -> Codec:
    """Read it.

    Raises:
        NotFoundError: If there is none.
    """
    if not path.is_file():
        raise NotFoundError("There is no codec for this data set yet.", hint="Fit it: wherefrom train codec")
    tensors = load_file(path)
    codec = Codec(dims=len(tensors["basis"]))
    codec.load_state_dict(tensors)
    return codec
