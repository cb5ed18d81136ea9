"""How the upscaler is built and trained; a larger one is a matter of its sizes and steps."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from backends.image.codec import Codec
from backends.image.packing import save_upscaler
from backends.image.upscaler import FACTOR, Upscaler, smooth, straight
from backends.training.data.large import rendered
from backends.training.loop import Plan, Trainer
from backends.training.pairs import LARGE, MEASURED, DrawingPairs
from backends.training.sheet import curve, sheet

__all__ = ["UPSCALER", "UPSCALER_PLAN", "UPSCALER_STEPS", "begin", "export_upscaler", "new_upscaler", "pairs_of"]

UPSCALER = "upscaler"  # its name: of the command, the folder, the file
UPSCALER_PLAN = Plan(batch=8, rate=2e-3, warmup=50, ema=0.99, decay=0.0)
UPSCALER_STEPS = 2000
_DRAWINGS = 240
_BATCHES = 24
_RIDGE = 1e-4
_SHOWN = 4


def new_upscaler(seed: int) -> Upscaler:
    """A new network; the same seed gives the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Upscaler()


@torch.no_grad()
def begin(network: Upscaler, pairs: DrawingPairs, seed: int) -> None:
    """Give the last layer the least-squares answer to what the fresh layers before it see.

    Seconds that save hundreds of steps: random features of a neighbourhood already tell an edge from a surface.
    """
    rows = network.last.in_channels * 9 + 1
    seen, wanted = torch.zeros(rows, rows, dtype=torch.float64), torch.zeros(rows, network.last.out_channels).double()
    for n in range(_BATCHES):
        batch = pairs.draw(UPSCALER_PLAN.batch, torch.Generator().manual_seed(seed * 1_000_003 + 2**40 + n))
        around = F.unfold(network.seen(batch.small), 3, padding=1).movedim(1, 2).flatten(0, 1)
        around = torch.cat([around, torch.ones(len(around), 1)], dim=1)
        missing = F.pixel_unshuffle(batch.large - smooth(batch.small), FACTOR).movedim(1, -1).flatten(0, 2)
        seen += (around.T @ around).double() / len(around)
        wanted += (around.T @ missing).double() / len(around)
    ridge = _RIDGE * seen.diagonal().mean() * torch.eye(rows, dtype=torch.float64)
    answer = torch.linalg.solve(seen + ridge, wanted).float().T
    network.last.weight.copy_(answer[:, :-1].reshape(network.last.weight.shape))
    assert network.last.bias is not None
    network.last.bias.copy_(answer[:, -1])


def pairs_of(folder: Path, cache: Path, codec: Codec, say: Callable[[str], None]) -> DrawingPairs:
    """Drawings rendered into `folder`, as pairs. Raises as `rendered`."""
    train, validation, digest = rendered(folder, cache, size=LARGE, count=_DRAWINGS, held=MEASURED, say=say)
    parts = [digest.encode(), *(tensor.numpy().tobytes() for tensor in codec.state_dict().values())]
    return DrawingPairs(train, validation, codec, digest=hashlib.sha256(b"\0".join(parts)).hexdigest())


def export_upscaler(trainer: Trainer[Upscaler], pairs: DrawingPairs, folder: Path, machine: str) -> Path:
    """Weights and curve of the averaged weights as they are now, and a sheet: small, filter, network, as drawn."""
    path = folder / f"{UPSCALER}.safetensors"
    meta = {
        "model": "upscaler-x4",
        "steps": trainer.step,
        "batch": trainer.plan.batch,
        "seconds": round(trainer.seconds),
        "seed": trainer.plan.seed,
        "data": f"sha256:{pairs.digest}",
        "machine": machine,
    }
    save_upscaler(path, trainer.averaged, meta)
    shown = pairs.validation(_SHOWN)
    small = straight(shown.small)
    with torch.inference_mode():
        made = trainer.averaged.eval().enlarged(small)
    columns = (straight(_filtered(shown.small, "nearest")), straight(_filtered(shown.small, "bicubic")), made)
    rows = torch.stack([*columns, straight(shown.large)], dim=1).flatten(0, 1)
    sheet(folder / "sheet.png", np.asarray(rows.numpy()), 4)
    curve(folder / "curve.png", trainer.folder / "log.jsonl")
    return path


def _filtered(small: torch.Tensor, mode: str) -> torch.Tensor:
    return F.interpolate(small, size=(LARGE, LARGE), mode=mode)
