"""Checkpoints and proofs: what an outsider can check, and what a tampered or rolled back database cannot hide."""

from __future__ import annotations

import base64
import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.ledger_faults import delete, swap, tampering
from provenance.checkpoint import Checkpoint, code_of, read_code
from provenance.checkpoints import KEPT, Checkpoints
from provenance.database import Database, open_database, sqlite_url
from provenance.entry import entry_digest
from provenance.erasure import erase_run
from provenance.errors import CredentialError, LedgerCorruptError, LedgerError, NotFoundError, StorageError, UsageError
from provenance.keys import LedgerKeys
from provenance.ledger import Event, Ledger
from provenance.merkle import verify_consistency
from provenance.proof import InclusionProof, check_proof
from tests.provenance.test_note import read_note


@pytest.fixture
def keys(home: Path) -> LedgerKeys:
    return LedgerKeys(home / "keys" / "ledger")


@pytest.fixture
def notary(ledger: Ledger, keys: LedgerKeys, home: Path, tmp_path: Path) -> Checkpoints:
    return Checkpoints(ledger, keys, home / "checkpoints", second=tmp_path / "stick")


def _grow(ledger: Ledger, count: int) -> None:
    ledger.append_many([Event(kind="plan", run="r-1", body={"n": n}, contents={"text": "x"}) for n in range(count)])


def _rewrite(raw: sqlite3.Connection, first: int) -> None:
    """Change entry `first` and compute every digest after it anew, as a careful forger would."""
    columns = "seq, at, run, kind, body, previous, digest"
    [(previous,)] = raw.execute("SELECT previous FROM ledger_entry WHERE seq = ?", (first,))
    rows = raw.execute(f"SELECT {columns} FROM ledger_entry WHERE seq >= ? ORDER BY seq", (first,)).fetchall()
    for seq, at, run, kind, body, *_ in rows:
        when = "2020" + at[4:] if seq == first else at
        digest = entry_digest(seq, when, run, kind, previous, body)
        new = (when, previous, digest, seq)
        raw.execute("UPDATE ledger_entry SET at = ?, previous = ?, digest = ? WHERE seq = ?", new)
        previous = digest
    raw.execute("DELETE FROM ledger_tile")


def test_a_checkpoint_is_what_a_second_implementation_of_the_format_reads(
    notary: Checkpoints, ledger: Ledger, keys: LedgerKeys, home: Path
) -> None:
    _grow(ledger, 5)
    made = notary.make()
    [file] = (home / "checkpoints").iterdir()
    note = file.read_text(encoding="utf-8")
    assert note == made.note
    origin, size, root, end = read_note(note, str(keys.known()[0])).split("\n")
    assert (origin, size, end) == (keys.known()[0].name, "6", "")  # the first entry names the key
    layer = [
        hashlib.sha256(b"\x00" + bytes.fromhex(entry.digest.removeprefix("v1:"))).digest() for entry in ledger.entries()
    ]
    pair = [hashlib.sha256(b"\x01" + layer[n] + layer[n + 1]).digest() for n in (0, 2, 4)]
    whole = hashlib.sha256(b"\x01" + hashlib.sha256(b"\x01" + pair[0] + pair[1]).digest() + pair[2]).digest()
    assert base64.b64decode(root) == whole == made.root


def test_making_a_checkpoint_twice_changes_nothing(notary: Checkpoints, ledger: Ledger, home: Path) -> None:
    _grow(ledger, 3)
    first = notary.make()
    assert notary.make() == first
    assert ledger.head().seq == 4
    assert len(list((home / "checkpoints").iterdir())) == 1


def test_the_ledger_says_which_key_signs_it(notary: Checkpoints, ledger: Ledger, keys: LedgerKeys, home: Path) -> None:
    notary.make()
    old = str(keys.known()[0])
    keys.rotate()
    notary.make()
    (home / "keys" / "ledger" / "current.key").unlink()
    keys.replace_lost()
    notary.make()
    told = [entry.body for entry in ledger.entries(kind="ledger_key")]
    assert [body["vouched"] for body in told] == [True, True, False]
    assert [body["vkey"] for body in told] == [str(key) for key in keys.known()]
    assert [body["before"] for body in told] == [None, old, told[1]["vkey"]]
    found = notary.verify()
    assert (found.ok, found.notes) == (True, ())
    assert [one.size for one in notary.exported()] == [1, 2, 3]


