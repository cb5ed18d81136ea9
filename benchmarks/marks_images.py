"""The image mark against every attack alone and in pairs, side by side with DWT-DCT, DWT-DCT-SVD and RivaGAN.

    wherefrom bench marks --images DIR [--limit N --seed S] [--json]

`DIR` holds pictures (PNG, JPEG, WebP; default `../shared/eval/photos_mixed`). Besides, pictures of the five shipped
generators are made here under fixed captions and seeds and enlarged as they are when they leave, transparent where
nothing is drawn: attacked is what they look like on white paper. And flat icons on plain backgrounds are drawn. The
mark's constants were chosen while looking at the first, third, fifth ... picture by name, and at icons of another hand
(`tuned on`); the others are `not seen`. A find counts only if all 48 bits are right. The other three carry 32 bits,
which they give back without saying whether there was a mark at all; a find of theirs is 32 right bits of 32.

They need the package `invisible-watermark` (`pip install --no-deps invisible-watermark PyWavelets`: its own
requirement of `opencv-python` would overwrite the headless one); without it only our own numbers come back.
They are measured, side by side with ours, on every fifth picture, made smaller. `--limit N` takes N pictures of each
kind and N pairs a picture. False finds are counted by `wherefrom bench marks_false`.
"""

from __future__ import annotations

import random
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks.attacks_images import ATTACKS, FAMILIES
from benchmarks.generated import generated
from provenance.errors import UsageError
from provenance.imagemark.embed import psnr
from provenance.imagemark.keys import ImageMarkKey
from provenance.imagemark.marker import enlarged, mark_picture
from provenance.imagemark.picture import PictureError, open_picture, small_view
from provenance.imagemark.read import find

__all__ = ["KEY", "pictures", "run"]

Pixels = NDArray[np.uint8]
ICONS = 16
GENERATED = 5  # of each family
PAIRS = 10  # a picture
SMALL = 3  # icons
RIVAL_EVERY = 5  # RivaGAN takes seconds a picture
RIVAL_PAIRS = 3
RIVAL_PIXELS = 512 * 512  # of four megapixels, twice as large by an attack, RivaGAN fills 24 GiB of memory
KEY = ImageMarkKey(bytes(range(32)))
_KINDS = {".png", ".jpg", ".jpeg", ".webp"}
_BACKGROUNDS = ((255, 255, 255), (250, 248, 240), (20, 24, 32), (236, 240, 246), (255, 214, 102), (120, 190, 240))


def run(*, data: str | None = None, limit: int = 0, seed: int = 0, **_options: Any) -> dict[str, Any]:
    """Mark, attack, read.

    Returns:
        One JSON object. `ours`: PSNR, SSIM, share of right finds by attack alone and by pair, by split; milliseconds.
        `side by side`: the same of ours and of each rival on a part of the pictures. `small`: our share of right finds
        by the size a picture is delivered in.
    """
    folder = Path(data) if data else Path(__file__).resolve().parents[2] / "shared" / "eval" / "photos_mixed"
    chosen = pictures(folder, limit, seed)
    drawn = generated(min(limit, GENERATED) if limit else GENERATED, seed)
    chosen += [("generated", "not seen", name, pixels) for name, pixels in drawn]
    result: dict[str, Any] = {"pictures": len(chosen), "folder": folder.name, "attacks": sorted(ATTACKS)}
    schemes: dict[str, _Scheme] = {"ours": _Ours()} | _rivals()
    pairs = limit or PAIRS
    result["ours"] = _measured(schemes["ours"], chosen, pairs, seed)
    some = [(kind, split, name, _reduced(pixels)) for kind, split, name, pixels in chosen[::RIVAL_EVERY]]
    if len(schemes) > 1:
        result["side by side"] = {
            name: _measured(scheme, some, min(pairs, RIVAL_PAIRS), seed) for name, scheme in schemes.items()
        }
    result["small"] = _small(limit)
    if len(schemes) == 1:
        result["rivals"] = "not measured: pip install --no-deps invisible-watermark PyWavelets"
    return result


class _Scheme:
    """One way to mark."""

    def mark(self, image: Pixels, number: int) -> Pixels:
        raise NotImplementedError

    def right(self, image: Pixels, number: int) -> bool:
        raise NotImplementedError


