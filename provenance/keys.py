"""The key that signs the ledger's checkpoints: made on first use, kept for the owner alone, changed without a break.

The folder holds `current.key` (private, PEM), `public.json` (every public key this ledger ever had, with its time and
how it ended) and `rotations/` (signed notes in which an old key names the new one). All but the first may be shown.

- *Rotation*: the old key signs a note that names the new key, then its private half is deleted. Whoever trusts the old
  key can follow to the new one; checkpoints of the old key stay verifiable for ever.
- *Lost key* (deleted, or a disk failed): nothing that was signed is lost, public keys suffice to verify. A new key
  starts without a signature of the old one, and says so: others must be told the new key by a way they trust.
- *Stolen key*: rotate at once. What the thief signs meanwhile is exposed by checkpoints that were exported before, or
  held by others: no consistency proof leads from those to a forged tree.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from filelock import FileLock

from provenance.errors import CredentialError
from provenance.note import SigningKey, VerifierKey, open_note, sign_note
from provenance.private_file import make_private_folder, read_private, write_private

__all__ = ["KeyRecord", "LedgerKeys"]

_ROTATION = "Wherefrom ledger key rotation"


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyRecord:
    """One key this ledger had. `until` and `end` are empty for the current one."""

    vkey: str
    since: str
    until: str = ""
    end: Literal["", "rotated", "lost"] = ""

    @property
    def key(self) -> VerifierKey:
        """The public key itself."""
        return VerifierKey.parse(self.vkey)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LedgerKeys:
    """The keys of one ledger. Several processes may share the folder."""

    def __init__(self, folder: Path, *, clock: Callable[[], datetime] = _utc_now) -> None:
        self._folder = folder
        self._clock = clock

    def current(self) -> SigningKey:
        """The key that signs now; made, with the ledger's name, on first use.

        Raises:
            CredentialError: If it is missing, damaged, not ours, or readable by others.
        """
        make_private_folder(self._folder)
        with self._locked():
            records = self.history()
            if not records:
                name = f"wherefrom.invalid/ledger/{secrets.token_hex(8)}"
                return self._start(name, [])
            return self._load(records[-1])

    def history(self) -> list[KeyRecord]:
        """Every key so far, oldest first; the last one is current. Empty before the first signature.

        Raises:
            CredentialError: If the list is damaged.
        """
        path = self._folder / "public.json"
        try:
            records = [KeyRecord(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
            if all(record.key for record in records) and not records[-1].end:
                return records
        except FileNotFoundError:
            if not self._path("current").exists():
                return []
        except (OSError, ValueError, TypeError, IndexError, CredentialError):
            pass
        raise CredentialError(
            "The list of the ledger's public keys is missing or damaged.",
            hint=f"Put a backup of {path} in its place.",
        )

    def known(self) -> list[VerifierKey]:
        """The public keys whose signatures count, old ones too."""
        return [record.key for record in self.history()]

    def rotate(self) -> SigningKey:
        """Replace the current key by a new one that the old one vouches for, and delete the old private key.

        Raises:
            CredentialError: If the current key cannot be used (see `replace_lost`), or none was ever made.
        """
        with self._locked():
            records = self.history()
            if not records:
                raise CredentialError("This ledger has no key yet.", hint="The first checkpoint makes one.")
            old = self._load(records[-1])
            new = SigningKey(old.name, Ed25519PrivateKey.generate())
            note = sign_note(f"{_ROTATION}\n{old.name}\n{old.verifier}\n{new.verifier}\n", [old, new])
            make_private_folder(self._folder / "rotations")
            write_private(self._folder / "rotations" / f"{new.verifier.id.hex()}.note", note.encode())
            return self._start(old.name, self._ended(records, "rotated"), new)

    def replace_lost(self) -> SigningKey:
        """Go on with a new key after the private key was lost. The old public keys stay known.

        Raises:
            CredentialError: If the current key is not lost at all, or none was ever made.
        """
        with self._locked():
            records = self.history()
            if not records:
                raise CredentialError("This ledger has no key yet.", hint="The first checkpoint makes one.")
            if self._path("current").exists():
                raise CredentialError("The ledger's key is not lost.", hint="Rotate it instead.")
            return self._start(records[-1].key.name, self._ended(records, "lost"))

    def vouched(self, record: KeyRecord) -> bool:
        """Whether the key before `record` signed a note that names it; true for the first key, too."""
        records = self.history()
        at = records.index(record)
        if at == 0:
            return True
        old, new = records[at - 1].key, record.key
        try:
            note = (self._folder / "rotations" / f"{new.id.hex()}.note").read_text(encoding="utf-8")
            text, signers = open_note(note, [old, new])
        except (OSError, ValueError, CredentialError):
            return False
        return text == f"{_ROTATION}\n{old.name}\n{old}\n{new}\n" and old in signers and new in signers

    def rotations(self) -> dict[str, bytes]:
        """The signed notes in which an old key names the one after it, by file name. They may be shown."""
        return {path.name: path.read_bytes() for path in sorted((self._folder / "rotations").glob("*.note"))}

    def _locked(self) -> FileLock:
        make_private_folder(self._folder)
        return FileLock(self._folder / "lock", mode=0o600)

    def _now(self) -> str:
        return f"{self._clock():%Y-%m-%dT%H:%M:%SZ}"

    def _ended(self, records: list[KeyRecord], end: Literal["rotated", "lost"]) -> list[KeyRecord]:
        return [*records[:-1], replace(records[-1], until=self._now(), end=end)]

    def _start(self, name: str, before: list[KeyRecord], key: SigningKey | None = None) -> SigningKey:
        key = key or SigningKey(name, Ed25519PrivateKey.generate())
        pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        records = [*before, KeyRecord(vkey=str(key.verifier), since=self._now())]
        # Whatever step a crash follows, `_finish` goes on from it: the list decides which private key is current.
        write_private(self._path("next"), pem)
        write_private(self._folder / "public.json", json.dumps([asdict(one) for one in records], indent=1).encode())
        self._path("next").replace(self._path("current"))
        return key

    def _finish(self, record: KeyRecord) -> None:
        """Complete what a crash cut short."""
        if self._path("next").exists():
            if self._read("next", record).verifier == record.key:
                self._path("next").replace(self._path("current"))
            else:
                self._path("next").unlink()

    def _path(self, which: Literal["current", "next"]) -> Path:
        return self._folder / f"{which}.key"

    def _load(self, record: KeyRecord) -> SigningKey:
        self._finish(record)
        path = self._path("current")
        if not path.exists():
            raise CredentialError(
                "The private key of the ledger is missing.",
                hint=f"Put a backup of {path} in its place, or go on with a new key: what was signed stays verifiable.",
            )
        key = self._read("current", record)
        if key.verifier != record.key:
            raise CredentialError(
                f"The private key {path} is not the one this ledger signs with.", hint="Put a backup in its place."
            )
        return key

    def _read(self, which: Literal["current", "next"], record: KeyRecord) -> SigningKey:
        path = self._path(which)
        try:
            private = load_pem_private_key(read_private(path), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
            raise CredentialError(f"The private key {path} is damaged.", hint="Put a backup in its place.") from exc
        if not isinstance(private, Ed25519PrivateKey):
            raise CredentialError(f"The private key {path} is not an Ed25519 key.", hint="Put a backup in its place.")
        return SigningKey(record.key.name, private)
