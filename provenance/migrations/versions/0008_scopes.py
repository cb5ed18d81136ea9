"""Where a conversation's questions look, and which document took the place of an older version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("conversations", sa.Column("scope", sa.Text()))
    op.create_table(
        "successors",
        sa.Column("former", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("document", sa.Integer(), nullable=False),
    )
    op.create_index("ix_successors_document", "successors", ["document"])
