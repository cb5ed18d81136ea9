"""The examples in docstrings say the truth."""

from __future__ import annotations

import doctest

import pytest

from provenance import checkpoint, merkle


@pytest.mark.parametrize("module", [checkpoint, merkle])
def test_examples_hold(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]
    assert found.attempted > 0
    assert found.failed == 0
