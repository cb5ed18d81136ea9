"""Fetch, render, caption: the data set on this disk, the same bytes on every machine.

A folder with `pixels.npy` (uint8, N x 64 x 64 x 4, straight alpha), `manifest.jsonl` (a line a picture: caption, tags,
style, concept, split, source, licence, author, digest of its pixels) and `summary.json`, whose `digest` is that of the
manifest and so names every pixel.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.training.data.archives import archive
from backends.training.data.drawings import Job, codepoints, drawn_at, icons
from backends.training.data.holdout import split_of
from backends.training.data.names import EmojiNames, colour_named
from backends.training.data.render import SIZE, dominant_colour
from backends.training.data.sources import ArtSet, Tier, art_sets
from provenance.errors import BackendError

__all__ = ["Summary", "build"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """What was built."""

    folder: Path
    digest: str  # SHA-256 of the manifest
    pictures: int
    captions: int
    styles: int
    dropped: dict[str, int]
    splits: dict[str, int]
    licences: dict[str, int]


def build(
    folder: Path,
    cache: Path,
    *,
    tiers: tuple[Tier, ...] = ("emoji", "colour", "mono"),
    credit: bool = True,
    processes: int = 2,
    say: Callable[[str], None] = lambda _line: None,
) -> Summary:
    """Build the data set in `folder`. A set that was rendered before is taken from `cache`.

    Args:
        credit: With False no CC-BY art: only CC0, MIT and Apache.

    Raises:
        BackendUnavailableError: If an archive cannot be fetched.
    """
    names = EmojiNames(cache)
    rows: list[dict[str, Any]] = []
    pixels: list[NDArray[np.uint8]] = []
    dropped: Counter[str] = Counter()
    with ProcessPoolExecutor(processes) as pool:
        for art in art_sets(tiers, credit=credit):
            found_rows, found_pixels, why = _one_set(art, names, cache, pool)
            rows += found_rows
            pixels.append(found_pixels)
            dropped += why
            say(f"{art.style}: {len(found_rows):,} pictures")
    if not rows:
        raise BackendError("No picture could be rendered.", hint="Delete the cache and try again.")
    return _write(folder, rows, np.concatenate(pixels), dropped)


def _one_set(
    art: ArtSet, names: EmojiNames, cache: Path, pool: ProcessPoolExecutor
) -> tuple[list[dict[str, Any]], NDArray[np.uint8], Counter[str]]:
    kept = cache / "rendered" / f"{art.file}.{_code_digest()}.npz"
    if not kept.is_file():
        path = archive(art, cache)
        jobs = list(icons(art, path, names) if art.form == "iconify" else codepoints(path, names))
        rows, pictures, why = [], [], Counter[str]()
        for job, drawn in zip(jobs, pool.map(drawn_at, jobs, chunksize=32), strict=True):
            if isinstance(drawn, str):
                why[drawn] += 1
            else:
                rows.append(_row(art, job, drawn))
                pictures.append(drawn)
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial.npz")
        note = np.frombuffer(json.dumps({"rows": rows, "dropped": why}).encode(), dtype=np.uint8)
        np.savez_compressed(partial, pixels=np.stack(pictures), note=note)
        partial.replace(kept)
    with np.load(kept) as saved:
        note = json.loads(saved["note"].tobytes())
        return note["rows"], saved["pixels"], Counter(note["dropped"])


def _row(art: ArtSet, job: Job, drawn: NDArray[np.uint8]) -> dict[str, Any]:
    naming = job.naming
    label = f"{job.tint} {naming.label}" if job.tint else naming.label
    return {
        "label": label,
        "tags": list(naming.tags),
        "style": art.style,
        "concept": naming.concept,
        "colour": job.tint or colour_named(label) or dominant_colour(drawn),
        "group": naming.group,
        "toned": naming.toned,
        "split": split_of(naming.concept, art.style),
        "tier": art.tier,
        "source": f"{art.package}@{art.version}#{job.name}",
        "licence": art.licence,
        "author": art.author,
        "sha256": hashlib.sha256(drawn.tobytes()).hexdigest(),
    }


def _write(folder: Path, rows: list[dict[str, Any]], pixels: NDArray[np.uint8], dropped: Counter[str]) -> Summary:
    folder.mkdir(parents=True, exist_ok=True)
    if pixels.shape != (len(rows), SIZE, SIZE, 4):
        raise BackendError("Pictures and manifest do not agree.", hint="Delete the cache and build again.")
    text = "".join(json.dumps(row, sort_keys=True, ensure_ascii=False) + "\n" for row in rows)
    summary = Summary(
        folder=folder,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        pictures=len(rows),
        captions=len({row["label"] for row in rows}),
        styles=len({row["style"] for row in rows}),
        dropped=dict(dropped),
        splits=dict(Counter(row["split"] for row in rows)),
        licences=dict(Counter(row["licence"] for row in rows)),
    )
    np.save(folder / "pixels.npy", pixels)
    (folder / "manifest.jsonl").write_text(text, encoding="utf-8")
    shown = {name: getattr(summary, name) for name in Summary.__slots__ if name != "folder"}
    (folder / "summary.json").write_text(json.dumps(shown, indent=1, sort_keys=True), encoding="utf-8")
    return summary


def _code_digest() -> str:
    """Changes when the code that draws and names does: a stale rendering must not be taken."""
    here = Path(__file__).parent
    names = ("build.py", "drawings.py", "names.py", "render.py", "holdout.py")
    return hashlib.sha256(b"".join((here / name).read_bytes() for name in names)).hexdigest()[:12]
