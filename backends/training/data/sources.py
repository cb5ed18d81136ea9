"""What the data set is made from, as `sources.toml` pins it. Reads that file, fetches nothing."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["TIERS", "ArtSet", "Package", "Tier", "art_sets", "words"]

Tier = Literal["emoji", "colour", "mono"]
TIERS: tuple[Tier, ...] = ("emoji", "colour", "mono")


class Package(BaseModel):
    """One archive of the package registry, held to its digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    package: str
    version: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    licence: str
    author: str

    @property
    def file(self) -> str:
        """The name `npm pack` gives it."""
        return f"{self.package.removeprefix('@').replace('/', '-')}-{self.version}.tgz"

    @property
    def asks_for_credit(self) -> bool:
        """Whether the licence wants the author named beside what is made from it (CC-BY)."""
        return self.licence.startswith("CC-BY")


class WordList(Package):
    """Names and keywords of emoji."""

    member: str  # the one file of the archive that is read


class ArtSet(Package):
    """Pictures of one style."""

    form: Literal["iconify", "codepoints"]  # SVG bodies in icons.json, or WebP files named by code points
    style: str
    tier: Tier
    home: str
    drop: tuple[str, ...] = ()  # categories left out
    keep: str = ""  # only names that this pattern finds
    strip: str = ""  # cut from a name before it becomes a caption
    brands: bool = False  # the set has logos without a category: names of the short list are left out


@cache
def _read() -> tuple[tuple[WordList, ...], tuple[ArtSet, ...]]:
    rows = tomllib.loads(Path(__file__).with_name("sources.toml").read_text(encoding="utf-8"))
    return tuple(WordList(**row) for row in rows["words"]), tuple(ArtSet(**row) for row in rows["set"])


def words() -> tuple[WordList, ...]:
    """The lists of emoji names and keywords: emojibase first, emojilib second."""
    return _read()[0]


def art_sets(tiers: tuple[Tier, ...] = ("emoji", "colour", "mono"), *, credit: bool = True) -> list[ArtSet]:
    """The sets of these tiers; with `credit=False` none whose licence is a CC-BY."""
    return [art for art in _read()[1] if art.tier in tiers and (credit or not art.asks_for_credit)]
