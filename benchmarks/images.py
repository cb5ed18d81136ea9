"""The picture generators on held-out captions, with real, blurred and noisy pictures in the same table.

    wherefrom bench images --data DIR [--limit N --seed S] [--json]

`DIR` is a training folder (`wherefrom train data` made `pictures/` in it). Every family that has weights draws one
picture for each of N held-out pictures (concept or cell) of the styles it knows, under its caption and style. Distances
are taken in features of EfficientNet-Lite0, which no model here was trained on; whether a picture shows its caption is
judged by a scorer that was trained on the training split alone (`image_scorer.py`); copies are looked for there too.
Only one half of the held-out concepts is measured (`reported`): the options' defaults were chosen on the other one.
"""

from __future__ import annotations

import hashlib
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.base import BackendContext, HasLikelihood, ImageBackend, ImageRequest, Picture
from backends.image.family import ENCODER
from backends.registry import load_image
from backends.training.data.render import dominant_colour
from backends.training.dataset import PictureSet
from benchmarks.image_features import extractor
from benchmarks.image_metrics import Features, copies, kid, manifold
from benchmarks.image_scorer import Scorer, auc, found_among
from provenance.errors import NotFoundError
from ui.settings import load_settings

__all__ = ["reported", "run"]

FAMILIES = ("diffusion", "autoregressive", "flow", "vae", "gan")
_CHROMATIC = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
_KNOWN = 4000  # training pictures that copies are looked for in and the scorer learns from
_LIKELIHOODS = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """What everything is measured with."""

    rows: list[dict[str, Any]]  # held-out rows of the manifest
    pixels: NDArray[np.uint8]  # their pictures
    real: Features
    known: Features  # of training pictures
    captions: Features  # of the held-out labels
    scorer: Scorer
    extract: Any
    seed: int

    @property
    def concepts(self) -> list[str]:
        return [str(row["concept"]) for row in self.rows]

    def row(self, drawn: Features) -> dict[str, Any]:
        """The numbers of one line of the table; `drawn` belongs to `rows`, one each."""
        scores = self.scorer.scores(drawn, self.captions)
        return {
            **_distances(self.real, drawn, self.known),
            "scorer_auc": auc(scores, self.concepts),
            "scorer_r10_of_200": found_among(scores, self.concepts),
        }


def run(*, data: str | None, limit: int, seed: int) -> dict[str, Any]:
    """One row a family and three for real, blurred and noisy pictures.

    Raises:
        NotFoundError: If there is no data set.
    """
    if data is None:
        raise NotFoundError("Where the training folder lies must be said.", hint="wherefrom bench images --data DIR")
    settings = load_settings()
    context = BackendContext(models_dir=str(settings.models), runtime_dir=str(settings.home))
    families = [backend for name in FAMILIES if not (backend := load_image(name, context)).available()]
    from backends.image.text import CaptionEncoder

    encoder = CaptionEncoder(settings.models / ENCODER)
    styles = tuple(families[0].styles()) if families else ()
    pictures = PictureSet(Path(data) / "pictures", None, encoder, styles=styles)
    asked, other = _asked(pictures, encoder, limit or 2000, seed)
    rows: dict[str, Any] = {"real": asked.row(asked.real)}
    # Against themselves the real ones would be perfect: their distances are those of other real pictures.
    rows["real"] |= _distances(asked.real, asked.extract(other), asked.known)
    generator = np.random.default_rng(seed)
    for name, spoil in (("blurred", _blurred), ("noisy", _noisy)):
        rows[name] = asked.row(asked.extract(np.stack([spoil(picture, generator) for picture in asked.pixels])))
    for backend in families:
        rows[backend.name] = _family(backend, asked)
    return {"pictures": len(asked.rows), "styles": list(styles), "rows": rows, "data": pictures.digest}


def reported(concept: str) -> bool:
    """Whether a held-out concept is measured here: where its SHA-256 is odd. On the even half defaults are chosen.

    Example:
        >>> [name for name in ("fox", "key", "owl", "bus") if reported(name)]
        ['key', 'owl']
    """
    return hashlib.sha256(concept.encode()).digest()[-1] % 2 == 1


