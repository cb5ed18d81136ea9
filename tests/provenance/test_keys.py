"""The ledger's keys: made once, for the owner alone; rotated with a proof, replaced when lost, whole after a crash."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from provenance import keys as keys_module
from provenance.errors import CredentialError
from provenance.keys import LedgerKeys
from provenance.note import open_note, sign_note

posix = pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")


@pytest.fixture
def keys(home: Path) -> LedgerKeys:
    return LedgerKeys(home / "keys" / "ledger")


def test_the_first_use_makes_a_key_and_the_next_uses_it(keys: LedgerKeys, home: Path) -> None:
    assert keys.history() == []
    key = keys.current()
    again = LedgerKeys(home / "keys" / "ledger")
    assert again.current().verifier == key.verifier
    assert again.known() == [key.verifier]
    [record] = keys.history()
    assert (record.end, record.until, keys.vouched(record)) == ("", "", True)


@posix
def test_keys_belong_to_their_owner_alone(keys: LedgerKeys, home: Path) -> None:
    keys.current()
    keys.rotate()
    folder = home / "keys" / "ledger"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()} == {0o600}


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_can_touch_is_refused_with_a_hint(keys: LedgerKeys, home: Path, mode: int) -> None:
    keys.current()
    path = home / "keys" / "ledger" / "current.key"
    path.chmod(mode)
    with pytest.raises(CredentialError, match="read by others") as refused:
        keys.current()
    assert f"chmod 600 {path}" in refused.value.hint
    path.chmod(0o600)
    assert keys.current()


def test_rotation_is_vouched_for_by_the_old_key_whose_private_half_goes(keys: LedgerKeys, home: Path) -> None:
    old = keys.current()
    note = sign_note("signed before\n", [old])
    new = keys.rotate()
    assert new.verifier != old.verifier
    assert new.name == old.name
    assert keys.current().verifier == new.verifier
    assert open_note(note, keys.known())[1] == [old.verifier]
    first, second = keys.history()
    assert (first.end, second.end, keys.vouched(second)) == ("rotated", "", True)
    [statement] = (home / "keys" / "ledger" / "rotations").iterdir()
    text, signers = open_note(statement.read_text(), [old.verifier])  # for someone who knows the old key only
    assert str(new.verifier) in text
    assert signers == [old.verifier]
    statement.write_text(statement.read_text().replace("rotation", "rotatiom"))
    assert not keys.vouched(second)
    statement.unlink()
    assert not keys.vouched(second)


def test_a_lost_key_is_named_and_replaced_and_what_it_signed_still_counts(keys: LedgerKeys, home: Path) -> None:
    old = keys.current()
    with pytest.raises(CredentialError, match="not lost"):
        keys.replace_lost()
    (home / "keys" / "ledger" / "current.key").unlink()
    for use in (keys.current, keys.rotate):
        with pytest.raises(CredentialError, match="missing") as refused:
            use()
        assert "stays verifiable" in refused.value.hint
    new = keys.replace_lost()
    assert keys.known() == [old.verifier, new.verifier]
    first, second = keys.history()
    assert (first.end, keys.vouched(second)) == ("lost", False)


def test_without_a_key_there_is_nothing_to_rotate_or_replace(keys: LedgerKeys) -> None:
    for use in (keys.rotate, keys.replace_lost):
        with pytest.raises(CredentialError, match="no key yet"):
            use()


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_damaged_key_is_said_plainly(keys: LedgerKeys, home: Path, content: bytes) -> None:
    keys.current()
    (home / "keys" / "ledger" / "current.key").write_bytes(content)
    with pytest.raises(CredentialError, match="damaged"):
        keys.current()


def test_a_key_of_another_ledger_is_refused(keys: LedgerKeys, home: Path) -> None:
    keys.current()
    LedgerKeys(home / "other").current()
    (home / "other" / "current.key").replace(home / "keys" / "ledger" / "current.key")
    with pytest.raises(CredentialError, match="not the one"):
        keys.current()


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b'[{"vkey": "x", "since": ""}]', b"[1]", b"\xff"])
def test_a_lost_or_damaged_list_of_keys_is_not_made_anew(keys: LedgerKeys, home: Path, content: bytes | None) -> None:
    keys.current()
    path = home / "keys" / "ledger" / "public.json"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(CredentialError, match="public keys"):
        keys.current()


def test_a_list_whose_last_key_has_ended_is_refused(keys: LedgerKeys, home: Path) -> None:
    keys.current()
    path = home / "keys" / "ledger" / "public.json"
    rows = json.loads(path.read_text())
    path.write_text(json.dumps([{**rows[0], "end": "rotated"}]))
    with pytest.raises(CredentialError, match="public keys"):
        keys.history()


def test_a_crash_at_any_step_of_a_change_leaves_a_usable_key(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write and every rename may be the last thing that happens."""
    write, replace = keys_module.write_private, Path.replace
    for step in range(9):
        keys = LedgerKeys(home / str(step))
        old = keys.current()
        left = [step]

        def fail(left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt

        def failing_write(path: Path, data: bytes, fail: object = fail) -> None:
            fail()  # type: ignore[operator]
            write(path, data)

        def failing_replace(self: Path, target: Path, fail: object = fail) -> Path:
            fail()  # type: ignore[operator]
            return replace(self, target)

        with monkeypatch.context() as patched:
            patched.setattr(keys_module, "write_private", failing_write)
            patched.setattr(Path, "replace", failing_replace)
            try:
                keys.rotate()
            except KeyboardInterrupt:
                crashed = True
            else:
                crashed = False
        assert crashed == (step < 7)  # three files are written, each a write and a rename, then the key is put in place
        after = LedgerKeys(home / str(step)).current()
        known = keys.known()
        assert after.verifier == known[-1]
        assert old.verifier in known
        assert all(keys.vouched(record) for record in keys.history())
        assert not (home / str(step) / "next.key").exists()
        keys.rotate()