class _Ours(_Scheme):
    def mark(self, image: Pixels, number: int) -> Pixels:
        return np.asarray(mark_picture(Image.fromarray(image), number, KEY))  # RGBA stays RGBA

    def right(self, image: Pixels, number: int) -> bool:
        found = find(np.asarray(small_view(Image.fromarray(image))), [KEY.secret])
        return found is not None and found.number == number


class _Rival(_Scheme):
    """One of `invisible-watermark`, with 32 bits. What it cannot take in or raises on counts as not found."""

    def __init__(self, method: str) -> None:
        from imwatermark import WatermarkDecoder, WatermarkEncoder

        if method == "rivaGan":
            WatermarkEncoder.loadModel()
            WatermarkDecoder.loadModel()
        self._method, self._encoder, self._decoder = method, WatermarkEncoder, WatermarkDecoder

    def mark(self, image: Pixels, number: int) -> Pixels:
        image = on_paper(image)
        encoder = self._encoder()
        encoder.set_watermark("bytes", (number & 0xFFFFFFFF).to_bytes(4, "big"))
        marked: Pixels = encoder.encode(np.ascontiguousarray(image[..., ::-1]), self._method)[..., ::-1]
        return np.ascontiguousarray(marked)

    def right(self, image: Pixels, number: int) -> bool:
        decoder = self._decoder("bytes", 32)
        try:
            said = decoder.decode(np.ascontiguousarray(image[..., ::-1]), self._method)
        except (RuntimeError, ValueError, IndexError):  # it raises these on sizes that it does not expect
            return False
        return bytes(said) == (number & 0xFFFFFFFF).to_bytes(4, "big")


def _rivals() -> dict[str, _Scheme]:
    try:
        return {"DWT-DCT": _Rival("dwtDct"), "DWT-DCT-SVD": _Rival("dwtDctSvd"), "RivaGAN": _Rival("rivaGan")}
    except ImportError:
        return {}