def test_without_a_checkpoint_the_verdict_says_what_it_cannot_see(notary: Checkpoints, ledger: Ledger) -> None:
    _grow(ledger, 3)
    found = notary.verify()
    assert found.ok
    assert any("no checkpoint" in note for note in found.notes)


@pytest.fixture
def attack(
    notary: Checkpoints, ledger: Ledger, database: Database, home: Path
) -> Iterator[Callable[[Callable[[sqlite3.Connection], object]], Checkpoints]]:
    """A ledger of 41 entries with checkpoints at 11, 21 and 41; gives the notary of a tampered copy."""
    for count in (10, 10, 20):
        _grow(ledger, count)
        notary.make()
    database.flush_log()
    opened: list[Database] = []

    def tampered(harm: Callable[[sqlite3.Connection], object]) -> Checkpoints:
        copy = home / f"copy-{len(opened)}.db"
        shutil.copy(home / "wherefrom.db", copy)
        with tampering(copy) as raw:
            harm(raw)
        opened.append(Database(sqlite_url(copy)))
        return Checkpoints(Ledger(opened[-1]), LedgerKeys(home / "keys" / "ledger"), home / "checkpoints")

    yield tampered
    for one in opened:
        one.close()


Attack = Callable[[Callable[[sqlite3.Connection], object]], Checkpoints]


def _cut(keep: int) -> Callable[[sqlite3.Connection], object]:
    def harm(raw: sqlite3.Connection) -> None:
        raw.execute("DELETE FROM ledger_content WHERE seq > ?", (keep,))
        raw.execute("DELETE FROM ledger_entry WHERE seq > ?", (keep,))

    return harm


@pytest.mark.parametrize("keep", [0, 1, 11, 20, 40])
def test_a_cut_tail_or_an_older_copy_is_found_and_not_signed(attack: Attack, keep: int) -> None:
    notary = attack(_cut(keep))
    found = notary.verify()
    assert (found.ok, found.first_bad) == (False, keep + 1 if keep >= 20 or keep in (0, 1, 11) else None)
    assert "cut off" in found.reason
    with pytest.raises(LedgerCorruptError):
        notary.make()


@pytest.mark.parametrize(("first", "named"), [(1, 1), (11, 1), (12, 12), (22, 22), (41, 22)])
def test_a_history_written_anew_is_found_between_two_checkpoints(attack: Attack, first: int, named: int) -> None:
    notary = attack(lambda raw: _rewrite(raw, first))
    found = notary.verify()
    assert (found.ok, found.first_bad) == (False, named)
    assert "are not those of the checkpoint" in found.reason
    with pytest.raises(LedgerCorruptError, match="signed"):
        notary.make()


def test_an_older_copy_that_has_grown_again_is_found(attack: Attack) -> None:
    notary = attack(_cut(25))
    _grow(notary._ledger, 30)
    found = notary.verify()
    assert (found.ok, found.first_bad) == (False, 22)
    with pytest.raises(LedgerCorruptError):
        notary.make()


def test_an_old_checkpoint_under_a_higher_number_does_not_hide_the_newest(attack: Attack) -> None:
    notary = attack(_cut(25))
    folder = notary._folders[0]
    shutil.copy(folder / "000000000021.checkpoint", folder / "000000000099.checkpoint")
    with pytest.raises(LedgerCorruptError):
        notary.make()


def test_plain_tampering_keeps_its_own_name(attack: Attack) -> None:
    assert attack(lambda raw: swap(raw, 7, 15)).verify().first_bad == 7
    assert attack(lambda raw: delete(raw, 30)).verify().first_bad == 30


def test_a_printed_code_alone_finds_an_older_copy(notary: Checkpoints, ledger: Ledger, attack: Attack) -> None:
    code = notary.exported()[-1].code
    assert notary.verify(codes=[code.lower().replace("-", " ").replace("0", "O").replace("1", "l")]).ok
    other = attack(_cut(25))
    shutil.rmtree(other._folders[0])
    assert other.verify().ok
    found = other.verify(codes=[code])
    assert (found.ok, found.first_bad) == (False, 26)
    assert "printed code" in found.reason


