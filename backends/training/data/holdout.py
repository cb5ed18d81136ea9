"""Which pictures no model may ever see: fixed by hash, so that they are the same on every machine and for ever.

Five per cent of the concepts are held out in every style; of the rest, five per cent of the (concept, style) cells: an
octopus that is unseen in 3d but known in five other styles asks whether a model composes. Of what is left, two per cent
of the concepts' cells validate the training loss.
"""

from __future__ import annotations

import hashlib
from typing import Literal

__all__ = ["Split", "split_of"]

Split = Literal["train", "validation", "cell", "concept"]


def split_of(concept: str, style: str) -> Split:
    """Where a picture belongs.

    Example:
        >>> split_of("octopus", "noto") in ("train", "validation", "cell", "concept")
        True
    """
    if _share("concept", concept) < 0.05:
        return "concept"
    if _share("cell", concept, style) < 0.05:
        return "cell"
    return "validation" if _share("validation", concept, style) < 0.02 else "train"


def _share(*words: str) -> float:
    """A number in [0, 1) that depends on the words alone."""
    digest = hashlib.sha256("\0".join(("wherefrom pictures 1", *words)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
