"""The examples in the docstrings of this room are true."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name", ["retrieval.parsing.cleaning", "retrieval.parsing.structured", "retrieval.parsing.xlsx"]
)
def test_docstring_examples_hold(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried and not failed
