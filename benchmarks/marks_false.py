"""False finds of the image mark: 10,000 unmarked or foreign pictures, attacked at random, none of which holds our mark.

    wherefrom bench marks_false --data DIR [--limit N --seed S] [--json]

Each is a square cut out of a picture of `DIR` or of a drawn icon, every second one marked with another key. By design
(`provenance/imagemark/read.py`) chance finds something in 10,000 pictures with a probability below 0.00001; this
checks that the code keeps to its design. It takes about half an hour on two cores: one process a core.
"""

from __future__ import annotations

import multiprocessing
import os
import random
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
_SHARES = 50  # pieces of the work


def run(*, data: str | None = None, limit: int = 0, seed: int = 0, **_options: Any) -> dict[str, Any]:
    """Look for a mark where there is none.

    Returns:
        One JSON object: pictures looked at, false finds, the bound by design.
    """
    folder = data or str(Path(__file__).resolve().parents[2] / "shared" / "eval" / "photos_mixed")
    total = limit or PICTURES
    jobs = [(folder, total // _SHARES + (n < total % _SHARES), f"{seed} {n}") for n in range(_SHARES)]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        found = sum(pool.starmap(_share_of, [job for job in jobs if job[1]]))
    return {"pictures": total, "false finds": found, "bound by design": LIMIT * total}


def _share_of(folder: str, count: int, seed: str) -> int:
    return count_false(Path(folder), count, seed)


def count_false(folder: Path, count: int, seed: str) -> int:
    """How many of `count` pictures seem to hold a mark of a key that none was marked with."""
    import cv2

    cv2.setNumThreads(1)
    rng, chosen, found = random.Random(seed), pictures(folder, 0, 0), 0
    for n in range(count):
        pixels = rng.choice(chosen)[3]
        side = rng.randint(128, min(320, *pixels.shape[:2]))
        top, left = rng.randint(0, pixels.shape[0] - side), rng.randint(0, pixels.shape[1] - side)
        image = np.ascontiguousarray(pixels[top : top + side, left : left + side])
        if n % 2:
            image = np.asarray(mark_picture(Image.fromarray(image), rng.randrange(1 << 48), _FOREIGN))
        found += find(ATTACKS[rng.choice(list(ATTACKS))](image), [KEY.secret]) is not None
    return found
