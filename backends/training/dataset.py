"""The built data set as what training reads: latents, captions, styles. Made once per build, then only mapped.

Every picture of the training split comes in up to two forms: as it is, and with its hue turned, under the colour word
that it then has. A form has several captions; each step of training draws one. There are no mirrored forms: one prompt
with two pictures has a sketch of both on top of each other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backends.image.codec import Codec, from_rgba
from backends.image.condition import PLACES, Condition
from backends.image.generator import Generator
from backends.image.sketch import Sketch
from backends.image.text import MAX_WORDS, WIDTH, CaptionEncoder
from backends.training.data.names import colour_named
from backends.training.data.render import dominant_colour
from provenance.errors import NotFoundError, UsageError

__all__ = ["Batch", "PictureSet", "captions_of", "read_manifest", "turned_hue"]

_FORMS = 2  # raise it when forms or captions of a picture change: what was prepared before is then left aside
CAPTIONS = 4  # a form has at most so many
_BLURRED = 0.4  # the largest share of the sketch's hidden units that a training sample has to do without


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What one step of training sees. Its pictures are measured from what their condition sketches."""

    latents: Tensor  # (batch, PLACES, dims)
    condition: Condition

    def __len__(self) -> int:
        return len(self.latents)

    def dropped(self, generator: torch.Generator) -> Batch:
        """The same pictures, some of them told less."""
        return replace(self, condition=self.condition.dropped(generator))

    def loss(self, model: Generator, generator: torch.Generator) -> Tensor:
        """What the family makes small, a number a picture."""
        return model.loss(self.latents - self.condition.sketch, self.condition, generator)

    def critic_loss(self, model: Generator, generator: torch.Generator) -> Tensor:
        """What its critic makes small."""
        return model.critic_loss(self.latents - self.condition.sketch, self.condition, generator)


def read_manifest(folder: Path) -> list[dict[str, Any]]:
    """The rows of a built data set.

    Raises:
        NotFoundError: If there is none in this folder.
    """
    path = folder / "manifest.jsonl"
    if not path.is_file():
        raise NotFoundError(f"There is no data set in {folder}.", hint="Build it: wherefrom train data")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def captions_of(label: str, tags: list[str], colour: str) -> list[str]:
    """What a picture may be called.

    Example:
        >>> captions_of("fox", ["face", "animal"], "orange")
        ['fox', 'orange fox', 'fox, face, animal']
    """
    found = [label]
    if colour and not colour_named(label):
        found.append(f"{colour} {label}")
    if tags:
        found.append(f"{label}, {', '.join(tags[:2])}")
    return found[:CAPTIONS]


def turned_hue(rgba: NDArray[np.uint8], degrees: int) -> NDArray[np.uint8]:
    """The same picture with every hue turned; greys stay grey."""
    from PIL import Image

    hue, *rest = Image.fromarray(rgba[..., :3]).convert("HSV").split()
    hue = hue.point(lambda value: int(value + degrees * 256 / 360) % 256)
    colours = np.asarray(Image.merge("HSV", (hue, *rest)).convert("RGB"))
    return np.concatenate([colours, rgba[..., 3:]], axis=-1)


