"""False finds of the image mark: 10,000 unmarked or foreign pictures, attacked at random, none of which holds our mark.

    wherefrom bench marks_false --data DIR [--limit N --seed S] [--json]

Each is a square cut out of a picture of `DIR` or of a drawn icon, every second one marked with another key. By design
(`provenance/imagemark/read.py`) chance finds something in 10,000 pictures with a probability below 0.00001; this
checks that the code keeps to its design. It takes about half an hour on two cores: one process a core.
WHEREFROM_BENCH_KEPT=DIR keeps what was counted, so that a run which was cut off goes on; WHEREFROM_BENCH_SECONDS=N
begins nothing new after N seconds and says what has been counted.
"""

from __future__ import annotations

import functools
import json
import multiprocessing
import os
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.attacks_images import ATTACKS
from benchmarks.marks_images import KEY, pictures
from provenance.imagemark.keys import ImageMarkKey
from provenance.imagemark.marker import mark_picture
from provenance.imagemark.read import LIMIT, find

__all__ = ["count_false", "run"]

PICTURES = 10_000
_FOREIGN = ImageMarkKey(b"f" * 32)
_SHARES = 200  # pieces of the work


def run(*, data: str | None = None, limit: int = 0, seed: int = 0, **_options: Any) -> dict[str, Any]:
    """Look for a mark where there is none.

    Returns:
        One JSON object: pictures looked at, false finds, the bound by design.
    """
    folder = data or str(Path(__file__).resolve().parents[2] / "shared" / "eval" / "photos_mixed")
    total = limit or PICTURES
    shares = {f"{seed} {n}": total // _SHARES + (n < total % _SHARES) for n in range(_SHARES)}
    counted = _Counted(os.environ.get("WHEREFROM_BENCH_KEPT"))
    jobs = [(folder, count, name) for name, count in shares.items() if count and not counted.has(name, count)]
    cores = (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()) or 1
    until = time.monotonic() + float(os.environ.get("WHEREFROM_BENCH_SECONDS") or "inf")
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        while jobs and time.monotonic() < until:
            jobs, now = jobs[2 * cores :], jobs[: 2 * cores]  # a pool takes all that it is given at once
            for name, count, found in pool.imap_unordered(_share_of, now):
                counted.add(name, count, found)
    rows = [(count, counted.found[name, count]) for name, count in shares.items() if counted.has(name, count)]
    looked = sum(count for count, _found in rows)
    return {"pictures": looked, "false finds": sum(found for _, found in rows), "bound by design": LIMIT * looked}


class _Counted:
    """What each share found; kept in a file where a folder is named."""

    def __init__(self, folder: str | None) -> None:
        self.found: dict[tuple[str, int], int] = {}
        self._file = Path(folder) / "marks_false.jsonl" if folder else None
        if self._file and self._file.exists():
            for line in self._file.read_text(encoding="utf-8").splitlines():
                name, count, found = json.loads(line)
                self.found[name, count] = found

    def has(self, name: str, count: int) -> bool:
        return (name, count) in self.found

    def add(self, name: str, count: int, found: int) -> None:
        self.found[name, count] = found
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as out:
                out.write(json.dumps([name, count, found]) + "\n")


def _share_of(job: tuple[str, int, str]) -> tuple[str, int, int]:
    folder, count, seed = job
    return seed, count, count_false(Path(folder), count, seed)


@functools.cache
def _covers(folder: Path) -> list[tuple[str, str, str, Any]]:
    """Read once a process."""
    return pictures(folder, 0, 0)


def count_false(folder: Path, count: int, seed: str) -> int:
    """How many of `count` pictures seem to hold a mark of a key that none was marked with."""
    import cv2

    cv2.setNumThreads(1)
    rng, chosen, found = random.Random(seed), _covers(folder), 0
    for n in range(count):
        pixels = rng.choice(chosen)[3]
        side = rng.randint(128, min(320, *pixels.shape[:2]))
        top, left = rng.randint(0, pixels.shape[0] - side), rng.randint(0, pixels.shape[1] - side)
        image = np.ascontiguousarray(pixels[top : top + side, left : left + side])
        if n % 2:
            image = np.asarray(mark_picture(Image.fromarray(image), rng.randrange(1 << 48), _FOREIGN))
        found += find(ATTACKS[rng.choice(list(ATTACKS))](image), [KEY.secret]) is not None
    return found
