"""The same drawings, larger: what the upscaler learns from, and what it is measured on.

Only SVG art whose licence asks for no credit, without skin tones and flags. Which ones is decided by the hash of their
names; the concepts and cells that no picture family may see (`holdout.py`) are not trained on here either.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backends.training.data.archives import archive
from backends.training.data.drawings import Job, drawn_at, icons
from backends.training.data.holdout import Split, split_of
from backends.training.data.names import EmojiNames
from backends.training.data.sources import ArtSet, art_sets
from provenance.errors import BackendError

__all__ = ["STYLES", "held_out", "rendered"]

STYLES = ("noto", "noto blob", "fluent flat")
_MEASURED: tuple[Split, ...] = ("concept", "cell")


def rendered(
    folder: Path, cache: Path, *, size: int, count: int, held: int, say: Callable[[str], None]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], str]:
    """Training pictures, pictures of the validation split, both (n, size, size, 4) and mapped, and their digest.

    Rendered once into `folder`.

    Raises:
        BackendUnavailableError: If an archive cannot be fetched.
        BackendError: If nothing could be rendered.
    """
    note = folder / "note.json"
    asked = {"size": size, "count": count, "held": held, "styles": list(STYLES)}
    if not note.is_file() or json.loads(note.read_text(encoding="utf-8"))["asked"] != asked:
        folder.mkdir(parents=True, exist_ok=True)
        note.unlink(missing_ok=True)
        digest = hashlib.sha256()
        splits: tuple[tuple[Split, int], ...] = (("train", count), ("validation", held))
        for split, most in splits:
            found = [pixels for _job, pixels in _drawn((split,), most, cache, size)]
            if not found:
                raise BackendError("No picture could be rendered.", hint="Delete the folder of packages; try again.")
            say(f"{split}: {len(found):,} drawings of {size} x {size} pixels")
            for pixels in found:
                digest.update(np.ascontiguousarray(pixels).data)
            np.save(folder / f"{split}.npy", np.stack(found))
        note.write_text(json.dumps({"asked": asked, "digest": digest.hexdigest()}), encoding="utf-8")
    train, validation = (np.load(folder / f"{split}.npy", mmap_mode="r") for split in ("train", "validation"))
    return train, validation, json.loads(note.read_text(encoding="utf-8"))["digest"]


def held_out(cache: Path, *, size: int, count: int, seed: int = 0) -> list[tuple[str, NDArray[np.uint8]]]:
    """Names and pictures of concepts and cells that nothing here was trained on; `seed` chooses among them."""
    found = _drawn(_MEASURED, count, cache, size, salt=f"measured {seed}")
    return [(f"{job.naming.label} ({job.name})", pixels) for job, pixels in found]


def _drawn(
    splits: tuple[Split, ...], most: int, cache: Path, size: int, *, salt: str = "large"
) -> Iterator[tuple[Job, NDArray[np.uint8]]]:
    names = EmojiNames(cache)
    jobs = [(art, job) for art in _sets() for job in icons(art, archive(art, cache), names)]
    chosen = [
        (hashlib.sha256(f"{salt}\0{art.style}\0{job.name}".encode()).digest(), job)
        for art, job in jobs
        if not job.naming.toned and job.naming.group != "flags" and split_of(job.naming.concept, art.style) in splits
    ]
    left = most
    for _order, job in sorted(chosen, key=lambda pair: pair[0]):
        if not left:
            return
        pixels = drawn_at(job, size)
        if not isinstance(pixels, str):
            left -= 1
            yield job, pixels


def _sets() -> list[ArtSet]:
    return [art for art in art_sets(("emoji",), credit=False) if art.style in STYLES and art.form == "iconify"]
