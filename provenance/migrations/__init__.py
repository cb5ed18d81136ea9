"""The schema's history, applied by Alembic when a database is opened.

Every room keeps its tables in its own module; a migration here spells the operations out, so an old database can
always be brought forward whatever the code says today. A test compares the migrated schema with the rooms' tables.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

__all__ = ["upgrade"]


def upgrade(engine: Engine) -> None:
    """Bring the schema to head. Two processes may call it at once: the second waits, then finds nothing to do."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    with engine.connect() as conn:
        conn = conn.execution_options(wherefrom_write=True)
        with conn.begin():
            config.attributes["connection"] = conn
            command.upgrade(config, "head")
