"""The shared `metadata`, and the ledger's tables.

`ledger_entry` is append-only: triggers (migration 0001) refuse UPDATE, DELETE and any INSERT that does not follow the
last row. `ledger_content` holds the private texts that an entry's body only commits to; triggers let a row change in
one way: to lose its content and its salt for good. `ledger_tile` (migration 0006) is a cache of `provenance.tree`.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text

__all__ = ["ledger_content", "ledger_entry", "ledger_tile", "metadata"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3 ... without a gap
    Column("at", Text, nullable=False),  # RFC 3339, UTC, microseconds: when it was recorded
    Column("run", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),  # canonical JSON (RFC 8785), stored exactly as hashed
    Column("previous", Text, nullable=False),  # digest of row seq - 1
    Column("digest", Text, nullable=False),  # "v1:" + SHA-256, hex
    Index(None, "run", "kind"),  # SQLite appends the primary key: a run's events by kind, in order
    Index(None, "kind"),
)

ledger_content = Table(
    "ledger_content",
    metadata,
    Column("seq", Integer, ForeignKey("ledger_entry.seq"), primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("salt", LargeBinary),  # 32 random bytes; erased with the content, or short texts could be guessed
    Column("text", Text),  # exactly one of text and data is there, until it is erased
    Column("data", LargeBinary),
    Column("erased_at", Text),
    Column("erased_by", Integer, ForeignKey("ledger_entry.seq")),  # the "erasure" event that says why
    Index(None, "name", "seq"),  # questions, newest first
)

ledger_tile = Table(
    "ledger_tile",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),  # up to 32 hashes of 32 bytes
)
