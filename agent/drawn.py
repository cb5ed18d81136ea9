"""What a drawing hands on: pictures on disk, pictures as they leave the house, and the names of stored ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backends.base import Picture

__all__ = ["Drawn", "DrawnFile", "Made", "Source"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnFile:
    """One picture on disk."""

    n: int
    seed: int
    width: int
    height: int
    pixels_sha256: str
    file_sha256: str
    path: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """What became of a request. `refused` says which guard stopped it, if any; `note` what else there is to know."""

    files: tuple[DrawnFile, ...] = ()
    refused: str = ""
    model: str = ""
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A stored picture: the n-th of a run, counted from 1."""

    run: str
    n: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """Pictures as they leave the house: marked and signed PNG bytes, beside the pixels that the model drew."""

    pictures: tuple[Picture, ...]
    files: tuple[bytes, ...]
    model: str
    seconds: float
    note: str = ""
    refused: str = ""  # the guard's sentence, where it kept the pictures
