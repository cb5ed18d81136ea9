"""The engine that lives in memory, writing slowly: a busy machine needs minutes to load a page twice."""

from __future__ import annotations

from tests.fake_engine import FakeEngine

__all__ = ["unhurried"]


def unhurried() -> FakeEngine:
    """For WHEREFROM_FAKE_ENGINE; a long answer goes on until it is stopped, however long the page takes."""
    return FakeEngine(token_s=0.1, long=2000)
