"""Collections, the documents in them, and the collection that an ingest job fills."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "collections",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_collections_folded", "collections", ["folded"], unique=True)
    op.create_table(
        "collection_documents",
        sa.Column("collection", sa.Integer(), sa.ForeignKey("collections.id"), primary_key=True, autoincrement=False),
        sa.Column("document", sa.Integer(), sa.ForeignKey("documents.id"), primary_key=True, autoincrement=False),
    )
    op.create_index("ix_collection_documents_document", "collection_documents", ["document"])
    op.add_column("jobs", sa.Column("collection", sa.Integer()))