def pictures(folder: Path, limit: int, seed: int) -> list[tuple[str, str, str, Pixels]]:
    """(kind, split, name, pixels): those of a folder, and drawn icons."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _KINDS)
    if not paths:
        raise UsageError(f"There are no pictures in {folder.name}.", hint="Name a folder of PNG, JPEG or WebP files.")
    found = []
    for at, path in enumerate(paths):
        try:
            with open_picture(path.read_bytes()) as image:
                pixels = np.asarray(small_view(image))
        except PictureError:
            continue
        if min(pixels.shape[:2]) >= 128:
            found.append(("photo", "tuned on" if at % 2 == 0 else "not seen", path.stem, pixels))
    if limit:
        found = random.Random(seed).sample(found, min(limit, len(found)))
    drawn = [
        ("icon", "tuned on" if n % 2 == 0 else "not seen", f"icon {n}", np.asarray(_icon(n)))
        for n in range(min(limit, ICONS) if limit else ICONS)
    ]
    return found + drawn


def _reduced(pixels: Pixels) -> Pixels:
    """On white paper, with no more than `RIVAL_PIXELS`."""
    image = Image.fromarray(on_paper(pixels))
    factor = (RIVAL_PIXELS / (image.width * image.height)) ** 0.5
    size = (round(image.width * factor), round(image.height * factor))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS) if factor < 1 else image)


def on_paper(pixels: Pixels) -> Pixels:
    """As it looks on white paper: RGB."""
    return np.asarray(small_view(Image.fromarray(pixels))) if pixels.shape[2] == 4 else pixels


def opacity(pixels: Pixels) -> Pixels | None:
    """Where it can be seen; None: everywhere."""
    return np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None


def _icon(seed: int, size: int = 512) -> Image.Image:
    """Flat shapes on a plain background, smooth at the edges."""
    rng = random.Random(seed)
    big = 3 * size
    image = Image.new("RGB", (big, big), _BACKGROUNDS[seed % len(_BACKGROUNDS)])
    pen = ImageDraw.Draw(image)
    for _ in range(rng.randint(3, 8)):
        x, y = rng.uniform(0.1, 0.9) * big, rng.uniform(0.1, 0.9) * big
        a, b = rng.uniform(0.05, 0.3) * big, rng.uniform(0.05, 0.3) * big
        colour = (rng.randint(20, 235), rng.randint(20, 235), rng.randint(20, 235))
        match rng.randrange(4):
            case 0:
                pen.ellipse((x - a, y - b, x + a, y + b), fill=colour)
            case 1:
                pen.rounded_rectangle((x - a, y - b, x + a, y + b), radius=0.3 * min(a, b), fill=colour)
            case 2:
                pen.regular_polygon((x, y, min(a, b)), rng.randint(3, 8), fill=colour)
            case _:
                pen.arc((x - a, y - a, x + a, y + a), rng.randint(0, 180), rng.randint(200, 360), colour, big // 30)
    return image.resize((size, size), Image.Resampling.LANCZOS)


def _number(name: str) -> int:
    return KEY.number(name)


def _measured(
    scheme: _Scheme, pictures: Sequence[tuple[str, str, str, Pixels]], pairs: int, seed: int
) -> dict[str, Any]:
    alone: dict[str, list[bool]] = defaultdict(list)
    paired: dict[str, list[bool]] = defaultdict(list)
    splits: dict[str, list[bool]] = defaultdict(list)
    levels, likeness, embedding, reading = [], [], [], []
    missed: list[str] = []
    for kind, split, name, before in pictures:
        number = _number(name)
        began = time.perf_counter()
        after = scheme.mark(before, number)
        embedding.append(time.perf_counter() - began)
        before, after, seen = on_paper(before), on_paper(after), opacity(before)
        levels.append(psnr(before, after, seen))
        likeness.append(_ssim(before, after))
        for attack in ["none", *ATTACKS]:
            image = after if attack == "none" else ATTACKS[attack](after)
            began = time.perf_counter()
            right = scheme.right(image, number)
            reading.append(time.perf_counter() - began)
            alone[attack].append(right)
            splits[f"{kind}, {split}: alone"].append(right)
            if not right:
                missed.append(f"{name}: {attack}")
        for first, second in _pairs(random.Random(f"{seed} {name}"), pairs):
            right = scheme.right(ATTACKS[second](ATTACKS[first](after)), number)
            paired[f"{FAMILIES[first]} + {FAMILIES[second]}"].append(right)
            splits[f"{kind}, {split}: pairs"].append(right)
            if not right:
                missed.append(f"{name}: {first} + {second}")
    return {
        "psnr least": round(min(levels), 2),
        "psnr mean": round(statistics.fmean(levels), 2),
        "ssim least": round(min(likeness), 4),
        "ssim mean": round(statistics.fmean(likeness), 4),
        "alone": _share(right for rights in alone.values() for right in rights),
        "pairs": _share(right for rights in paired.values() for right in rights),
        "pairs tried": sum(len(rights) for rights in paired.values()),
        "by attack": {name: _share(rights) for name, rights in alone.items()},
        "by pair": {name: _share(rights) for name, rights in sorted(paired.items())},
        "by split": {name: _share(rights) for name, rights in sorted(splits.items())},
        "embed ms median": round(1000 * statistics.median(embedding)),
        "read ms median": round(1000 * statistics.median(reading)),
        "missed": missed[:200],
    }


def _pairs(rng: random.Random, count: int) -> Iterator[tuple[str, str]]:
    """Two attacks of different families, in either order."""
    made = 0
    while made < count:
        first, second = rng.choice(list(ATTACKS)), rng.choice(list(ATTACKS))
        if FAMILIES[first] != FAMILIES[second]:
            made += 1
            yield first, second


def _share(rights: Any) -> float:
    rights = list(rights)
    return round(sum(rights) / len(rights), 4) if rights else 0.0


def _small(limit: int) -> dict[str, Any]:
    """Icons drawn at 64 pixels and delivered at several sizes: alone under each attack."""
    count = min(limit, SMALL) if limit else SMALL
    found: dict[str, Any] = {}
    for size in (128, 256, 512):
        rights: list[bool] = []
        for n in range(count):
            before = enlarged(_icon(100 + n, 64), size)
            after = np.asarray(mark_picture(before, _number(str(n)), KEY))
            rights += [_Ours().right(attack(after), _number(str(n))) for attack in ATTACKS.values()]
        found[f"{size} px"] = _share(rights)
    return found


def _ssim(before: Pixels, after: Pixels) -> float:
    """Structural similarity of the luma (Wang et al. 2004), Gaussian window of 1.5 pixels."""
    import cv2

    from provenance.imagemark.plane import brightness

    def mean(plane: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(plane, (11, 11), 1.5))

    a, b = brightness(before).astype(np.float64), brightness(after).astype(np.float64)
    ma, mb = mean(a), mean(b)
    va, vb, both = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float(np.mean((2 * ma * mb + c1) * (2 * both + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2))))
