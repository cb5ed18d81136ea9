"""The library: documents, pages, passages, vectors, the full-text index, and ingest jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

READY = sa.text("state = 'ready'")


def upgrade() -> None:
    _documents()
    _passages()
    _jobs()
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE passages_fts USING fts5("
            "heading, text, content='passages', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2')"
        )


def _documents() -> None:
    op.create_table(
        "documents",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("passages", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.Text(), nullable=False),
        sa.Column("warnings", sa.Text(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_documents_ready_digest",
        "documents",
        ["digest"],
        unique=True,
        sqlite_where=READY,
        postgresql_where=READY,
    )
    op.create_table(
        "origins",
        sa.Column("origin", sa.Text(), primary_key=True),
        sa.Column("document", sa.Integer(), sa.ForeignKey("documents.id"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
    )
    op.create_index("ix_origins_document", "origins", ["document"])
    op.create_table(
        "pages",
        sa.Column("document", sa.Integer(), sa.ForeignKey("documents.id"), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("layout", sa.LargeBinary()),
    )


def _passages() -> None:
    op.create_table(
        "passages",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("document", sa.Integer(), sa.ForeignKey("documents.id"), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("heading", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_passages_document", "passages", ["document"])
    op.create_index("ix_passages_digest", "passages", ["digest"])
    op.create_table(
        "vectors",
        sa.Column("digest", sa.LargeBinary(), primary_key=True),
        sa.Column("embedder", sa.LargeBinary(), primary_key=True),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "library_state",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.execute("INSERT INTO library_state (id, version) VALUES (1, 0)")


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("roots", sa.Text(), nullable=False),
        sa.Column("walked", sa.Boolean(), nullable=False),
        sa.Column("stop", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "job_files",
        sa.Column("job", sa.Text(), sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("n", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("path", sa.LargeBinary()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("document", sa.Integer()),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("passages", sa.Integer(), nullable=False),
        sa.Column("warnings", sa.Text(), nullable=False),
    )
    op.create_index("ix_job_files_digest", "job_files", ["digest"])
    op.create_index("ix_job_files_document", "job_files", ["document"])
