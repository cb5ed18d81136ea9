"""Opening a database: fresh, current, too new, and by several processes at once."""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from provenance import migrations
from provenance.database import Database, open_database, sqlite_url
from provenance.errors import StorageError
from provenance.tables import metadata

OPEN = """
import sys
from provenance.database import open_database
from provenance.ledger import Ledger
for url in sys.argv[1:]:
    print("ready", flush=True)
    sys.stdin.readline()  # all go on at the same moment
    database = open_database(url, busy_timeout_ms=600_000)  # how long the others take says how busy the machine is
    print(Ledger(database).append(kind="request", run="r-1", body={}).seq, flush=True)
    database.close()
"""


def test_the_migrated_schema_is_the_one_the_rooms_declare(database: Database) -> None:
    for room in (
        "retrieval.tables",
        "agent.tables",
        "provenance.fingerprint",
    ):  # importing them adds their tables to `metadata`
        if importlib.util.find_spec(room):
            importlib.import_module(room)
    with database.read() as conn:
        context = MigrationContext.configure(conn, opts={"include_name": _is_no_full_text_index})
        assert compare_metadata(context, metadata) == []


def _is_no_full_text_index(name: str | None, kind: str, _parents: object) -> bool:
    """A virtual table and its shadows cannot be declared in metadata."""
    return kind != "table" or not str(name).startswith("passages_fts")


def test_the_newest_file_name_is_the_head_of_the_history() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.head()]


def test_processes_that_open_a_fresh_database_at_once_all_succeed(tmp_path: Path) -> None:
    urls = [sqlite_url(tmp_path / f"{attempt}.db") for attempt in range(5)]
    with contextlib.ExitStack() as ended:
        children = [ended.enter_context(_child([sys.executable, "-c", OPEN, *urls])) for _ in range(3)]
        for _url in urls:
            assert [_line(child) for child in children] == ["ready"] * 3
            for child in children:
                assert child.stdin is not None
                child.stdin.write("\n")
                child.stdin.flush()
            assert sorted(_line(child) for child in children) == ["1", "2", "3"]
        assert [child.wait() for child in children] == [0, 0, 0]


@contextlib.contextmanager
def _child(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that is spoken to, and gone afterwards. It may take its time: the test's own limit ends it."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def _line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def test_opening_a_current_database_takes_no_write_lock_and_no_alembic(database: Database) -> None:
    code = "import sys; from provenance.database import open_database; open_database(sys.argv[1], busy_timeout_ms=0)"
    with database.write():  # held by us: whoever wants to write would fail at once
        subprocess.run([sys.executable, "-c", f"{code}; assert 'alembic' not in sys.modules", database.url], check=True)


def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    with database.write() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StorageError, match="newer version"):
        open_database(database.url)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wherefrom.db"
    path.write_bytes(b"a letter to my aunt " * 100)
    with pytest.raises(StorageError, match="damaged"):
        open_database(sqlite_url(path))


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be made"):
        open_database(sqlite_url(tmp_path / "file" / "wherefrom.db"))
