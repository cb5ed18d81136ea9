"""The FAISS index: a cache of the visible passages' vectors, searched by inner product of normalised vectors.

Ids are the passages' rows in SQLite. The file on disk is only a way to start sooner: beside it lies a manifest with
the SHA-256 of the file and a fingerprint of what is in it, and a file that is missing, damaged or about another
library is ignored and made again from SQLite.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from provenance.whole_file import replacing
from retrieval.embedder import Vectors
from retrieval.sketch import LEARN_FROM, Ids, Sketch, one_thread, sketch_of

__all__ = ["SKETCH_FROM", "Ids", "Manifest", "VectorIndex", "fingerprint"]

SKETCH_FROM = 50_000  # vectors: comparing all of them takes some 5 ms
_SHORT_LIST = 1000  # candidates of a sketch; see docs/decisions/0013-retrieval.md
_SLICE = 10_000
_FORMAT = 2
_VECTORS, _SKETCH = "passages.faiss", "sketch.npz"
_MODULUS = 1 << 128


def fingerprint(rows: Iterable[tuple[int, bytes]]) -> str:
    """One number for a set of (passage id, passage digest), whatever their order.

    The sum of the first 16 bytes of each pair's SHA-256: it finds faults, it does not stop a forger.
    """
    total = 0
    for id_, digest in rows:
        pair = hashlib.sha256(id_.to_bytes(8, "big") + digest).digest()
        total += int.from_bytes(pair[:16], "big")
    return f"{total % _MODULUS:032x}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What a saved index says about itself."""

    count: int
    max_id: int
    fingerprint: str  # of (passage id, passage digest)
    embedder: str
    sha256: str  # of the index file
    sketch_sha256: str = ""  # of the sketch; "" where there is none
    format: int = _FORMAT