def test_a_code_with_a_typing_error_is_not_taken_for_tampering() -> None:
    root = hashlib.sha256(b"root").digest()
    code = code_of(1234, root)
    head = read_code(f"  {code.lower()} \n")
    assert (head.size, head.root) == (1234, root[:20])
    for at in range(3, len(code)):
        wrong = code[:at] + ("A" if code[at] != "A" else "B") + code[at + 1 :]
        with pytest.raises(UsageError):
            read_code(wrong)
    for bad in ("", "WF", "WF-1-2-3", code.replace("WF", "XX"), f"{code}-0000"):
        with pytest.raises(UsageError):
            read_code(bad)


def test_a_checkpoint_that_someone_brings_counts_only_if_it_is_ours(
    notary: Checkpoints, ledger: Ledger, attack: Attack, home: Path
) -> None:
    brought = notary.exported()[-1].note
    assert notary.verify(notes=[brought]).ok
    other = attack(_cut(25))
    shutil.rmtree(other._folders[0])
    assert other.verify(notes=[brought]).first_bad == 26
    stranger = Checkpoint.sign(41, bytes(32), LedgerKeys(home / "stranger").current()).note
    for note in (stranger, brought.replace("\n41\n", "\n40\n"), "", brought[:-20]):
        with pytest.raises(CredentialError):
            notary.verify(notes=[note])


def test_a_damaged_or_foreign_copy_is_named_and_the_others_still_count(
    notary: Checkpoints, ledger: Ledger, home: Path, tmp_path: Path
) -> None:
    for _ in range(3):
        _grow(ledger, 4)
        notary.make()
    first, second, third = sorted((home / "checkpoints").iterdir())
    first.write_text(first.read_text().replace("\n5\n", "\n4\n"))
    second.write_bytes(b"\xff\xfe")
    third.write_text(Checkpoint.sign(1, bytes(32), LedgerKeys(tmp_path / "other").current()).note)
    found = notary.verify()
    assert found.ok  # the second place still holds all three
    assert len(found.notes) == 3
    assert [one.size for one in notary.exported()] == [5, 9, 13]


def test_the_second_place_may_be_away_and_the_first_must_be_there(
    ledger: Ledger, keys: LedgerKeys, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "stick").write_text("a file in the way")
    notary = Checkpoints(ledger, keys, home / "checkpoints", second=tmp_path / "stick")
    assert notary.make().size == 1
    assert "not there" in notary.problems()[0]
    assert notary.verify().ok
    blocked = Checkpoints(ledger, keys, tmp_path / "stick")
    with pytest.raises(StorageError, match="cannot be written"):
        blocked.make()


def test_only_the_newest_checkpoints_are_kept(notary: Checkpoints, ledger: Ledger, home: Path) -> None:
    key = notary._keys.current()
    folder = home / "checkpoints"
    folder.mkdir()
    for size in range(KEPT + 5):
        (folder / f"{size:012d}.checkpoint").write_text(Checkpoint.sign(0, hashlib.sha256().digest(), key).note)
    _grow(ledger, KEPT + 10)
    made = notary.make()
    kept = sorted(folder.iterdir())
    assert len(kept) == KEPT
    assert kept[-1].name == f"{made.size:012d}.checkpoint"


def test_damaged_keys_are_said_beside_the_verdict(notary: Checkpoints, ledger: Ledger, home: Path) -> None:
    notary.make()
    (home / "keys" / "ledger" / "public.json").write_text("{")
    found = notary.verify()
    assert found.ok
    assert "could not be checked" in found.notes[0]
    with pytest.raises(CredentialError):
        notary.make()


