"""Tampering of every kind is found, and named where it was done."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.ledger_faults import COLUMNS, change_byte, delete, insert, swap, tampering, write_sample
from provenance import verification
from provenance.database import Database, open_database, sqlite_url
from provenance.errors import StorageError, UsageError
from provenance.ledger import Entry, Head, Ledger, Verification

EVENTS = 24
rows = st.integers(1, EVENTS)
relaxed = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Head]:
    """A ledger in one file, and its head, kept elsewhere."""
    path = tmp_path_factory.mktemp("sample") / "sample.db"
    return path, Head.parse(write_sample(path, EVENTS))


@pytest.fixture
def copy(sample: tuple[Path, Head], tmp_path: Path) -> Path:
    return Path(shutil.copy(sample[0], tmp_path / "copy.db"))


def _verify(path: Path, expected_head: Head | str | None = None) -> Verification:
    database = Database(sqlite_url(path))
    try:
        return Ledger(database).verify(expected_head=expected_head)
    finally:
        database.close()


def _after(path: Path, harm: Callable[[sqlite3.Connection], int], expected_head: Head | None = None) -> Verification:
    """The verdict on a fresh copy after some harm; checks that it is named where it was done."""
    copy = path.with_name("harmed.db")
    shutil.copy(path, copy)
    with tampering(copy) as raw:
        expected = harm(raw)
    found = _verify(copy, expected_head)
    assert (found.ok, found.first_bad) == (False, expected), found.reason
    assert found.reason
    return found


def test_an_untouched_ledger_verifies(sample: tuple[Path, Head]) -> None:
    path, head = sample
    found = _verify(path, expected_head=head)
    assert (found.ok, found.events, found.head, found.first_bad, found.notes) == (True, EVENTS, head.digest, None, ())
    assert _verify(path, expected_head=str(head)).ok
    assert _verify(path, expected_head=head.digest).ok


def test_an_empty_ledger_verifies(ledger: Ledger) -> None:
    head = ledger.head()
    assert ledger.verify(expected_head=head).ok
    ledger.append(kind="request", run="r-1", body={})
    assert ledger.verify(expected_head=head).ok


@relaxed
@given(seq=rows, column=st.sampled_from(COLUMNS), position=st.integers(0, 10_000), mask=st.integers(1, 255))
def test_a_changed_byte_is_found(sample: tuple[Path, Head], seq: int, column: str, position: int, mask: int) -> None:
    _after(sample[0], lambda raw: change_byte(raw, seq, column, position, mask))


@relaxed
@given(seq=st.integers(1, EVENTS - 1))
def test_a_deleted_row_is_found(sample: tuple[Path, Head], seq: int) -> None:
    _after(sample[0], lambda raw: delete(raw, seq))


@relaxed
@given(pair=st.lists(rows, min_size=2, max_size=2, unique=True))
def test_swapped_rows_are_found(sample: tuple[Path, Head], pair: list[int]) -> None:
    _after(sample[0], lambda raw: swap(raw, pair[0], pair[1]))


@relaxed
@given(seq=rows, forged=st.booleans())
def test_an_inserted_row_is_found(sample: tuple[Path, Head], seq: int, forged: bool) -> None:
    _after(sample[0], lambda raw: insert(raw, seq, forged=forged))


@pytest.mark.parametrize(("seq", "new", "named"), [(3, 99, 3), (3, 0, 0), (3, -7, -7), (EVENTS, EVENTS + 1, EVENTS)])
def test_a_moved_row_is_found(copy: Path, seq: int, new: int, named: int) -> None:
    with tampering(copy) as raw:
        raw.execute("UPDATE ledger_entry SET seq = ? WHERE seq = ?", (new, seq))
    assert _verify(copy).first_bad == named


def test_a_row_of_another_type_is_found(copy: Path) -> None:
    with tampering(copy) as raw:
        raw.execute("UPDATE ledger_entry SET body = CAST(body AS BLOB) WHERE seq = 5")
    assert _verify(copy).first_bad == 5


@pytest.mark.parametrize("keep", [0, 1, EVENTS // 2, EVENTS - 1])
def test_a_cut_tail_is_found_by_who_kept_the_head(sample: tuple[Path, Head], keep: int) -> None:
    path, head = sample

    def cut(raw: sqlite3.Connection) -> int:
        raw.execute("DELETE FROM ledger_content WHERE seq > ?", (keep,))
        raw.execute("DELETE FROM ledger_entry WHERE seq > ?", (keep,))
        return keep + 1

    found = _after(path, cut, head)
    assert "cut off" in found.reason
    harmed = path.with_name("harmed.db")
    assert _verify(harmed).ok  # without a head kept elsewhere it cannot be seen, and the docs say so
    assert _verify(harmed, head.digest).first_bad == keep + 1


def test_a_ledger_written_anew_is_found_by_who_kept_the_head(sample: tuple[Path, Head], tmp_path: Path) -> None:
    forged = tmp_path / "forged.db"
    write_sample(forged, EVENTS + 3)
    found = _verify(forged, expected_head=sample[1])
    assert (found.ok, found.first_bad) == (False, EVENTS)
    assert "anew" in found.reason


def test_an_older_head_is_still_expected_when_the_ledger_has_grown(ledger: Ledger) -> None:
    ledger.append(kind="request", run="r-1", body={})
    head = ledger.head()
    ledger.append(kind="answer", run="r-1", body={})
    assert ledger.verify(expected_head=head).ok
    assert not ledger.verify(expected_head=Head(seq=2, digest=head.digest)).ok


def test_what_is_not_a_head_is_refused(ledger: Ledger) -> None:
    for text in ("", "12", "12:abc", "v1:" + "0" * 63, "-1:v1:" + "0" * 64):
        with pytest.raises(UsageError):
            ledger.verify(expected_head=text)


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        ("UPDATE ledger_content SET text = text || ' '", "changed"),
        ("UPDATE ledger_content SET salt = randomblob(32)", "changed"),
        ("UPDATE ledger_content SET salt = 'text'", "changed"),
        ("UPDATE ledger_content SET data = x'00'", "changed"),
        ("UPDATE ledger_content SET data = CAST('other' AS BLOB), text = NULL", "changed"),
        ("DELETE FROM ledger_content", "missing"),
        ("UPDATE ledger_content SET name = 'renamed'", "added later"),
        ("UPDATE ledger_content SET text = NULL, salt = NULL, erased_at = 'now'", "no erasure"),
        ("UPDATE ledger_content SET text = NULL, salt = NULL, erased_at = 'now', erased_by = 9", "no erasure"),
    ],
)
def test_a_touched_content_is_found(copy: Path, harm: str, word: str) -> None:
    with tampering(copy) as raw:
        raw.execute(f"{harm} WHERE seq = 7")
    found = _verify(copy)
    assert found.first_bad == 7
    assert word in found.reason


@pytest.mark.parametrize("seq", [-1, 2, EVENTS + 5])
def test_an_added_content_is_found(copy: Path, seq: int) -> None:
    with tampering(copy) as raw:
        raw.execute("INSERT INTO ledger_content (seq, name, salt, text) VALUES (?, 'note', x'00', 'planted')", (seq,))
    assert _verify(copy).first_bad == seq


def test_triggers_refuse_every_change_through_sql(copy: Path) -> None:
    raw = sqlite3.connect(copy)
    before = list(raw.iterdump())
    for harm in (
        "UPDATE ledger_entry SET body = '{}'",
        "DELETE FROM ledger_entry",
        "INSERT OR REPLACE INTO ledger_entry SELECT 1, at, run, kind, '{}', previous, digest FROM ledger_entry LIMIT 1",
        f"INSERT INTO ledger_entry SELECT {EVENTS + 2}, at, run, kind, '{{}}', digest, 'd' FROM ledger_entry"
        f" WHERE seq = {EVENTS}",
        f"INSERT INTO ledger_entry VALUES ({EVENTS + 1}, 'a', 'r', 'k', '{{}}', 'not the last', 'd')",
        "UPDATE ledger_content SET text = 'other'",
        "UPDATE ledger_content SET text = NULL, salt = NULL, erased_at = 'now'",
        "DELETE FROM ledger_content",
        "INSERT OR REPLACE INTO ledger_content (seq, name, text) VALUES (1, 'question', 'other')",
    ):
        with pytest.raises(sqlite3.IntegrityError, match=r"append-only|follow|erased|replaced"):
            raw.execute(harm)
        raw.rollback()
    assert list(raw.iterdump()) == before
    raw.close()


def test_missing_triggers_are_noted(copy: Path) -> None:
    with tampering(copy):
        pass
    found = _verify(copy)
    assert found.ok
    assert "ledger_entry_no_update" in found.notes[0]


def test_a_clock_that_was_set_back_is_noted_and_harms_nothing(database: Database) -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    times = iter([now, now - timedelta(hours=3), now + timedelta(seconds=1)])
    ledger = Ledger(database, clock=lambda: next(times))
    for _ in range(3):
        ledger.append(kind="plan", run="r-1", body={})
    found = ledger.verify()
    assert (found.ok, found.notes) == (True, ("The clock was set back before entry 2.",))
    ledger.close()


def test_rows_hidden_from_an_index_are_found(copy: Path) -> None:
    """`record` reads by index: a row that is missing there would be missing from the record."""
    with sqlite3.connect(copy) as raw:
        [(page,)] = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_ledger_entry_run_kind'")
        [(size,)] = raw.execute("PRAGMA page_size")
    raw.close()
    content = bytearray(copy.read_bytes())
    place = content.rindex(b"r-0", (page - 1) * size, page * size)
    content[place + 2] ^= 0x10
    copy.write_bytes(content)
    found = _verify(copy)
    assert not found.ok
    assert "damaged" in found.reason


def test_an_unreadable_row_is_named(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "CHUNK", 10)
    with tampering(copy) as raw:
        raw.execute("UPDATE ledger_entry SET body = CAST(x'ff' AS TEXT) WHERE seq = 17")
    found = _verify(copy)
    assert (found.first_bad, found.events) == (17, 16)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
def test_no_flipped_byte_of_the_file_changes_the_record_unseen(
    sample: tuple[Path, Head], place: float, mask: int
) -> None:
    path, head = sample
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= mask
    copy = path.with_name("flipped.db")
    copy.write_bytes(content)
    try:
        found = _verify(copy, expected_head=head)
    except StorageError:
        return  # so damaged that it does not open
    if found.ok:  # a byte nobody reads
        assert _everything(copy) == _everything(path)


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1, 0.003, 0.0])
def test_a_file_cut_in_the_middle_is_found_and_left_as_it_is(sample: tuple[Path, Head], share: float) -> None:
    path, head = sample
    content = path.read_bytes()
    copy = path.with_name("cut.db")
    copy.write_bytes(content[: int(share * len(content))])
    try:
        found = _verify(copy, expected_head=head)
    except StorageError:
        return  # SQLite does not open it, and says so
    assert not found.ok
    assert copy.read_bytes()[:4096] == content[: int(share * len(content))][:4096]


def _everything(path: Path) -> list[Entry]:
    database = Database(sqlite_url(path))
    entries = Ledger(database).entries(contents=True)
    database.close()
    return entries


def test_verification_reads_in_chunks(sample: tuple[Path, Head], monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (1, 2, 7, EVENTS, EVENTS + 1):
        monkeypatch.setattr(verification, "CHUNK", size)
        assert _verify(sample[0], expected_head=sample[1]).events == EVENTS


def test_a_locked_file_is_an_error_not_a_verdict(home: Path) -> None:
    database = open_database(sqlite_url(home / "wherefrom.db"), busy_timeout_ms=20)
    Ledger(database).append(kind="plan", run="r-1", body={})
    database.close()
    holder = sqlite3.connect(home / "wherefrom.db", isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageError, match="locked"):
        Ledger(database).verify()
    holder.close()
    database.close()
