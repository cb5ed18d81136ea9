"""How far drawn pictures are from real ones, in any feature space. Pure arithmetic on arrays of features."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["copies", "kid", "manifold"]

Features = NDArray[np.float32]


def kid(real: Features, drawn: Features, *, subset: int = 500, subsets: int = 20, seed: int = 0) -> float:
    """Kernel inception distance: unbiased MMD^2 under the kernel (x.y/d + 1)^3, mean over random subsets.

    Source:
        Bińkowski et al. 2018, arXiv:1801.01401, section 4.
    """
    generator, size = np.random.default_rng(seed), min(subset, len(real), len(drawn))
    if size < 2:
        raise ValueError("two pictures at least")
    found = []
    for _ in range(subsets):
        x = real[generator.choice(len(real), size, replace=False)].astype(np.float64)
        y = drawn[generator.choice(len(drawn), size, replace=False)].astype(np.float64)
        xx, yy, xy = (((a @ b.T) / a.shape[1] + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
        same = sum((m.sum() - np.trace(m)) / (size * (size - 1)) for m in (xx, yy))
        found.append(same - 2 * xy.mean())
    return float(np.mean(found))


def manifold(real: Features, drawn: Features, *, k: int = 5) -> dict[str, float]:
    """Precision, recall (Kynkäänniemi et al. 2019, arXiv:1904.06991), density, coverage (arXiv:2002.09797).

    Coverage is the share of real pictures that have a drawn one within the distance of their k-th real neighbour: it
    falls where a model forgets modes, which precision and density do not notice.
    """
    between = _distances(real, drawn)
    real_radius, drawn_radius = _radius(real, k), _radius(drawn, k)
    inside = between < real_radius[:, None]
    return {
        "precision": float(inside.any(0).mean()),
        "recall": float((between < drawn_radius[None]).any(1).mean()),
        "density": float(inside.sum(0).mean() / k),
        "coverage": float((between.min(1) < real_radius).mean()),
    }


def copies(train: Features, drawn: Features, *, ratio: float = 1 / 3) -> dict[str, Any]:
    """The share of drawn pictures that lie much nearer to one training picture than to the next (arXiv:2505.16959)."""
    distances = _distances(drawn, train)
    nearest = np.partition(distances, 1, axis=1)[:, :2]
    shares = nearest[:, 0] / np.maximum(nearest[:, 1], 1e-12)
    return {"rate": float((shares < ratio).mean()), "median_ratio": float(np.median(shares))}


def _distances(a: Features, b: Features) -> NDArray[np.float64]:
    x, y = a.astype(np.float64), b.astype(np.float64)
    squares = (x**2).sum(1)[:, None] + (y**2).sum(1)[None] - 2 * x @ y.T
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)))


def _radius(points: Features, k: int) -> NDArray[np.float64]:
    if len(points) <= k:
        raise ValueError(f"more than {k} pictures")
    return np.asarray(np.partition(_distances(points, points), k, axis=1)[:, k])
