"""Conversations and their messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("named", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Text(), nullable=False),
    )
    op.create_index("ix_conversations_updated_at", "conversations", ["updated_at"])
    op.create_table(
        "messages",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("conversation", sa.Text(), sa.ForeignKey("conversations.id"), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.Column("exchange", sa.Text()),
        sa.Column("evidence", sa.Text()),
        sa.Column("superseded_by", sa.Text()),
        sa.UniqueConstraint("run", "role", name="uq_messages_run_role"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_messages_conversation_turn", "messages", ["conversation", "turn"])
    op.create_index("ix_messages_state", "messages", ["state"])
