"""The FAISS index: a cache of the visible passages' vectors, searched by inner product of normalised vectors.

Ids are the passages' rows in SQLite. The file on disk is only a way to start sooner: beside it lies a manifest with
the SHA-256 of the file and a fingerprint of what is in it, and a file that is missing, damaged or about another
library is ignored and made again from SQLite.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.embedder import Vectors

__all__ = ["Ids", "Manifest", "VectorIndex", "fingerprint"]

Ids = NDArray[np.int64]

_FORMAT = 1
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
    format: int = _FORMAT


class VectorIndex:
    """Vectors by passage id: add, remove, search. Safe for threads; knows nothing of SQLite."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._lock = threading.RLock()
        self._faiss = _empty(dimension)

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
        with self._lock:
            new = ~np.isin(ids, self.ids()) if len(ids) else np.zeros(0, dtype=bool)
            if new.any():
                self._faiss.add_with_ids(np.ascontiguousarray(vectors[new], dtype=np.float32), ids[new])

    def remove(self, ids: Ids) -> int:
        """Remove ids; those that are not there do not matter. How many went."""
        import faiss

        with self._lock:
            if not len(ids):
                return 0
            return int(self._faiss.remove_ids(faiss.IDSelectorBatch(np.ascontiguousarray(ids, dtype=np.int64))))

    def clear(self) -> None:
        """Remove everything."""
        with self._lock:
            self._faiss = _empty(self._dimension)

    def search(self, query: Vectors, count: int, *, among: Ids | None = None) -> list[tuple[int, float]]:
        """The `count` nearest (id, cosine), best first.

        Args:
            query: Shape `(dimension,)`, normalised.
            among: Only these ids.
        """
        import faiss

        with self._lock:
            count = min(count, self._faiss.ntotal)
            if count == 0 or (among is not None and not len(among)):
                return []
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
        with self._lock:
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
        with self._lock:
            count, ids = int(self._faiss.ntotal), self.ids()
            with _replacing(folder / "passages.faiss") as path:
                faiss.write_index(self._faiss, str(path))
                sha256 = _sha256(path)
        manifest = Manifest(
            count=count,
            max_id=int(ids.max(initial=0)),
            fingerprint=fingerprint,
            embedder=embedder,
            sha256=sha256,
        )
        with _replacing(folder / "manifest.json") as path:
            path.write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")

    def load(self, folder: Path) -> Manifest | None:
        """Read what `save` wrote; None, and an empty index, where that is missing or damaged."""
        import faiss

        self.clear()
        path = folder / "passages.faiss"
        try:
            manifest = Manifest(**json.loads((folder / "manifest.json").read_text(encoding="utf-8")))
            if manifest.format != _FORMAT or manifest.sha256 != _sha256(path):
                return None
            loaded: Any = faiss.read_index(str(path))
        except (OSError, ValueError, TypeError, RuntimeError):
            return None
        if not isinstance(loaded, faiss.IndexIDMap2) or loaded.d != self._dimension or loaded.ntotal != manifest.count:
            return None
        with self._lock:
            self._faiss = loaded
        return manifest


def _empty(dimension: int) -> Any:
    import faiss

    return faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; synced and renamed when the block ends well."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_native_id()}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
