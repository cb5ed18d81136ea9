"""The metrics notice what they are for, on points whose truth is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import images
from benchmarks.image_metrics import copies, kid, manifold
from benchmarks.image_scorer import Scorer, auc, found_among

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


def test_the_scorer_finds_the_captions_of_pictures_that_it_never_saw() -> None:
    """Pictures are a fixed blurred view of their captions; concepts of the second half are new to the scorer."""
    random = np.random.default_rng(3)
    captions = random.normal(size=(400, 24)).astype(np.float32)
    pictures = (captions @ random.normal(size=(24, 40)) + 0.3 * random.normal(size=(400, 40))).astype(np.float32)
    names = [f"concept {n}" for n in range(400)]
    scorer = Scorer(pictures[:200], captions[:200], names[:200], steps=150)
    scores = scorer.scores(pictures[200:], captions[200:])
    assert scores.shape == (200, 200)
    assert auc(scores, names[200:]) > 0.9 and found_among(scores, names[200:]) > 0.5
    astray = scores[:, np.roll(np.arange(200), 1)]
    assert abs(auc(astray, names[200:]) - 0.5) < 0.1 and found_among(astray, names[200:]) < 0.15


def test_pictures_of_one_concept_are_not_each_others_wrong_answer() -> None:
    scores = np.array([[0.5, 0.9, 0.1], [0.9, 0.5, 0.1], [0.0, 0.0, 0.5]], dtype=np.float32)
    assert auc(scores, ["fox", "fox", "key"]) == 1.0 and found_among(scores, ["fox", "fox", "key"], first=1) == 1.0
    assert auc(scores, ["fox", "cat", "key"]) == pytest.approx(4 / 6)


def test_no_concept_that_defaults_were_chosen_on_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"thing {n}" for n in range(60)]
    splits = {"concept": range(20), "cell": range(20, 40), "train": range(40, 60)}
    pictures: Any = SimpleNamespace(
        rows=lambda split: list(splits[split]),
        row=lambda n: {"concept": names[n], "label": names[n], "style": "noto"},
        pixels=lambda: np.arange(60)[:, None] * np.ones((1, 4)),
    )
    encoder = SimpleNamespace(encode=lambda texts: SimpleNamespace(pooled=SimpleNamespace(numpy=lambda: texts)))
    monkeypatch.setattr(images, "extractor", lambda: lambda of: of)
    monkeypatch.setattr(images, "Scorer", lambda *_args, **_options: None)
    asked, other = images._asked(pictures, encoder, 1000, 0)
    odd = [name for name in names[:40] if images.reported(name)]
    assert sorted(asked.concepts) == sorted(odd) and 5 < len(odd) < 35
    assert asked.pixels[:, 0].tolist() == [names.index(concept) for concept in asked.concepts]
    assert other[:, 0].min() >= 40, "what they are held against comes from the training split"
