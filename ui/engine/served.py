"""The engine as its door and its endpoints know it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Protocol

from fastapi import Depends, Request

from ui.api import EngineApi, IngestJob
from ui.engine.board import RunBoard

__all__ = ["Engine", "ServedEngine"]


class ServedEngine(EngineApi, Protocol):
    """What the server needs beyond the protocol that clients see."""

    board: RunBoard

    def upload_files(self, files: list[tuple[str, Path]], *, collection: str = "") -> IngestJob:
        """Ingest files that lie in the staging folder; they are the engine's to move or delete."""

    def staging(self) -> Path:
        """A folder of the data folder's file system for files on their way in."""

    def busy(self) -> bool:
        """Whether a run or a job has not ended."""

    def close(self) -> None: ...


def _engine(request: Request) -> ServedEngine:
    engine: ServedEngine = request.app.state.api
    return engine


Engine = Annotated[ServedEngine, Depends(_engine)]
