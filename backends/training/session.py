"""One call of `wherefrom train`: from options to a data set, a codec, or a better family.

Layout of the training folder: `packages/` (archives), `pictures/` (the data set), `codec.safetensors`, and a folder for
each family with `state.safetensors`, `log.jsonl`, `curve.png`, `sheet.png` and `FAMILY.safetensors`, the model so far.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backends.image.codec import to_rgba
from backends.image.condition import Condition
from backends.image.family import ENCODER
from backends.image.generator import Generator, seeded_noise
from backends.image.packing import save
from backends.image.text import CaptionEncoder
from backends.training.codec import fit_transform, load_codec, refine, save_codec
from backends.training.data.build import Summary, build
from backends.training.data.sources import TIERS, Tier
from backends.training.dataset import PictureSet
from backends.training.loop import Progress, Trainer
from backends.training.recipes import Recipe, recipe
from backends.training.sheet import curve, sheet
from provenance.errors import UsageError

__all__ = ["SHEET_PROMPTS", "Session"]

SHEET_PROMPTS = ("grinning face", "red heart", "fox", "house", "pizza", "car", "tree", "blue book")
_CODEC_STEPS = 1500


class Session:
    """Runs what the options ask for."""

    def __init__(
        self, options: argparse.Namespace, say: Callable[[str], None], stop: Callable[[], bool] = lambda: False
    ) -> None:
        self.options, self._say, self._stop = options, say, stop
        self.home = Path(options.home)
        self.encoder = CaptionEncoder(Path(options.models) / ENCODER)

    def run(self) -> dict[str, Any]:
        """Do it; returns what a program wants to know about it."""
        if self.options.threads:
            torch.set_num_threads(self.options.threads)
        match self.options.what:
            case "data":
                return self._data()
            case "codec":
                return self._codec()
            case family:
                return self._family(recipe(family))

    def _data(self) -> dict[str, Any]:
        tiers: tuple[Tier, ...] = tuple(tier for tier in TIERS if tier in self.options.tiers.split(","))
        if not tiers or len(tiers) != len(set(self.options.tiers.split(","))):
            raise UsageError(f"--tiers takes {', '.join(TIERS)}, joined by commas.")
        found = build(
            self.home / "pictures", self.home / "packages", tiers=tiers, credit=not self.options.no_cc_by, say=self._say
        )
        return {name: str(getattr(found, name)) if name == "folder" else getattr(found, name) for name in _SUMMARY}

    def _codec(self) -> dict[str, Any]:
        pictures = self._pictures(codec=False)
        pixels = np.asarray(pictures.pixels())
        rows = pictures.rows("train")
        codec = fit_transform(pixels, rows, seed=self.options.seed)
        save_codec(codec, self.home / "codec.safetensors")
        refine(codec, pixels, rows, self.options.steps or _CODEC_STEPS, seed=self.options.seed, say=self._say)
        save_codec(codec, self.home / "codec.safetensors")
        return {"codec": str(self.home / "codec.safetensors")}

    def _family(self, chosen: Recipe) -> dict[str, Any]:
        pictures = self._pictures()
        prepared = pictures.prepare(self._say)
        model = chosen.build(prepared.dims, len(pictures.styles), self.options.seed)
        model.prepare(prepared.latents("train", 2000), torch.Generator().manual_seed(self.options.seed))
        folder = self.home / chosen.family
        trainer = Trainer(model, prepared, folder, _seeded_plan(chosen, self.options.seed))
        until = time.monotonic() + 60 * self.options.minutes if self.options.minutes else float("inf")
        steps = self.options.steps or chosen.steps

        def say(progress: Progress) -> None:
            self._say(
                f"{chosen.family} step {progress.step:,} of {steps:,}: loss {progress.loss:.4f}, "
                f"validation {progress.validation or float('nan'):.4f}, {progress.seconds:,.0f} s"
            )

        def look(trainer: Trainer) -> None:
            self._export(trainer, chosen, pictures, folder)

        def enough() -> bool:
            return self._stop() or time.monotonic() > until

        trainer.run(steps, save_every=self.options.save_every, say=say, stop=enough, on_save=look)
        path = self._export(trainer, chosen, pictures, Path(self.options.out) if self.options.out else folder)
        return {"family": chosen.family, "steps": trainer.step, "seconds": round(trainer.seconds), "weights": str(path)}

    def _pictures(self, *, codec: bool = True) -> PictureSet:
        fitted = load_codec(self.home / "codec.safetensors") if codec else None
        return PictureSet(self.home / "pictures", fitted, self.encoder)

    def _export(self, trainer: Trainer, chosen: Recipe, pictures: PictureSet, folder: Path) -> Path:
        """Weights, sheet and curve of the averaged weights as they are now."""
        codec = load_codec(self.home / "codec.safetensors")
        meta = {
            "model": f"{chosen.family}-64",
            "dims": trainer.model.dims,
            "styles": pictures.styles,
            "sizes": chosen.sizes,
            "steps": trainer.step,
            "batch": trainer.plan.batch,
            "seconds": round(trainer.seconds),
            "seed": trainer.plan.seed,
            "data": f"sha256:{pictures.digest}",
            "text_encoder": f"sha256:{self.encoder.digest}",
            "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}",
        }
        path = folder / f"{chosen.family}.safetensors"
        save(path, trainer.averaged, codec, meta)
        self._sheet(trainer.averaged, codec, pictures.styles, folder / "sheet.png")
        curve(folder / "curve.png", trainer.folder / "log.jsonl")
        return path

    def _sheet(self, model: Generator, codec: Any, styles: list[str], path: Path) -> None:
        """The same prompts in every style with the same seeds, so that two sheets can be laid side by side."""
        shown = len(styles)
        read = self.encoder.encode(list(SHEET_PROMPTS))
        condition = Condition(
            words=read.words.repeat_interleave(shown, 0),
            pooled=read.pooled.repeat_interleave(shown, 0),
            style=torch.arange(1, shown + 1).repeat(len(SHEET_PROMPTS)),
        )
        with torch.inference_mode():
            noise = seeded_noise(list(range(len(condition))))
            latents = model.eval().sample(condition, noise, model.options_model(), lambda *_: None)
            pictures = to_rgba(codec.decode(latents)).numpy()
        model.train()
        sheet(path, pictures, shown, list(SHEET_PROMPTS))


def _seeded_plan(chosen: Recipe, seed: int) -> Any:
    from dataclasses import replace

    return replace(chosen.plan, seed=seed)


_SUMMARY = tuple(Summary.__slots__)