class PictureSet:
    """Forms, captions and styles of a split, ready for training.

    Args:
        folder: Of a built data set; what is prepared is kept in `folder/prepared-…`.
        plain: Leave out skin tones and flags: for short trainings, which could not learn them anyway.
        styles: Only these; none means all.
        known: The styles of weights that training goes on from; theirs are the first numbers.

    Raises:
        NotFoundError: If there is no data set in the folder.
        UsageError: If it has no such style.
    """

    def __init__(
        self,
        folder: Path,
        codec: Codec | None,
        encoder: CaptionEncoder,
        *,
        plain: bool = True,
        styles: tuple[str, ...] = (),
        known: list[str] | None = None,
    ) -> None:
        self._folder, self._codec, self._encoder, self._plain = folder, codec, encoder, plain
        self._rows = read_manifest(folder)
        there = list(dict.fromkeys(row["style"] for row in self._rows))
        if unknown := [style for style in styles if style not in there]:
            raise UsageError(f"The data set has no style “{unknown[0][:80]}”.", hint=f"It has: {', '.join(there)}.")
        self.styles = known or [style for style in there if style in styles or not styles]
        self.digest = hashlib.sha256((folder / "manifest.jsonl").read_bytes()).hexdigest()

    def rows(self, split: str) -> list[int]:
        """Which rows of the manifest belong to a split."""
        return [
            n
            for n, row in enumerate(self._rows)
            if row["split"] == split
            and row["style"] in self.styles
            and not (self._plain and (row["toned"] or row["group"] == "flags" or "flag for" in row["label"]))
        ]

    def row(self, n: int) -> dict[str, Any]:
        """One row of the manifest."""
        return self._rows[n]

    def pixels(self) -> NDArray[np.uint8]:
        """(pictures, 64, 64, 4), mapped."""
        found: NDArray[np.uint8] = np.load(self._folder / "pixels.npy", mmap_mode="r")
        return found

    def prepare(self, say: Callable[[str], None] = lambda _line: None, sketch: Sketch | None = None) -> Prepared:
        """Encode what training and validation need, unless it was done before."""
        made_of = (self.digest, self._codec_digest(), self._plain, self.styles, _FORMS)
        key = hashlib.sha256(repr(made_of).encode()).hexdigest()[:16]
        path = self._folder / f"prepared-{key}"
        if not (path / "done").is_file():
            path.mkdir(parents=True, exist_ok=True)
            self._prepare(path, say)
            (path / "done").touch()
        return Prepared(path, sketch)

    def _prepare(self, path: Path, say: Callable[[str], None]) -> None:
        assert self._codec is not None
        pixels, captions = self.pixels(), _Table()
        for split in ("train", "validation"):
            latents, forms = [], []
            for start in range(0, len(rows := self.rows(split)), 256):
                pictures = [form for n in rows[start : start + 256] for form in self._forms(n, pixels[n], split)]
                images = torch.from_numpy(np.stack([picture for picture, _, _ in pictures]))
                with torch.inference_mode():
                    latents.append(self._codec.encode(from_rgba(images)).to(torch.float16).numpy())
                forms += [(style, [captions.number(text) for text in texts]) for _, style, texts in pictures]
                say(f"{split}: {min(start + 256, len(rows)):,} of {len(rows):,} pictures")
            none = np.zeros((0, PLACES, self._codec.dims), dtype=np.float16)  # a small folder has no validation split
            np.save(path / f"{split}-latents.npy", np.concatenate([none, *latents]))
            padded = [[*texts, *[-1] * (CAPTIONS - len(texts))] for _, texts in forms]
            np.save(path / f"{split}-captions.npy", np.array(padded, dtype=np.int32).reshape(-1, CAPTIONS))
            np.save(path / f"{split}-styles.npy", np.array([style for style, _ in forms], dtype=np.int32))
        say(f"{len(captions.texts):,} captions")
        encoded = self._encoder.encode(captions.texts)
        np.save(path / "words.npy", encoded.words.to(torch.float16).numpy())
        np.save(path / "pooled.npy", encoded.pooled.to(torch.float16).numpy())

    def _forms(self, n: int, picture: NDArray[np.uint8], split: str) -> list[tuple[NDArray[np.uint8], int, list[str]]]:
        row = self._rows[n]
        style = self.styles.index(row["style"]) + 1
        texts = captions_of(row["label"], row["tags"], row["colour"])
        forms = [(np.asarray(picture), style, texts)]
        if split != "train":
            return forms
        if row["colour"] not in ("", "black", "white", "grey"):
            chosen = hashlib.sha256(f"hue\0{row['source']}".encode()).digest()[0]
            turned = turned_hue(np.asarray(picture), 45 + chosen * 270 // 255)
            colour = dominant_colour(turned)
            if colour not in ("", "black", "white", "grey", row["colour"]):
                label = row["label"].removeprefix(f"{colour_named(row['label'])} ")
                forms.append((turned, style, [f"{colour} {label}"]))
        return forms

    def _codec_digest(self) -> str:
        assert self._codec is not None
        parts = (self._codec.mean, self._codec.basis, self._codec.scale)
        return hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest()


class Prepared:
    """Encoded forms on disk. Which ones a step sees depends on the seed and the step alone.

    Args:
        path: Where they lie.
        sketch: Is told to each sample; without one, pictures are measured from zero.
    """

    def __init__(self, path: Path, sketch: Sketch | None = None) -> None:
        self._sketch = None if sketch is None else sketch.eval().requires_grad_(False)
        self._words = torch.from_numpy(np.load(path / "words.npy"))
        self._pooled = torch.from_numpy(np.load(path / "pooled.npy"))
        self._splits = {
            split: tuple(
                torch.from_numpy(np.load(path / f"{split}-{part}.npy")) for part in ("latents", "captions", "styles")
            )
            for split in ("train", "validation")
        }

    def __len__(self) -> int:
        return len(self._splits["train"][0])

    @property
    def dims(self) -> int:
        """Numbers of a place."""
        return int(self._splits["train"][0].shape[-1])

    def sample(self, size: int, generator: torch.Generator) -> Tensor:
        """Latents of `size` training forms at most, each once, fp32, measured from the sketch."""
        latents, captions, styles = self._splits["train"]
        rows = torch.randperm(len(latents), generator=generator)[:size]
        found = [
            self._batch(latents[some], captions[some, 0], styles[some], generator) for some in torch.split(rows, 256)
        ]
        return torch.cat([batch.latents - batch.condition.sketch for batch in found])

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """A training batch."""
        latents, captions, styles = self._splits["train"]
        rows = torch.randint(len(latents), (size,), generator=generator)
        lots = torch.rand(size, generator=generator)
        counts = (captions[rows] >= 0).sum(1)
        chosen = captions[rows, (lots * counts).long().clamp(max=CAPTIONS - 1)]
        return self._batch(latents[rows], chosen, styles[rows], generator)

    def validation(self, limit: int) -> Batch:
        """The same pictures every time, under their first caption."""
        latents, captions, styles = (part[:limit] for part in self._splits["validation"])
        return self._batch(latents, captions[:, 0], styles)

    def _batch(
        self, latents: Tensor, captions: Tensor, styles: Tensor, generator: torch.Generator | None = None
    ) -> Batch:
        at = captions.long()
        assert self._words.shape[1:] == (MAX_WORDS, WIDTH)
        told = Condition(
            words=self._words[at].float(),
            pooled=self._pooled[at].float(),
            style=styles.long(),
            sketch=torch.zeros(latents.shape),
        )
        if self._sketch is not None:
            left_out = None if generator is None else torch.rand(len(at), generator=generator) * _BLURRED
            with torch.no_grad():
                told = replace(told, sketch=self._sketch(told, left_out, generator))
        return Batch(latents=latents.float(), condition=told)


class _Table:
    """Texts with numbers, each once."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        if text not in self._numbers:
            self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return self._numbers[text]
