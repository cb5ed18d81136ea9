"""The engine that lives in memory, writing slowly: a busy machine needs half a minute to load a page twice."""

from __future__ import annotations

from tests.fake_engine import FakeEngine

__all__ = ["unhurried"]


def unhurried() -> FakeEngine:
    """For WHEREFROM_FAKE_ENGINE; a long answer takes a minute."""
    return FakeEngine(token_s=0.1)
