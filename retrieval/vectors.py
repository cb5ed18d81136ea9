"""Vectors in the database: kept by the digest of what was embedded, so that equal passages share one.

Every method takes the caller's transaction, like those of `retrieval.store.Store`, which has them all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from sqlalchemy import Connection, delete, insert, select

from retrieval.embedder import Embedder, Vectors
from retrieval.index import Ids
from retrieval.rows import SLICE, sliced
from retrieval.tables import documents, passages, vectors

__all__ = ["VectorRows", "passage_digest", "passage_input"]


def passage_input(heading: str, text: str) -> str:
    """What is embedded for a passage."""
    return f"{heading}\n{text}" if heading else text


def passage_digest(heading: str, text: str) -> bytes:
    """SHA-256 of what is embedded, so that equal passages share a vector."""
    return hashlib.sha256(passage_input(heading, text).encode("utf-8")).digest()


class VectorRows:
    """The rows of `vectors`, kept and found under the digest of an embedder's weights."""

    _model: Embedder

    @property
    def _embedder(self) -> bytes:
        return bytes.fromhex(self._model.digest)  # asked for late: to list documents needs no weights

    def add_vectors(self, conn: Connection, digests: Sequence[bytes], made: Vectors) -> None:
        """Vectors by passage digest; one that is there already stays."""
        rows = [
            {"digest": digest, "embedder": self._embedder, "vector": vector.astype("<f2").tobytes()}
            for digest, vector in zip(digests, made, strict=True)
        ]
        if rows:
            conn.execute(insert(vectors).prefix_with("OR IGNORE", dialect="sqlite"), rows)

    def drop_unused_vectors(self, conn: Connection, *, after: bytes = b"") -> bytes | None:
        """Look at some vectors, in order of digest, and take those no passage uses; where to go on, or None."""
        some = select(vectors.c.digest).where(vectors.c.digest > after).order_by(vectors.c.digest).limit(SLICE)
        digests = list(conn.execute(some).scalars())
        self.drop_unused(conn, digests)
        return digests[-1] if len(digests) == SLICE else None

    def visible_digests(self, conn: Connection) -> Iterator[tuple[int, bytes]]:
        """(id, digest) of the visible passages that have a vector, in order."""
        query = (
            select(passages.c.id, passages.c.digest)
            .join(documents, documents.c.id == passages.c.document)
            .join(vectors, (vectors.c.digest == passages.c.digest) & (vectors.c.embedder == self._embedder))
            .where(documents.c.state == "ready")
            .order_by(passages.c.id)
        )
        for row in conn.execute(query):
            yield row.id, row.digest

    def vectors(self, conn: Connection, ids: Sequence[int]) -> tuple[Ids, Vectors]:
        """Ids that have a vector, and the vectors, shape `(n, dimension)`, as float32."""
        query = select(passages.c.id, vectors.c.vector).join(
            vectors, (vectors.c.digest == passages.c.digest) & (vectors.c.embedder == self._embedder)
        )
        found: list[int] = []
        made: list[bytes] = []
        for some in sliced(ids):
            for row in conn.execute(query.where(passages.c.id.in_(some)).order_by(passages.c.id)):
                found.append(row.id)
                made.append(row.vector)
        flat = np.frombuffer(b"".join(made), dtype="<f2").astype(np.float32)
        return np.array(found, dtype=np.int64), flat.reshape(len(found), -1) if found else flat.reshape(0, 0)

    def known_vectors(self, conn: Connection, digests: Iterable[bytes]) -> set[bytes]:
        """Those of them that are embedded already."""
        known: set[bytes] = set()
        for some in sliced(list(digests)):
            query = select(vectors.c.digest).where(vectors.c.embedder == self._embedder, vectors.c.digest.in_(some))
            known.update(conn.execute(query).scalars())
        return known

    def without_vectors(self, conn: Connection, limit: int) -> list[tuple[bytes, str]]:
        """(digest, text to embed) of visible passages that this embedder has not seen, at most `limit`."""
        seen = (vectors.c.digest == passages.c.digest) & (vectors.c.embedder == self._embedder)
        query = (
            select(passages.c.digest, passages.c.heading, passages.c.text)
            .join(documents, documents.c.id == passages.c.document)
            .outerjoin(vectors, seen)
            .where(documents.c.state == "ready", vectors.c.digest.is_(None))
            .limit(limit)
        )
        rows = {row.digest: passage_input(row.heading, row.text) for row in conn.execute(query)}
        return list(rows.items())

    def drop_unused(self, conn: Connection, digests: Sequence[bytes]) -> None:
        """Take the vectors of those that no passage uses."""
        used = select(passages.c.id).where(passages.c.digest == vectors.c.digest).exists()
        for some in sliced(digests):
            conn.execute(delete(vectors).where(vectors.c.digest.in_(some), ~used))
