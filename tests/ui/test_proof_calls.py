"""Checkpoints, proofs and keys through the real services: made by themselves, and what they show."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from provenance.errors import AppError, CredentialError, LedgerCorruptError, NotFoundError, UsageError
from provenance.merkle import verify_consistency
from provenance.note import VerifierKey
from provenance.proof import check_proof
from tests.provenance.test_note import read_note
from tests.ui.houses import BAKERY, KEEPER, Build, ask, fill, house, make
from ui.services import Services

__all__ = ["house", "make"]


def _soon(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not ready() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ready()


def _all_signed(house: Services) -> bool:
    state = house.checkpoints()
    return state.newest is not None and state.newest.size == state.events


def test_the_ledger_is_signed_by_itself_once_it_is_quiet(make: Build) -> None:
    house = make(checkpoint_quiet_s=0.1)
    assert house.checkpoints().newest is None
    fill(house, keeper=KEEPER)
    ask(house, "Who is the keeper of the lighthouse?")
    _soon(lambda: _all_signed(house))
    before = house.checkpoints()
    time.sleep(0.5)
    assert house.checkpoints() == before  # a quiet ledger is signed once
    assert house.record("ledger").events[0].kind == "ledger_key"


def test_many_events_are_signed_without_waiting_for_quiet(make: Build) -> None:
    house = make(checkpoint_events=5)
    fill(house, keeper=KEEPER)
    ask(house, "Who is the keeper of the lighthouse?")
    _soon(lambda: house.checkpoints().newest is not None)


def test_a_running_answer_is_not_disturbed_and_the_end_signs_everything(make: Build) -> None:
    house = make(seed=40, checkpoint_quiet_s=0.05)
    fill(house, keeper=KEEPER)
    _soon(lambda: _all_signed(house))
    signed = house.checkpoints().newest
    run = house.ask("Who is the keeper of the lighthouse?")
    made = set()
    for _ in house.watch(run):
        newest = house.checkpoints().newest
        made.add(newest and newest.size)
    assert made == {signed and signed.size}
    house = make()
    state = house.checkpoints()
    assert state.newest is not None and state.newest.size == state.events
    assert house.verify().signed == state.events


def test_a_folder_that_is_put_back_to_an_older_copy_is_caught(house: Services, make: Build, tmp_path: Path) -> None:
    home = tmp_path / "home"
    ask(house, "Who is the keeper of the lighthouse?")
    house.checkpoint()
    house.parts.close()
    shutil.copytree(home, tmp_path / "older")
    house = make()
    ask(house, "How many loaves does the bakery sell?")
    kept, code = house.checkpoint().note, house.checkpoint().code
    house.parts.close()
    shutil.rmtree(home)
    shutil.copytree(tmp_path / "older", home)
    house = make()
    assert house.verify().ok  # the folder alone cannot know
    found = house.verify(notes=[kept])
    assert not found.ok and "older copy" in found.reason and found.first_bad == found.events + 1
    assert not house.verify(codes=[code]).ok
    with pytest.raises(UsageError, match="was made at"):
        house.consistency(kept)


def test_the_second_place_catches_it_alone_and_refuses_to_sign(make: Build, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    house = make(checkpoint_folder=stick)
    fill(house, keeper=KEEPER)
    house.checkpoint()
    house.parts.close()
    shutil.copytree(tmp_path / "home", tmp_path / "older")
    house = make(checkpoint_folder=stick)
    fill(house, bakery=BAKERY)
    house.checkpoint()
    house.parts.close()
    shutil.rmtree(tmp_path / "home")
    shutil.copytree(tmp_path / "older", tmp_path / "home")
    house = make(checkpoint_folder=stick)
    assert not house.verify().ok
    with pytest.raises(LedgerCorruptError):
        house.checkpoint()
    assert "last signed" in house.checkpoints().problem
    ledger = next(check for check in house.doctor() if check.name == "ledger")
    assert not ledger.ok


def test_a_second_place_that_is_away_is_a_note_and_no_fault(make: Build, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file stands where the stick would be mounted")
    house = make(checkpoint_folder=blocked / "stick")
    fill(house, keeper=KEEPER)
    house.checkpoint()
    found = house.verify()
    assert found.ok and any("second place" in note for note in found.notes)
    assert not house.checkpoints().second_there


def test_a_checkpoint_of_another_ledger_does_not_count(house: Services, make: Build, tmp_path: Path) -> None:
    kept = house.checkpoint().note
    house.parts.close()
    shutil.rmtree(tmp_path / "home")
    other = make()
    fill(other, keeper=KEEPER)
    other.checkpoint()
    found = other.verify(notes=[kept])
    assert not found.ok and "not this ledger's" in found.reason and found.first_bad is None
    with pytest.raises(CredentialError):
        other.consistency(kept)


def test_a_run_is_proved_to_an_outsider(house: Services) -> None:
    run = ask(house, "Who is the keeper of the lighthouse?").run
    found = house.prove(run)
    events = house.record(run).events
    assert [proof.seq for proof in found.proofs] == [event.seq for event in events]
    for proof, event in zip(found.proofs, events, strict=True):
        seq, checkpoint = check_proof(proof.proof, event.digest, [VerifierKey.parse(found.vkey)])
        assert (seq, checkpoint.size) == (event.seq, found.size)
        with pytest.raises(CredentialError):
            check_proof(proof.proof, events[0].digest if event is not events[0] else events[1].digest, [])
    assert read_note(found.checkpoint, found.vkey).split("\n")[1] == str(found.size)
    assert [proof.seq for proof in house.prove("1").proofs] == [1]
    for nobody in ("0", "99999", "r-none", str(10**30)):
        with pytest.raises(NotFoundError):
            house.prove(nobody)


def test_two_checkpoints_are_shown_to_be_one_history(house: Services) -> None:
    old = house.checkpoint()
    ask(house, "Who is the keeper of the lighthouse?")
    new = house.checkpoint()
    found = house.consistency(old.note, new.note)
    assert found.ok and (found.old_size, found.new_size) == (old.size, new.size)
    proof = [base64.b64decode(part) for part in found.proof]
    assert verify_consistency(old.size, new.size, bytes.fromhex(old.root), bytes.fromhex(new.root), proof)
    assert house.consistency(new.note, old.note).old_size == old.size  # whichever is named first
    assert house.consistency("3").ok and house.consistency("0", "4").ok
    with pytest.raises(UsageError):
        house.consistency("999999")


def test_keys_are_private_rotate_and_may_get_lost(house: Services, tmp_path: Path) -> None:
    first = house.checkpoint()
    key = tmp_path / "home" / "keys" / "ledger" / "current.key"
    assert key.stat().st_mode & 0o077 == 0 and key.parent.stat().st_mode & 0o077 == 0
    second = house.rotate_key()
    assert second.vouched and house.verify().ok and house.consistency(first.note).ok
    key.unlink()
    with pytest.raises(CredentialError, match="missing"):
        house.checkpoint()
    third = house.rotate_key(lost=True)
    assert not third.vouched and [row.end for row in house.signing_keys()] == ["rotated", "lost", ""]
    found = house.verify(notes=[first.note])
    assert found.ok and found.checkpoints >= 3
    with pytest.raises(CredentialError, match="not lost"):
        house.rotate_key(lost=True)


def test_a_key_that_all_may_read_signs_nothing_and_stops_no_answer(make: Build, tmp_path: Path) -> None:
    house = make()
    fill(house, keeper=KEEPER)
    house.checkpoint()
    key = tmp_path / "home" / "keys" / "ledger" / "current.key"
    key.chmod(0o644)
    house = make()
    assert not ask(house, "Who is the keeper of the lighthouse?").refused
    with pytest.raises(AppError, match="can be read by others"):
        house.checkpoint()
    assert "chmod 600" in house.checkpoints().problem
    assert house.verify().ok
    key.chmod(0o600)
    assert house.checkpoint().size == house.checkpoints().events and not house.checkpoints().problem
