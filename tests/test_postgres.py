"""What is kept on PostgreSQL behaves there as on SQLite. Documents are not: they need SQLite's full-text search.

Needs a server and its driver: `pip install psycopg[binary]`, and WHEREFROM_TEST_POSTGRES with a URL such as
postgresql+psycopg://postgres@127.0.0.1:5432/postgres whose user may make databases. Skips, saying so, without.
"""

from __future__ import annotations

import importlib
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url, select, text

from agent.conversations import Conversations
from provenance.database import Database, open_database
from provenance.errors import ConfigError, NotFoundError, StorageError, UsageError
from provenance.ledger import Ledger, new_run_id
from provenance.tables import metadata
from provenance.verification import verify
from retrieval.collection import Collections
from retrieval.library import Library
from retrieval.membership import follow, leave_all, put_if_there
from retrieval.store import NewDocument, Store
from retrieval.succession import current
from retrieval.tables import collection_documents
from retrieval.testing import HashEmbedder, PlainParser

SERVER = os.environ.get("WHEREFROM_TEST_POSTGRES", "")
pytestmark = pytest.mark.skipif(not SERVER, reason="WHEREFROM_TEST_POSTGRES names no server")


@pytest.fixture
def url() -> Iterator[str]:
    """A database of its own, empty."""
    name = f"wherefrom_{secrets.token_hex(6)}"
    server = create_engine(SERVER, isolation_level="AUTOCOMMIT")
    with server.connect() as conn:
        conn.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    with server.connect() as conn:
        conn.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = open_database(url)
    yield opened
    opened.close()


@pytest.fixture
def store() -> Store:
    return Store(embedder=HashEmbedder())


def document(database: Database, store: Store, name: str, *, replaces: int | None = None) -> int:
    """A document without passages, visible."""
    facts = {"path": f"/{name}", "kind": "text", "title": name, "size_bytes": 1, "pages": 0, "passages": 0}
    new = NewDocument(name=name, digest=secrets.token_hex(32), warnings=(), **facts)  # type: ignore[arg-type]
    with database.write() as conn:
        id_ = store.add_document(conn, new)
        if replaces is not None:
            follow(conn, replaces, id_)
        store.publish(conn, id_, replaces=replaces)
    return id_


def test_the_migrated_schema_is_the_one_the_rooms_declare(database: Database) -> None:
    importlib.import_module("provenance.fingerprint")  # the last room that adds its tables to `metadata`
    with database.read() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []


def test_collections_hold_what_they_hold_on_sqlite(database: Database, ledger: Ledger, store: Store) -> None:
    kept = Collections(database, ledger)
    lease, bakery = (document(database, store, name) for name in ("lease.txt", "bakery.txt"))
    thesis = kept.make("Thesis", [lease, bakery, lease])
    assert thesis.documents == (lease, bakery)
    with pytest.raises(UsageError, match="already"):
        kept.make("THESIS")
    with pytest.raises(NotFoundError, match="999"):
        kept.make("Rent", [999])
    newer = document(database, store, "lease.txt", replaces=lease)
    assert kept.find("thesis").documents == (bakery, newer)
    with database.read() as conn:
        assert current(conn, [lease, bakery]) == [newer, bakery]
    assert kept.change("Thesis", remove=[bakery, 999]).documents == (newer,)
    assert kept.rename("Thesis", "Straße").name == "Straße"
    with pytest.raises(UsageError, match="already"):
        kept.make("STRASSE")
    assert kept.forget_names(["straße".casefold()]) == 1
    assert [info.name for info in kept.all()] == [f"(erased {thesis.id})"]
    with database.write() as conn:
        leave_all(conn, newer)
        put_if_there(conn, 999, newer)
        put_if_there(conn, thesis.id, newer)
    kept.delete(f"(erased {thesis.id})")
    with database.read() as conn:
        assert conn.execute(select(collection_documents)).all() == []
    kinds = [entry.kind for entry in ledger.entries()]
    assert kinds == ["collection_made", "collection_changed", "collection_renamed", "collection_deleted"]
    assert verify(database).ok


def test_two_threads_that_write_at_once_lose_no_turn(database: Database) -> None:
    store = Conversations(database)
    conversation = store.create()
    store.append_user(conversation, new_run_id(), "Where?", scope='{"folder": "/a"}')

    def ask() -> None:
        for _ in range(10):
            run = new_run_id()
            store.append_user(conversation, run, "When?")
            store.append_assistant(conversation, run, "Now.")

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [message.turn for message in store.messages(conversation)] == [n for n in range(1, 22) for _ in range(2)]
    assert store.scope(conversation) == '{"folder": "/a"}'


def test_a_reader_sees_one_state_and_waits_for_nobody(database: Database, ledger: Ledger) -> None:
    kept = Collections(database, ledger)
    kept.make("Thesis")
    count = text("SELECT count(*) FROM collections")
    with database.read() as conn:
        assert conn.execute(count).scalar() == 1
        kept.make("Lease")
        assert conn.execute(count).scalar() == 1
    assert len(kept.all()) == 2


def test_a_writer_that_waits_too_long_is_told_so(url: str, database: Database) -> None:
    impatient = Database(url, busy_timeout_ms=50)
    with database.write(), pytest.raises(StorageError, match="locked"), impatient.write():
        pass
    impatient.close()


def test_documents_are_refused_in_a_clear_sentence(database: Database, ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SQLite") as refused:
        Library(tmp_path, database, ledger, embedder=HashEmbedder(), parser=PlainParser())
    assert "WHEREFROM_DATABASE_URL" in refused.value.hint
