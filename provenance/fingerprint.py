"""Fuzzy fingerprints of answers: a text that was edited, shortened or put among other text is still matched to its run.

    index = FingerprintIndex(database)
    index.add(run, answer)
    for match in index.match(pasted): ...   # best first

Kept of an answer: a digest, and sketches of the whole and of stretches of 96 words (see `sketch`). No words are kept,
but whoever guesses a text can confirm it: `forget` belongs to erasing a run. Not covered: a complete rewording, and a
translation. A text that *quotes the same source* as an answer resembles it too; what a match says is "this resembles".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
)

from provenance.database import Database
from provenance.sketch import HASHES, Hashes, Sketch, agreement, digest_of, pair_hashes, sketch_of, words_of
from provenance.tables import metadata

__all__ = ["SHORTEST", "FingerprintIndex", "Match", "fingerprint_bands", "fingerprints", "similarity"]

SHORTEST = 16  # words; anything shorter is matched only exactly
STRETCH = 96  # words of a stored stretch
WINDOW = 24  # words of the smallest window of a text that is looked up
MOST_WORDS = 20_000
THRESHOLD = 0.2
BANDS = HASHES // 2
LEAST_BANDS = 2  # one equal band is often chance
MOST_CANDIDATES = 50
_QUERY = 900  # keys a statement may carry; SQLite's older limit is 999

fingerprints = Table(
    "fingerprints",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run", Text, nullable=False),
    Column("digest", Text),  # SHA-256 of the normalised text; only where the sketch is of the whole
    Column("words", Integer, nullable=False),
    Column("sketch", LargeBinary),  # 128 x uint32, little endian; none for a text too short to compare
    Index(None, "run"),
    Index(None, "digest"),
)

fingerprint_bands = Table(
    "fingerprint_bands",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),  # two places of a sketch and which two they are
    Column("fingerprint", Integer, ForeignKey("fingerprints.id"), primary_key=True, autoincrement=False),
    Index(None, "fingerprint"),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A recorded answer that a text resembles."""

    run: str
    similarity: float  # of the best stretch: 1.0 the same words, 0.2 the least that is reported
    kind: Literal["exact", "whole", "part"]  # whole: most of the text resembles it; part: a stretch does
    spans: tuple[tuple[int, int], ...]  # from, to: which words of the text
    share: float  # of the text's words, in those spans


def similarity(a: str, b: str) -> float:
    """How much two texts share, 0 to 1; texts under 16 words are the same or not."""
    first, second = words_of(a, most=MOST_WORDS), words_of(b, most=MOST_WORDS)
    if first == second:
        return 1.0
    if min(len(first), len(second)) < SHORTEST:
        return 0.0
    return agreement(sketch_of(pair_hashes(first)), sketch_of(pair_hashes(second)))


class FingerprintIndex:
    """Fingerprints in the database. Adding the same run twice replaces what was there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, run: str, text: str) -> bool:
        """Remember an answer. A text without words is remembered as such, matches nothing, and gives False."""
        words = words_of(text, most=MOST_WORDS)
        rows = list(_sketches(words)) if words else [(None, 0, None)]
        with self._database.write() as conn:
            _forget(conn, run)
            for digest, length, sketch in rows:
                blob = None if sketch is None else sketch.astype("<u4").tobytes()
                row = insert(fingerprints).values(run=run, digest=digest, words=length, sketch=blob)
                made = conn.execute(row).inserted_primary_key
                if sketch is not None and made is not None:
                    keys = {int(key) for key in _keys(sketch)}
                    conn.execute(insert(fingerprint_bands), [{"key": key, "fingerprint": made[0]} for key in keys])
        return bool(words)

    def forget(self, run: str) -> int:
        """Remove a run's fingerprints, as part of erasing it; how many rows went."""
        with self._database.write() as conn:
            return _forget(conn, run)

    def count(self) -> int:
        """How many runs can be matched."""
        runs = select(func.count(fingerprints.c.run.distinct())).where(fingerprints.c.words > 0)
        with self._database.read() as conn:
            return int(conn.execute(runs).scalar_one())

    def match(self, text: str, *, limit: int = 5) -> list[Match]:
        """Recorded answers that this text resembles, best first; of a long text the first 20,000 words count."""
        words = words_of(text, most=MOST_WORDS)
        everything = ((0, len(words)),)
        best = {
            run: Match(run=run, similarity=1.0, kind="exact", spans=everything, share=1.0) for run in self._exact(words)
        }
        found: dict[str, list[tuple[float, tuple[int, int]]]] = {}
        if len(words) >= SHORTEST:
            for run, similarity, span in self._alike(pair_hashes(words)):
                found.setdefault(run, []).append((similarity, span))
        for run in found.keys() - best.keys():
            best[run] = _match(run, found[run], len(words))
        return sorted(best.values(), key=lambda match: (-match.similarity, match.run))[:limit]

    def _exact(self, words: list[str]) -> list[str]:
        if not words:
            return []
        query = select(fingerprints.c.run).where(fingerprints.c.digest == digest_of(words))
        with self._database.read() as conn:
            return [row.run for row in conn.execute(query)]

    def _alike(self, hashes: Hashes) -> Iterator[tuple[str, float, tuple[int, int]]]:
        """Run, similarity and span for every stored sketch that agrees with a stretch of the text."""
        windows = list(_windows(hashes))
        for identity, window in self._candidates([_keys(sketch) for _, _, sketch in windows]):
            query = select(fingerprints).where(fingerprints.c.id == identity)
            with self._database.read() as conn:
                row = conn.execute(query).one_or_none()
            if row is None:  # erased meanwhile
                continue
            stored = np.frombuffer(row.sketch, dtype="<u4").astype(np.uint32)
            start, end, _ = windows[window]
            span, alike = _refine(hashes, stored, row.words, start, end)
            if alike >= THRESHOLD:
                yield row.run, alike, span

    def _candidates(self, windows: list[NDArray[np.int64]]) -> list[tuple[int, int]]:
        """(fingerprint, the window that shares most bands with it), most shared bands first."""
        where: dict[int, list[int]] = {}
        for n, keys in enumerate(windows):
            for key in keys:
                where.setdefault(int(key), []).append(n)
        shared: Counter[tuple[int, int]] = Counter()
        wanted = list(where)
        with self._database.read() as conn:
            for start in range(0, len(wanted), _QUERY):
                part = fingerprint_bands.c.key.in_(wanted[start : start + _QUERY])
                for row in conn.execute(select(fingerprint_bands).where(part)):
                    shared.update((row.fingerprint, n) for n in where[row.key])
        best: dict[int, tuple[int, int]] = {}
        for (identity, window), bands in shared.items():
            if bands >= LEAST_BANDS and bands > best.get(identity, (0, 0))[0]:
                best[identity] = (bands, window)
        ranked = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))[:MOST_CANDIDATES]
        return [(identity, window) for identity, (_, window) in ranked]