def test_an_event_is_proved_to_someone_who_has_only_the_proof_and_a_key(
    notary: Checkpoints, ledger: Ledger, keys: LedgerKeys
) -> None:
    _grow(ledger, 70)
    notary.make()
    _grow(ledger, 3)
    for entry in ledger.entries():
        text = str(notary.prove(entry.seq))
        seq, checkpoint = check_proof(text, entry.digest, keys.known())
        assert seq == entry.seq
        assert checkpoint.size == (71 if entry.seq <= 71 else 74)
        assert str(InclusionProof.parse(text)) == text
    with pytest.raises(CredentialError, match="not about this event"):
        check_proof(str(notary.prove(4)), ledger.entries()[4].digest, keys.known())
    for seq in (0, -1, 75):
        with pytest.raises(NotFoundError):
            notary.prove(seq)


def test_a_changed_proof_is_refused(notary: Checkpoints, ledger: Ledger, keys: LedgerKeys) -> None:
    _grow(ledger, 9)
    text, digest = str(notary.prove(5)), ledger.entries()[4].digest
    lines = text.split("\n")
    extra = "\n".join([lines[0], "extra QUJD", *lines[1:]])
    assert check_proof(extra, digest, keys.known())[0] == 5
    bad = [
        text.replace("index 4", "index 5"),
        text.replace("index 4", "index 04"),
        text.replace("v1", "v2", 1),
        text.replace(lines[2], lines[3]),
        text.replace(lines[2] + "\n", ""),
        text.replace(lines[2], "QUJD"),
        text.replace(lines[2], "?"),
        text[:-9],
        "",
        lines[0],
    ]
    for changed in bad:
        assert changed != text
        with pytest.raises(CredentialError):
            check_proof(changed, digest, keys.known())
    with pytest.raises(CredentialError):
        check_proof(text, "4", keys.known())
    with pytest.raises(CredentialError):
        check_proof(text, digest, [])


def test_spoilt_tiles_are_built_anew_and_a_changed_entry_is_never_proved(
    notary: Checkpoints, ledger: Ledger, keys: LedgerKeys, database: Database
) -> None:
    _grow(ledger, 70)
    notary.make()
    for harm in ("UPDATE ledger_tile SET hashes = zeroblob(1024)", "DELETE FROM ledger_tile"):
        with database.write() as conn:
            conn.exec_driver_sql(harm)
        assert check_proof(str(notary.prove(40)), ledger.entries()[39].digest, keys.known())
    with database.write() as conn:
        conn.exec_driver_sql("DROP TRIGGER ledger_entry_no_update")
        conn.exec_driver_sql("UPDATE ledger_entry SET digest = replace(digest, 'a', 'b') WHERE seq = 40")
    with pytest.raises(LedgerCorruptError):
        notary.prove(40)
    with database.write() as conn:
        conn.exec_driver_sql("UPDATE ledger_entry SET digest = 'v1:zz' WHERE seq = 40")
    with pytest.raises(LedgerError, match="damaged"):
        notary.prove(40)


def test_two_checkpoints_are_proved_consistent(notary: Checkpoints, ledger: Ledger) -> None:
    made = []
    for count in (3, 30, 300):
        _grow(ledger, count)
        made.append(notary.make())
    for old in made:
        for new in made:
            if old.size <= new.size:
                proof = notary.consistency(old, new)
                assert verify_consistency(old.size, new.size, old.root, new.root, proof)


def test_an_erasure_leaves_every_proof_and_checkpoint_valid(
    notary: Checkpoints, ledger: Ledger, keys: LedgerKeys
) -> None:
    _grow(ledger, 10)
    proof, digest = str(notary.prove(5)), ledger.entries()[4].digest
    erase_run(ledger, "r-1", requested_by="Ada", reason="asked")
    notary.make()
    found = notary.verify()
    assert (found.ok, found.notes) == (True, ())
    assert check_proof(proof, digest, keys.known())[0] == 5


def test_two_processes_share_keys_and_checkpoints(home: Path) -> None:
    url = sqlite_url(home / "wherefrom.db")
    first, second = open_database(url), open_database(url)
    notaries = [Checkpoints(Ledger(one), LedgerKeys(home / "keys"), home / "checkpoints") for one in (first, second)]
    for notary in notaries * 2:
        _grow(notary._ledger, 3)
        notary.make()
    assert [notary.verify().ok for notary in notaries] == [True, True]
    assert [one.size for one in notaries[0].exported()] == [4, 7, 10, 13]
    for one in (first, second):
        one.close()
