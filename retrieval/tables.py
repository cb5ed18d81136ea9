"""The library's tables. SQLite is the truth; the FAISS index and the originals in objects/ follow from it.

A document is visible once `state` is "ready". Large ones are written in slices under "adding", so that nobody who
wants to write waits long, and become visible in one transaction; one that was replaced or removed is "removed" from
that transaction on, and its rows go in slices too. Whatever a kill leaves in these two states is purged at the start.
Ids are never used again (`sqlite_autoincrement`): an id in an old index or an old record cannot mean another passage.

The full-text index `passages_fts` is no table of this metadata; see `retrieval/lexical.py`.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, LargeBinary, Table, Text, text

from provenance.tables import metadata

__all__ = [
    "collection_documents",
    "collections",
    "documents",
    "job_files",
    "jobs",
    "library_state",
    "origins",
    "pages",
    "passages",
    "successors",
    "vectors",
]

_READY = text("state = 'ready'")

documents = Table(
    "documents",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("state", Text, nullable=False),  # "adding", "ready", "removed"
    Column("name", Text, nullable=False),  # of one of its origins
    Column("path", Text, nullable=False),
    Column("digest", Text, nullable=False),  # SHA-256 of the file, hex: its original is objects/<aa>/<digest>
    Column("kind", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("passages", Integer, nullable=False),
    Column("added_at", Text, nullable=False),  # RFC 3339, UTC
    Column("warnings", Text, nullable=False),  # JSON: list of sentences
    Index("uq_documents_ready_digest", "digest", unique=True, sqlite_where=_READY, postgresql_where=_READY),
    sqlite_autoincrement=True,
)

origins = Table(  # equal files in several places are one document; it goes when the last place holds something else
    "origins",
    metadata,
    Column("origin", Text, primary_key=True),  # "path:..." or "upload:...": what a newer version has in common with it
    Column("document", Integer, ForeignKey("documents.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("path", Text, nullable=False),
    Index(None, "document"),
)

successors = Table(  # newer versions of documents that are gone; no foreign keys: the older ones' rows are purged
    "successors",
    metadata,
    Column("former", Integer, primary_key=True, autoincrement=False),
    Column("document", Integer, nullable=False),
    Index(None, "document"),
)

pages = Table(
    "pages",
    metadata,
    Column("document", Integer, ForeignKey("documents.id"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1
    Column("label", Text, nullable=False),
    Column("source", Text, nullable=False),  # "text", "ocr"
    Column("text", LargeBinary, nullable=False),  # UTF-8, zlib
    Column("layout", LargeBinary),  # JSON {"words": [...], "headings": [...]}, zlib; none where both are empty
)

passages = Table(
    "passages",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),  # the id in FAISS and in the full-text index, too
    Column("document", Integer, ForeignKey("documents.id"), nullable=False),
    Column("page", Integer, nullable=False),
    Column("start", Integer, nullable=False),  # code points into the page's text
    Column("end", Integer, nullable=False),
    Column("heading", Text, nullable=False),
    Column("text", Text, nullable=False),  # == page text[start:end]: a search need not unpack pages
    Column("digest", LargeBinary, nullable=False),  # 32 bytes
    Index(None, "document"),
    Index(None, "digest"),
    sqlite_autoincrement=True,
)

vectors = Table(
    "vectors",
    metadata,
    Column("digest", LargeBinary, primary_key=True),  # of the passage
    Column("embedder", LargeBinary, primary_key=True),  # SHA-256 of its weights, 32 bytes
    Column("vector", LargeBinary, nullable=False),  # float16, little-endian, normalised
)

library_state = Table(
    "library_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # one row, 1
    Column("version", Integer, nullable=False),  # counts up whenever the set of visible passages changes
)

collections = Table(
    "collections",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),  # as a person wrote it
    Column("folded", Text, nullable=False),  # casefolded: no two differ by capitals alone
    Column("created_at", Text, nullable=False),  # RFC 3339, UTC
    Index(None, "folded", unique=True),
    sqlite_autoincrement=True,
)

collection_documents = Table(  # a document may be in several; its rows go when it is removed
    "collection_documents",
    metadata,
    Column("collection", Integer, ForeignKey("collections.id"), primary_key=True, autoincrement=False),
    Column("document", Integer, ForeignKey("documents.id"), primary_key=True, autoincrement=False),
    Index(None, "document"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run", Text, nullable=False),
    Column("state", Text, nullable=False),  # "waiting", "running", "done", "stopped", "failed"
    Column("created_at", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("roots", Text, nullable=False),  # JSON: paths as hex of their bytes; what is still to be walked
    Column("walked", Boolean, nullable=False),
    Column("stop", Boolean, nullable=False),  # asked for
    Column("collection", Integer),  # where its documents go; not a foreign key: it may be deleted meanwhile
)

job_files = Table(
    "job_files",
    metadata,
    Column("job", Text, ForeignKey("jobs.id"), primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("path", LargeBinary),  # bytes, as the system names it; none for an upload
    Column("name", Text, nullable=False),  # safe to show; for an upload its name
    Column("digest", Text, nullable=False),  # of an upload, which lies in objects/ already; else ""
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("document", Integer),  # not a foreign key: the document may be deleted later
    Column("pages", Integer, nullable=False),
    Column("passages", Integer, nullable=False),
    Column("warnings", Text, nullable=False),  # JSON
    Index(None, "digest"),
    Index(None, "document"),
)
