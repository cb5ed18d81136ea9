"""What every view is given: the settings, the engine, and the way to another page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ui.api import EngineApi
from ui.settings import Settings

__all__ = ["Go", "PageServices"]


class Go(Protocol):
    """Leave for another page: "chat", "library", "studio", "audit", "verify" or "system", with query parameters."""

    def __call__(self, page: str, /, **params: str) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class PageServices:
    """Built once a process in `ui/app.py`; `go` is bound to the pages of this run."""

    settings: Settings
    engine: EngineApi
    go: Go
