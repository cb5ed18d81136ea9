"""The upscaler against a plain filter, on drawings that nothing here was trained on.

    wherefrom bench upscale --data DIR [--limit N --seed S] [--json]

`DIR` is a training folder (`packages/`, `codec.safetensors`). N held-out drawings are rendered
at 256 and at 512 pixels. Each is made small in two ways: "clean", by a filter, and "as drawn", through the codec and
disturbed as a generator's latents are. What comes back at 256 (the network, or Lanczos) and at 512 (that, and Lanczos
twice more, as pictures leave the house) is compared with the rendering: PSNR in dB over white and over black, SSIM
of the luminance over white. `sheets/upscale.png` lays them side by side.
"""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from backends.base import Picture
from backends.image.codec import Codec, from_rgba
from backends.image.enlarging import Enlarger
from backends.image.upscaler import straight
from backends.training.codec import load_codec
from backends.training.data.large import held_out
from backends.training.pairs import LARGE, as_drawn, made_small
from backends.training.sheet import sheet
from provenance.errors import NotFoundError
from provenance.imagemark.marker import enlarged

__all__ = ["psnr", "run", "ssim"]

_USUAL = 100
_DISTURBED = 0.3
_SHOWN = 4  # rows of the sheet
_WINDOW = 1.5  # sigma of the window of SSIM, in pixels

Pixels = NDArray[np.uint8]


def run(*, data: str | None, limit: int, seed: int) -> dict[str, Any]:
    """PSNR and SSIM by way of making small, size and means; seconds a picture.

    Raises:
        NotFoundError: If there is no training folder, or no codec in it.
        BackendUnavailableError: If the weights are missing, or the packages cannot be fetched.
    """
    if data is None:
        raise NotFoundError("Where the training folder lies must be said.", hint="wherefrom bench upscale --data DIR")
    codec, generator = load_codec(Path(data) / "codec.safetensors"), torch.Generator().manual_seed(seed)
    drawings = held_out(Path(data) / "packages", size=2 * LARGE, count=limit or _USUAL, seed=seed)
    if not drawings:
        raise NotFoundError("The packages hold no held-out drawing.", hint="wherefrom train data --home DIR")
    enlarger, scores, seconds, shown = Enlarger(), defaultdict[str, list[float]](list), [], list[Pixels]()
    enlarger.enlarge([_picture(np.zeros((64, 64, 4), dtype=np.uint8))])  # the weights load once
    for _name, truth in drawings:
        half = _resized(truth, LARGE)
        for way, small in _small(half, codec, generator):
            began = time.perf_counter()
            [made] = enlarger.enlarge([_picture(small)])
            seconds.append(time.perf_counter() - began)
            both = {"network": _array(made), "filter": _resized(small, LARGE)}
            for means, found in both.items():
                _score(scores, f"{way} 256 {means}", found, half)
                whole = enlarged(Image.fromarray(found if means == "network" else small))
                _score(scores, f"{way} 512 {means}", np.asarray(whole), truth)
            if len(shown) < _SHOWN * 4:
                shown += [_resized(small, LARGE, Image.Resampling.NEAREST), both["filter"], both["network"], half]
    sheets = Path(data) / "sheets" / "upscale.png"
    sheet(sheets, np.stack(shown), 4)
    return {
        "pictures": len(drawings),
        "scores": {name: float(np.mean(values)) for name, values in sorted(scores.items())},
        "seconds_median": float(np.median(seconds)),
        "seconds_longest": max(seconds),
        "weights": enlarger.identity().digest,
        "sheet": str(sheets),
    }


def psnr(one: Pixels, other: Pixels) -> float:
    """In dB, of two straight-alpha pictures, from their mean square difference on white and on black."""
    off = [np.square(_on(one, paper) - _on(other, paper)).mean() for paper in (0.0, 1.0)]
    return float(-10 * np.log10(max(float(np.mean(off)), 1e-10)))


def ssim(one: Pixels, other: Pixels) -> float:
    """Structural similarity of the luminance on white (Wang et al. 2004), with its Gaussian window.

    Example:
        >>> grey = np.full((32, 32, 4), 120, dtype=np.uint8)
        >>> round(ssim(grey, grey), 3)
        1.0
    """
    from scipy.ndimage import gaussian_filter

    x, y = (_on(picture, 1.0).mean(axis=2) for picture in (one, other))

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(gaussian_filter(values, _WINDOW, truncate=3.5))

    mx, my = mean(x), mean(y)
    vx, vy, both = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    first, second = 0.01**2, 0.03**2
    found = ((2 * mx * my + first) * (2 * both + second)) / ((mx**2 + my**2 + first) * (vx + vy + second))
    return float(found.mean())


def _score(scores: dict[str, list[float]], name: str, found: Pixels, truth: Pixels) -> None:
    scores[f"{name} psnr"].append(psnr(found, truth))
    scores[f"{name} ssim"].append(ssim(found, truth))


def _small(half: Pixels, codec: Codec, generator: torch.Generator) -> list[tuple[str, Pixels]]:
    """The picture at 64 pixels, clean and as drawn."""
    with torch.inference_mode():
        clean = made_small(from_rgba(torch.from_numpy(half.copy())[None]))
        soft = as_drawn(codec, clean, _DISTURBED, generator)
        return [("clean", straight(clean)[0].numpy()), ("as drawn", straight(soft)[0].numpy())]


def _resized(rgba: Pixels, side: int, how: Image.Resampling = Image.Resampling.LANCZOS) -> Pixels:
    """Colours weighted by alpha, as Pillow does it for RGBA."""
    return np.asarray(Image.fromarray(rgba).resize((side, side), how))


def _on(rgba: Pixels, paper: float) -> NDArray[np.float64]:
    values = rgba.astype(np.float64) / 255
    alpha = values[..., 3:]
    return np.asarray(values[..., :3] * alpha + paper * (1 - alpha))


def _picture(rgba: Pixels) -> Picture:
    return Picture(width=rgba.shape[1], height=rgba.shape[0], rgba=rgba.tobytes(), seed=0)


def _array(picture: Picture) -> Pixels:
    return np.frombuffer(picture.rgba, dtype=np.uint8).reshape(picture.height, picture.width, 4)
