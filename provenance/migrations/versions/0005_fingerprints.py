"""Fingerprints of answers, and the bands by which they are found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fingerprints",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text()),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("sketch", sa.LargeBinary()),
    )
    op.create_index("ix_fingerprints_run", "fingerprints", ["run"])
    op.create_index("ix_fingerprints_digest", "fingerprints", ["digest"])
    op.create_table(
        "fingerprint_bands",
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("fingerprint", sa.Integer(), sa.ForeignKey("fingerprints.id"), primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_fingerprint_bands_fingerprint", "fingerprint_bands", ["fingerprint"])
