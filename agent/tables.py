"""The conversations' tables. Private text: it goes when a person deletes a conversation, unlike the ledger's entries.

A turn is a question and its answers. Of several answers (written again on request) the one that no other run has
superseded is shown and remembered; the others stay until the conversation goes.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from provenance.tables import metadata

__all__ = ["conversations", "messages"]

conversations = Table(
    "conversations",
    metadata,
    Column("id", Text, primary_key=True),  # "c-" and a ULID
    Column("title", Text, nullable=False),
    Column("named", Boolean, nullable=False),  # by a person; else the title follows the first question
    Column("created_at", Text, nullable=False),  # RFC 3339, UTC, microseconds
    Column("updated_at", Text, nullable=False),
    Column("scope", Text),  # JSON: where its questions look, with a "folder" among it; none where they look everywhere
    Index(None, "updated_at"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("conversation", Text, ForeignKey("conversations.id"), nullable=False),
    Column("turn", Integer, nullable=False),  # 1, 2, 3 ... within the conversation
    Column("role", Text, nullable=False),  # "user", "assistant"
    Column("run", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("state", Text, nullable=False),  # "running", "done", "stopped", "failed", "interrupted"
    Column("at", Text, nullable=False),
    Column("answer", Text),  # JSON, as it was recorded: the assistant's only
    Column("exchange", Text),  # JSON: the messages exactly as the model read and wrote them
    Column("evidence", Text),  # JSON: the numbered passages that this turn brought
    Column("superseded_by", Text),  # the run that wrote this answer again
    UniqueConstraint("run", "role"),
    Index(None, "conversation", "turn"),
    Index(None, "state"),
    sqlite_autoincrement=True,
)
