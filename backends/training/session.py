"""One call of `wherefrom train`: from options to a data set, a codec, or a better family.

Layout of the training folder: `packages/` (archives), `pictures/` (the data set), `codec.safetensors`,
`sketch.safetensors`, and a folder for each family and the upscaler with `state.safetensors`, `log.jsonl`, `curve.png`,
`sheet.png` and `FAMILY.safetensors`, the model so far.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backends.digest import file_digest
from backends.image.codec import Codec, to_rgba
from backends.image.family import ENCODER
from backends.image.generator import Generator, seeded_noise, untold
from backends.image.packing import save
from backends.image.shipped import verified_path
from backends.image.sketch import Sketch
from backends.image.text import CaptionEncoder
from backends.training.codec import fit_transform, load_codec, refine, save_codec
from backends.training.data.build import Summary, build
from backends.training.data.own import read_own
from backends.training.data.sources import TIERS, Tier
from backends.training.dataset import PictureSet
from backends.training.finetune import Start, starting_point
from backends.training.loop import STATE, M, Progress, Trainer
from backends.training.recipes import Recipe, recipe
from backends.training.sheet import curve, sheet
from backends.training.sketch import SKETCH, load_sketch, save_sketch
from backends.training.upscaling import (
    UPSCALER,
    UPSCALER_PLAN,
    UPSCALER_STEPS,
    begin,
    export_upscaler,
    new_upscaler,
    pairs_of,
)
from provenance.errors import UsageError

__all__ = ["SHEET_PROMPTS", "Session"]

SHEET_PROMPTS = ("grinning face", "red heart", "fox", "house", "pizza", "car", "tree", "blue book")
_CODEC_STEPS = 1500
_TUNING_STEPS = 300


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
            case "upscaler":
                return self._upscaler()
            case family if self.options.folder:
                return self._tuned(recipe(family))
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

    def _tuned(self, chosen: Recipe) -> dict[str, Any]:
        """Go on from the shipped weights with a person's own pictures, as a style of their own."""
        source = Path(self.options.folder)
        style = self.options.style or source.resolve().name.lower()
        start = starting_point(verified_path(chosen.family), chosen, style)
        self.home = self.home / "own" / (re.sub(r"[^a-z0-9]+", "-", style.lower()).strip("-") or "style")
        count = read_own(source, self.home / "pictures", style=style, say=self._say)
        self._say(f"{count:,} pictures in the style “{style}”")
        save_codec(start.codec, self.home / "codec.safetensors")
        save_sketch(start.sketch, self.home / SKETCH, start.styles)
        plan = replace(chosen.plan, rate=chosen.plan.rate / 3, warmup=20)
        return self._family(replace(chosen, sizes=start.sizes, plan=plan, steps=_TUNING_STEPS), start)

    def _family(self, chosen: Recipe, start: Start | None = None) -> dict[str, Any]:
        pictures = self._pictures(known=start.styles if start else None)
        sketch = None if chosen.family == "sketch" else load_sketch(self.home / SKETCH, pictures.styles)
        prepared = pictures.prepare(self._say, sketch)
        model = chosen.build(prepared.dims, len(pictures.styles), self.options.seed)
        folder = self.home / chosen.family
        plan = replace(chosen.plan, seed=self.options.seed, data=self._made_of(pictures, chosen))
        if self.options.rate:
            plan = replace(plan, rate=self.options.rate, critic_rate=self.options.rate)
        if start is not None:
            model.load_state_dict(start.generator)
        elif not (folder / STATE).is_file():
            generator = torch.Generator().manual_seed(self.options.seed)
            model.prepare(prepared.sample(chosen.fitted_on, generator), generator)
        return self._trained(
            Trainer(model, prepared, folder, plan),
            chosen.family,
            self.options.steps or chosen.steps,
            lambda trainer, out: self._export(trainer, chosen, pictures, out),
        )

    def _upscaler(self) -> dict[str, Any]:
        folder = self.home / UPSCALER
        codec = load_codec(self.home / "codec.safetensors")
        pairs = pairs_of(folder / "drawings", self.home / "packages", codec, self._say)
        plan = replace(UPSCALER_PLAN, seed=self.options.seed, data=pairs.digest)
        if self.options.rate:
            plan = replace(plan, rate=self.options.rate)
        network = new_upscaler(self.options.seed)
        if not (folder / STATE).is_file():
            begin(network, pairs, self.options.seed)
        trainer = Trainer(network, pairs, folder, plan)
        return self._trained(
            trainer,
            UPSCALER,
            self.options.steps or UPSCALER_STEPS,
            lambda trainer, out: export_upscaler(trainer, pairs, out, _machine()),
        )

    def _trained(
        self, trainer: Trainer[M], name: str, steps: int, export: Callable[[Trainer[M], Path], Path]
    ) -> dict[str, Any]:
        """Train to the end, to the minute, or to a stop, with weights and pictures to look at on every save."""
        until = time.monotonic() + 60 * self.options.minutes if self.options.minutes else float("inf")

        def say(progress: Progress) -> None:
            self._say(
                f"{name} step {progress.step:,} of {steps:,}: loss {progress.loss:.4f}, "
                f"validation {progress.validation or float('nan'):.4f}, {progress.seconds:,.0f} s"
            )

        def look(trainer: Trainer[M]) -> None:
            export(trainer, trainer.folder)

        def enough() -> bool:
            return self._stop() or time.monotonic() > until

        trainer.run(steps, save_every=self.options.save_every, say=say, stop=enough, on_save=look)
        path = export(trainer, Path(self.options.out) if self.options.out else trainer.folder)
        return {"family": name, "steps": trainer.step, "seconds": round(trainer.seconds), "weights": str(path)}

    def _pictures(self, *, codec: bool = True, known: list[str] | None = None) -> PictureSet:
        fitted = load_codec(self.home / "codec.safetensors") if codec else None
        styles = tuple(style.strip() for style in (self.options.styles or "").split(",") if style.strip())
        return PictureSet(self.home / "pictures", fitted, self.encoder, styles=styles, known=known)

    def _made_of(self, pictures: PictureSet, chosen: Recipe) -> str:
        """What a checkpoint belongs to: pictures, styles, codec, and the sketch that the family draws beyond."""
        files = ["codec.safetensors"] + [SKETCH] * (chosen.family != "sketch")
        parts = [pictures.digest, *pictures.styles, *(file_digest(self.home / name, full=True) for name in files)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def _export(self, trainer: Trainer[Generator], chosen: Recipe, pictures: PictureSet, folder: Path) -> Path:
        """Weights, sheet and curve of the averaged weights as they are now."""
        codec = load_codec(self.home / "codec.safetensors")
        if isinstance(trainer.averaged, Sketch):
            save_sketch(trainer.averaged, self.home / SKETCH, pictures.styles)
        sketch = load_sketch(self.home / SKETCH, pictures.styles)
        meta = {
            "model": f"{chosen.family}-64",
            "dims": trainer.model.dims,
            "styles": pictures.styles,
            "sizes": chosen.sizes,
            "sketch": sketch.sizes,
            "steps": trainer.step,
            "batch": trainer.plan.batch,
            "seconds": round(trainer.seconds),
            "seed": trainer.plan.seed,
            "data": f"sha256:{pictures.digest}",
            "text_encoder": f"sha256:{self.encoder.digest}",
            "machine": _machine(),
        }
        path = folder / f"{chosen.family}.safetensors"
        if chosen.family == "sketch":
            path = self.home / SKETCH
        else:
            save(path, trainer.averaged, codec, sketch, meta)
        self._sheet(trainer.averaged, codec, sketch, pictures.styles, folder / "sheet.png")
        curve(folder / "curve.png", trainer.folder / "log.jsonl")
        return path

    def _sheet(self, model: Generator, codec: Codec, sketch: Sketch, styles: list[str], path: Path) -> None:
        """The same prompts in every style with the same seeds, so that two sheets can be laid side by side."""
        shown = len(styles)
        read = self.encoder.encode(list(SHEET_PROMPTS))
        condition = replace(
            untold(shown * len(SHEET_PROMPTS), codec.dims),
            words=read.words.repeat_interleave(shown, 0),
            pooled=read.pooled.repeat_interleave(shown, 0),
            style=torch.arange(1, shown + 1).repeat(len(SHEET_PROMPTS)),
        )
        with torch.inference_mode():
            if not isinstance(model, Sketch):
                condition = replace(condition, sketch=sketch.eval()(condition))
            noise = seeded_noise(list(range(len(condition))))
            latents = model.eval().sample(condition, noise, model.options_model(), lambda *_: None)
            pictures = to_rgba(codec.decode(latents + condition.sketch)).numpy()
        sheet(path, pictures, shown, list(SHEET_PROMPTS))


def _machine() -> str:
    return f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"


_SUMMARY = tuple(Summary.__slots__)
