"""What the measurement of answers asks: questions, the sources that may be read, and what a right answer is."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

__all__ = ["HALVES", "Half", "Question", "QuestionSet", "Source", "Sources", "chosen", "half_of", "read_rows"]

Half = Literal["all", "dev", "held"]
HALVES: tuple[Half, ...] = ("all", "dev", "held")


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A file of the library; `key` is the SHA-256 of its text, by which the library knows it too."""

    key: str
    name: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One question and what is known about its answer."""

    id: str
    unit: str  # what belongs into one half together: a paragraph with its questions
    text: str
    answers: tuple[tuple[str, ...], ...]  # of each inner group one wording must be there; empty: there is no answer
    gold: frozenset[str]  # keys of the sources that hold the answer
    among: tuple[str, ...] | None = None  # only these sources may be read; None: the whole library
    group: str = ""  # what it is reported under
    plausible: str = ""  # what looks like its answer and is none


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionSet:
    """Questions of one form over one library."""

    name: str
    form: Literal["squad", "rgb", "multihop"]
    questions: tuple[Question, ...]
    sources: dict[str, Source] = field(default_factory=dict)


class Sources:
    """Files for a library: each text once, each under a name of its own."""

    def __init__(self) -> None:
        self.by_key: dict[str, Source] = {}
        self._names: set[str] = set()

    def add(self, name: str, text: str) -> str:
        """Take a text in, unless it is there; its key."""
        key = hashlib.sha256(text.encode()).hexdigest()
        if key not in self.by_key:
            safe = re.sub(r"[^\w ()'-]+", "_", name).strip()[:80] or "passage"  # nothing that breaks a path
            n = next(n for n in itertools.count(1) if self._numbered(safe, n) not in self._names)
            self._names.add(self._numbered(safe, n))
            self.by_key[key] = Source(key=key, name=self._numbered(safe, n), text=text)
        return key

    @staticmethod
    def _numbered(name: str, n: int) -> str:
        return f"{name}.txt" if n == 1 else f"{name} {n}.txt"


def half_of(unit: str) -> Half:
    """Which half a unit belongs to: settings are chosen on `dev` and reported on `held`."""
    return "dev" if hashlib.sha256(unit.encode()).digest()[0] % 2 else "held"


def chosen(questions: Iterable[Question], *, half: Half, limit: int, seed: int) -> list[Question]:
    """The questions of one half in an order drawn by `seed`; of each group the first `limit`, if not 0.

    A larger limit only adds questions, so that kept answers stay of use.
    """
    order = sorted(questions, key=lambda one: hashlib.sha256(f"{seed}:{one.id}".encode()).digest())
    taken: dict[str, int] = {}
    found = []
    for question in order:
        if half != "all" and half_of(question.unit) != half:
            continue
        taken[question.group] = taken.get(question.group, 0) + 1
        if not limit or taken[question.group] <= limit:
            found.append(question)
    return found


def read_rows(path: Path) -> list[Any]:
    """A JSON file as one row, JSON lines as many; either may be gzipped.

    Raises:
        ValueError: It is not JSON in UTF-8.
    """
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = data.decode("utf-8")
    if ".jsonl" in path.suffixes:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return [json.loads(text)]
