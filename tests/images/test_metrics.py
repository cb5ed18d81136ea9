"""The metrics notice what they are for, on points whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.image_metrics import copies, kid, manifold

DRAW = np.random.default_rng(5)
REAL = DRAW.normal(size=(400, 8)).astype(np.float32)
OTHER = DRAW.normal(size=(400, 8)).astype(np.float32)


def test_two_samples_of_one_distribution_are_near_and_cover_each_other() -> None:
    found = manifold(REAL, OTHER)
    assert found["coverage"] > 0.9 and found["precision"] > 0.8 and found["recall"] > 0.8
    assert found["density"] == pytest.approx(1.0, abs=0.15)
    assert abs(kid(REAL, OTHER)) < 0.1 < kid(REAL, OTHER + 0.5)


def test_kid_is_unbiased_where_both_are_the_same_distribution() -> None:
    values = [kid(DRAW.normal(size=(60, 4)), DRAW.normal(size=(60, 4)), subsets=1) for _ in range(60)]
    assert abs(np.mean(values)) < 3 * np.std(values) / 60**0.5


def test_a_model_that_forgets_modes_loses_coverage_and_recall() -> None:
    few = np.repeat(REAL[:10], 40, axis=0) + DRAW.normal(size=(400, 8)) * 0.01
    found = manifold(REAL, few.astype(np.float32))
    assert found["coverage"] < 0.3 and found["recall"] < 0.2 and found["precision"] > 0.9


def test_copies_are_found_and_neighbours_are_not() -> None:
    near = (REAL[:100] + DRAW.normal(size=(100, 8)) * 0.01).astype(np.float32)
    assert copies(REAL, near)["rate"] > 0.95
    assert copies(REAL, OTHER)["rate"] < 0.02


def test_too_few_pictures_are_an_error() -> None:
    with pytest.raises(ValueError, match="more than 5"):
        manifold(REAL[:4], OTHER)