def _asked(pictures: PictureSet, encoder: Any, count: int, seed: int) -> tuple[_Asked, NDArray[np.uint8]]:
    """The held-out pictures with all that measures against them, and as many training pictures for the real row."""
    extract, pixels, generator = extractor(), pictures.pixels(), np.random.default_rng(seed)
    unseen = [*pictures.rows("concept"), *pictures.rows("cell")]
    held = generator.permutation([n for n in unseen if reported(pictures.row(n)["concept"])]).tolist()[:count]
    train = generator.permutation(pictures.rows("train")).tolist()
    other, seen = train[: len(held)], train[len(held) :][:_KNOWN]
    known = extract(np.stack([pixels[n] for n in seen]))
    rows, seen_rows = [pictures.row(n) for n in held], [pictures.row(n) for n in seen]

    def read(of: list[dict[str, Any]]) -> Features:
        return np.asarray(encoder.encode([row["label"] for row in of]).pooled.numpy())

    asked = _Asked(
        rows=rows,
        pixels=np.stack([pixels[n] for n in held]),
        real=extract(np.stack([pixels[n] for n in held])),
        known=known,
        captions=read(rows),
        scorer=Scorer(known, read(seen_rows), [str(row["concept"]) for row in seen_rows], seed=seed),
        extract=extract,
        seed=seed,
    )
    return asked, np.stack([pixels[n] for n in other])


def _family(backend: ImageBackend, asked: _Asked) -> dict[str, Any]:
    drawn, seconds, right, coloured = [], [], 0, 0
    styles = backend.styles()
    for n, row in enumerate(asked.rows):
        style = row["style"] if row["style"] in styles else ""
        began = time.perf_counter()
        [picture] = backend.draw(ImageRequest(prompt=row["label"], style=style, seed=asked.seed + n))
        seconds.append(time.perf_counter() - began)
        drawn.append(_array(picture))
        first = row["label"].split(" ")[0]
        if first in _CHROMATIC:
            coloured += 1
            right += dominant_colour(drawn[-1]) == first
    found = asked.row(asked.extract(np.stack(drawn)))
    began = time.perf_counter()
    backend.draw(ImageRequest(prompt="fox", seed=asked.seed, count=16))
    found["seconds_of_16_at_once"] = time.perf_counter() - began
    found["seconds_median"] = float(np.median(seconds))
    found["memory_mib_so_far"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    found["right_colour"] = right / coloured if coloured else None
    if isinstance(backend, HasLikelihood):
        real = [_picture(pixels) for pixels in asked.pixels[:_LIKELIHOODS]]
        bits = [
            backend.bits_per_dim(picture, prompt=row["label"], style=row["style"])
            for picture, row in zip(real, asked.rows, strict=False)
        ]
        found["bits_per_dim"] = float(np.mean(bits))
    found["weights"] = backend.identity().digest
    return found


def _picture(pixels: NDArray[np.uint8]) -> Picture:
    return Picture(width=pixels.shape[1], height=pixels.shape[0], rgba=pixels.tobytes(), seed=0)


def _distances(real: Features, drawn: Features, known: Features) -> dict[str, Any]:
    k = min(5, len(real) - 1, len(drawn) - 1)
    return {
        "kid_x1000": 1000 * kid(real, drawn),
        **manifold(real, drawn, k=k),
        "copy_rate": copies(known, drawn)["rate"],
    }


def _array(picture: Picture) -> NDArray[np.uint8]:
    return np.frombuffer(picture.rgba, dtype=np.uint8).reshape(picture.height, picture.width, 4)


def _blurred(rgba: NDArray[np.uint8], _generator: np.random.Generator) -> NDArray[np.uint8]:
    from PIL import Image, ImageFilter

    return np.asarray(Image.fromarray(rgba).filter(ImageFilter.GaussianBlur(1)))


def _noisy(rgba: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    noise = generator.normal(0, 25.5, rgba.shape)
    noise[..., 3] = 0
    return np.asarray(np.clip(rgba + noise, 0, 255), dtype=np.uint8)
