"""The schema's history, applied by Alembic when a database is opened.

Every room keeps its tables in its own module; a migration here spells the operations out, so an old database can
always be brought forward whatever the code says today. A test compares the migrated schema with the rooms' tables.
A file in `versions/` is named `<revision>_<what>.py`, with revisions "0001", "0002" ... in order: so the newest one
is known from the file names, and opening a database that is up to date costs one read and no Alembic.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, inspect, text

from provenance.errors import StorageError

__all__ = ["head", "upgrade"]


def head() -> str:
    """The newest revision this program knows."""
    names = (path.stem for path in (Path(__file__).parent / "versions").glob("[0-9]*_*.py"))
    return max(name.split("_", 1)[0] for name in names)


def upgrade(engine: Engine) -> None:
    """Bring the schema to head. Two processes may call it at once: the second waits, then finds nothing to do.

    Raises:
        StorageError: If a newer version of the program has written this database.
    """
    current = _current(engine)
    if current == head():
        return
    if current is not None and current > head():
        raise StorageError(
            "The data folder was written by a newer version of Wherefrom.",
            hint="Update this installation, or name another data folder with WHEREFROM_HOME.",
        )
    _upgrade_to_head(engine)


def _current(engine: Engine) -> str | None:
    with engine.connect() as conn, conn.begin():
        if not inspect(conn).has_table("alembic_version"):
            return None
        revision = conn.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return None if revision is None else str(revision)


def _upgrade_to_head(engine: Engine) -> None:
    from alembic import command  # 0.2 s that only a fresh or an old database pays
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    with engine.connect() as conn:
        conn = conn.execution_options(wherefrom_write=True)
        with conn.begin():
            config.attributes["connection"] = conn
            command.upgrade(config, "head")