class VectorIndex:
    """Vectors by passage id: add, remove, search. Safe for threads; knows nothing of SQLite.

    Every vector is kept as it is in SQLite, in half precision. While there are few, a search compares the question with
    all of them; from `sketch_from` on a `Sketch` names those worth comparing. What is removed is gone at once.
    """

    def __init__(self, dimension: int, *, sketch_from: int = SKETCH_FROM) -> None:
        self._dimension = dimension
        self._sketch_from = sketch_from if dimension % 2 == 0 else sys.maxsize
        self._changing = threading.RLock()  # held by whoever changes it; searches go on while a sketch is made
        self._lock = threading.RLock()  # held while FAISS is at work
        self._faiss = _empty(dimension)
        self._sketch: Sketch | None = None
        self._highest = -1  # no id that was ever there is higher

    def __len__(self) -> int:
        with self._lock:
            return int(self._faiss.ntotal)

    def ids(self) -> Ids:
        """Every id, in no order."""
        import faiss

        with self._lock:
            ids: Ids = faiss.vector_to_array(self._faiss.id_map).astype(np.int64)
        return ids

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Add new ids; an id that is there already keeps its vector (ids never change their meaning)."""
        if not len(ids):
            return
        with self._changing:
            new = ids > self._highest
            if not new.all():
                new |= ~np.isin(ids, self.ids())
            chosen = np.ascontiguousarray(vectors[new], dtype=np.float32)
            with self._lock:
                if new.any():
                    self._faiss.add_with_ids(chosen, ids[new])
                if self._sketch is not None:
                    self._sketch.add(ids[new], chosen)
            self._highest = max(self._highest, int(ids.max()))
            self._keep_sketch()

    def remove(self, ids: Ids) -> int:
        """Remove ids; those that are not there do not matter. How many went."""
        import faiss

        if not len(ids):
            return 0
        with self._changing:
            with self._lock, one_thread():
                gone = self._faiss.remove_ids(faiss.IDSelectorBatch(np.ascontiguousarray(ids, dtype=np.int64)))
                if self._sketch is not None:
                    self._sketch.remove(ids)
            self._keep_sketch()
            return int(gone)

    def clear(self) -> None:
        """Remove everything."""
        with self._changing, self._lock:
            self._faiss, self._sketch = _empty(self._dimension), None

    def search(self, query: Vectors, count: int, *, among: Ids | None = None) -> list[tuple[int, float]]:
        """The `count` nearest (id, cosine), best first.

        Args:
            query: Shape `(dimension,)`, normalised.
            among: Only these ids.
        """
        import faiss

        with self._lock, one_thread():
            count = min(count, self._faiss.ntotal)
            if count == 0 or (among is not None and not len(among)):
                return []
            if self._sketch is not None and among is None:
                return self._by_sketch(self._sketch, query, count)
            parameters = None
            if among is not None:
                selected = np.ascontiguousarray(among, dtype=np.int64)
                parameters = faiss.SearchParameters(sel=faiss.IDSelectorBatch(selected))  # type: ignore[call-arg]
            scores, ids = self._faiss.search(
                np.ascontiguousarray(query[None], dtype=np.float32), count, params=parameters
            )
        return [(int(i), float(s)) for i, s in zip(ids[0], scores[0], strict=True) if i >= 0]

    def vectors(self, ids: Iterable[int]) -> dict[int, Vectors]:
        """The vectors of those ids that are there."""
        wanted = np.fromiter(ids, dtype=np.int64)
        found: dict[int, Vectors] = {}
        with self._lock, one_thread():
            try:
                made = self._faiss.reconstruct_batch(wanted) if len(wanted) else wanted
                return {int(id_): vector for id_, vector in zip(wanted, made, strict=True)}
            except RuntimeError:  # FAISS: "key not found", and does not say which
                for id_ in wanted:
                    with contextlib.suppress(RuntimeError):
                        found[int(id_)] = self._faiss.reconstruct(int(id_))
        return found

    def save(self, folder: Path, *, fingerprint: str, embedder: str) -> None:
        """Write index and manifest, each whole or not at all. A pair that does not belong together is never loaded."""
        import faiss

        folder.mkdir(parents=True, exist_ok=True)
        with self._changing:
            count, ids = int(self._faiss.ntotal), self.ids()
            with replacing(folder / _VECTORS) as path:
                faiss.write_index(self._faiss, str(path))
                sha256 = _sha256(path)
            sketch_sha256 = ""
            if self._sketch is not None:
                with replacing(folder / _SKETCH) as path:
                    self._sketch.save(path)
                    sketch_sha256 = _sha256(path)
        manifest = Manifest(
            count=count,
            max_id=int(ids.max(initial=0)),
            fingerprint=fingerprint,
            embedder=embedder,
            sha256=sha256,
            sketch_sha256=sketch_sha256,
        )
        with replacing(folder / "manifest.json") as path:
            path.write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")

    def load(self, folder: Path) -> Manifest | None:
        """Read what `save` wrote; None, and an empty index, where that is missing or damaged."""
        import faiss

        self.clear()
        path = folder / _VECTORS
        try:
            manifest = Manifest(**json.loads((folder / "manifest.json").read_text(encoding="utf-8")))
            if manifest.format != _FORMAT or manifest.sha256 != _sha256(path):
                return None
            loaded: Any = faiss.read_index(str(path))
        except (OSError, ValueError, TypeError, RuntimeError):
            return None
        if not isinstance(loaded, faiss.IndexIDMap2) or loaded.d != self._dimension or loaded.ntotal != manifest.count:
            return None
        with self._changing:
            with self._lock:
                self._faiss, self._sketch = loaded, _load_sketch(folder / _SKETCH, manifest.sketch_sha256)
                self._highest = manifest.max_id
            self._keep_sketch()
        return manifest

    def _by_sketch(self, sketch: Sketch, query: Vectors, count: int) -> list[tuple[int, float]]:
        near = sketch.nearest(query, max(_SHORT_LIST, 4 * count))
        scores = self._faiss.reconstruct_batch(near) @ query
        order = np.argsort(-scores, kind="stable")[:count]
        return [(int(near[i]), float(scores[i])) for i in order]

    def _keep_sketch(self) -> None:
        """Make a sketch where one is due, anew where too much of it is gone; searches go on meanwhile."""
        if len(self) < self._sketch_from // 2:  # not at the same number, or it would come and go
            self._sketch = None
        if len(self) < self._sketch_from or (self._sketch is not None and not self._sketch.worn):
            return
        ids = self.ids()
        chance = np.random.default_rng(len(ids))  # the same vectors give the same sketch
        sample = self._exact(chance.choice(ids, min(len(ids), LEARN_FROM), replace=False))
        slices = (ids[start : start + _SLICE] for start in range(0, len(ids), _SLICE))
        made = sketch_of(((some, self._exact(some)) for some in slices), sample)
        with self._lock:
            self._sketch = made

    def _exact(self, ids: Ids) -> Vectors:
        with self._lock, one_thread():
            vectors: Vectors = self._faiss.reconstruct_batch(ids)
        return vectors


def _empty(dimension: int) -> Any:
    import faiss

    exact: Any = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    made = faiss.IndexIDMap2(exact)
    exact.this.disown()  # the map owns it
    made.own_fields = True
    return made


def _load_sketch(path: Path, sha256: str) -> Sketch | None:
    """None where it is missing or not the one that was saved: it is made again from the vectors."""
    try:
        return Sketch.load(path) if sha256 and _sha256(path) == sha256 else None
    except (OSError, ValueError, KeyError, RuntimeError):
        return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
