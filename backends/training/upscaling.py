"""How the upscaler is built and trained; a larger one is a matter of its sizes and steps."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from backends.image.codec import Codec
from backends.image.packing import save_upscaler
from backends.image.upscaler import Upscaler, straight
from backends.training.data.large import rendered
from backends.training.loop import Plan, Trainer
from backends.training.pairs import LARGE, MEASURED, DrawingPairs
from backends.training.sheet import curve, sheet

__all__ = ["UPSCALER", "UPSCALER_PLAN", "UPSCALER_STEPS", "export_upscaler", "new_upscaler", "pairs_of"]

UPSCALER = "upscaler"  # its name: of the command, the folder, the file
UPSCALER_PLAN = Plan(batch=16, rate=2e-3, warmup=50, ema=0.99, decay=0.0)
UPSCALER_STEPS = 2000
_DRAWINGS = 1500
_SHOWN = 4


def new_upscaler(seed: int) -> Upscaler:
    """A new network; the same seed gives the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Upscaler()


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
    return torch.nn.functional.interpolate(small, size=(LARGE, LARGE), mode=mode)