def _match(run: str, found: list[tuple[float, tuple[int, int]]], words: int) -> Match:
    spans: list[tuple[int, int]] = []
    for start, end in sorted(span for _, span in found):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    share = sum(end - start for start, end in spans) / words
    kind: Literal["whole", "part"] = "whole" if share >= 0.8 else "part"
    return Match(run=run, similarity=max(alike for alike, _ in found), kind=kind, spans=tuple(spans), share=share)


def _forget(conn: Connection, run: str) -> int:
    mine = select(fingerprints.c.id).where(fingerprints.c.run == run)
    conn.execute(delete(fingerprint_bands).where(fingerprint_bands.c.fingerprint.in_(mine)))
    return conn.execute(delete(fingerprints).where(fingerprints.c.run == run)).rowcount


def _sketches(words: list[str]) -> Iterator[tuple[str | None, int, Sketch | None]]:
    """Digest, words and sketch of the whole, then of its stretches where it is longer than one."""
    if len(words) < SHORTEST:
        yield digest_of(words), len(words), None
        return
    hashes = pair_hashes(words)
    yield digest_of(words), len(words), sketch_of(hashes)
    if len(words) > 1.25 * STRETCH:
        for start in range(0, len(words) - STRETCH // 2, STRETCH):
            part = hashes[start : start + STRETCH - 1]
            yield None, len(part) + 1, sketch_of(part)


def _keys(sketch: Sketch) -> NDArray[np.int64]:
    """One number a band: two places of the sketch, mixed with which two they are."""
    pairs = sketch.astype(np.uint64).reshape(BANDS, 2)
    mixed = (pairs[:, 0] << np.uint64(32) | pairs[:, 1]) * np.uint64(0x9E3779B97F4A7C15)
    numbered = mixed ^ (np.arange(BANDS, dtype=np.uint64) * np.uint64(0xD6E8FEB86659FD93))
    return numbered.view(np.int64)


def _windows(hashes: Hashes) -> Iterator[tuple[int, int, Sketch]]:
    """The whole, and windows of 24, 48, 96 ... words that overlap by half: (first word, end, sketch)."""
    count = len(hashes)
    yield 0, count + 1, sketch_of(hashes)
    half = WINDOW // 2
    blocks = [hashes[start : start + half].min(axis=0) for start in range(0, count - half + 1, half)]
    while len(blocks) > 2:  # two blocks are a window; merged two by two they are the blocks of the next size
        for n in range(len(blocks) - 1):
            yield n * half, (n + 2) * half + 1, np.minimum(blocks[n], blocks[n + 1])
        blocks = [np.minimum(blocks[n], blocks[n + 1]) for n in range(0, len(blocks) - 1, 2)]
        half *= 2


def _refine(hashes: Hashes, stored: Sketch, length: int, start: int, end: int) -> tuple[tuple[int, int], float]:
    """The stretch near a window that agrees most with a stored sketch: its words, and how much."""
    size = max(2, length - 1)
    best, share = (start, end), agreement(sketch_of(hashes[start : max(start + 1, end - 1)]), stored)
    low, high = max(0, start - size), min(len(hashes), end + size)
    for wide in (size, (size * 4) // 5, (size * 5) // 4):
        step = max(1, wide // 12)
        for first in range(low, max(low, high - wide) + 1, step):
            found = agreement(sketch_of(hashes[first : first + wide]), stored)
            if found > share:
                best, share = (first, min(first + wide, len(hashes)) + 1), found
    return best, share
