"""The ledger: append-only entries, and the erasable contents they commit to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# RAISE(ABORT) inside a trigger stops the statement, whoever sends it. INSERT OR REPLACE does not fire DELETE triggers,
# so the INSERT trigger itself demands the next number and the last digest.
TRIGGERS = {
    "ledger_entry_follows": """
        BEFORE INSERT ON ledger_entry
        WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM ledger_entry)
          OR NEW.previous IS NOT coalesce((SELECT digest FROM ledger_entry ORDER BY seq DESC LIMIT 1),
                                      'v1:0000000000000000000000000000000000000000000000000000000000000000')
        BEGIN SELECT RAISE(ABORT, 'a ledger entry must follow the last one'); END""",
    "ledger_entry_no_update": """
        BEFORE UPDATE ON ledger_entry
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    "ledger_entry_no_delete": """
        BEFORE DELETE ON ledger_entry
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    "ledger_content_no_replace": """
        BEFORE INSERT ON ledger_content
        WHEN EXISTS (SELECT 1 FROM ledger_content WHERE seq = NEW.seq AND name = NEW.name)
        BEGIN SELECT RAISE(ABORT, 'a recorded content cannot be replaced'); END""",
    "ledger_content_erase_only": """
        BEFORE UPDATE ON ledger_content
        WHEN NEW.seq IS NOT OLD.seq OR NEW.name IS NOT OLD.name OR OLD.erased_at IS NOT NULL
          OR NEW.salt IS NOT NULL OR NEW.text IS NOT NULL OR NEW.data IS NOT NULL
          OR NEW.erased_at IS NULL OR NEW.erased_by IS NULL
        BEGIN SELECT RAISE(ABORT, 'a recorded content can only be erased, by an erasure event'); END""",
    "ledger_content_no_delete": """
        BEFORE DELETE ON ledger_content
        BEGIN SELECT RAISE(ABORT, 'a recorded content can only be erased, by an erasure event'); END""",
}


def upgrade() -> None:
    op.create_table(
        "ledger_entry",
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
    )
    op.create_index("ix_ledger_entry_run_kind", "ledger_entry", ["run", "kind"])
    op.create_index("ix_ledger_entry_kind", "ledger_entry", ["kind"])
    op.create_table(
        "ledger_content",
        sa.Column("seq", sa.Integer(), sa.ForeignKey("ledger_entry.seq"), primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("salt", sa.LargeBinary()),
        sa.Column("text", sa.Text()),
        sa.Column("data", sa.LargeBinary()),
        sa.Column("erased_at", sa.Text()),
        sa.Column("erased_by", sa.Integer(), sa.ForeignKey("ledger_entry.seq")),
    )
    op.create_index("ix_ledger_content_name_seq", "ledger_content", ["name", "seq"])
    if op.get_bind().dialect.name == "sqlite":
        for name, rule in TRIGGERS.items():
            op.execute(f"CREATE TRIGGER {name} {rule}")
