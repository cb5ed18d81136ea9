"""The secrets of a mark: derived from the ledger's signing key, kept for the owner alone, never forgotten.

A rotation of the ledger's key brings a new secret here, too; the old ones stay, because what carries their mark is out
in the world. Whoever reads this folder can forge and remove the mark. Lost with its folder is what came before the last
rotation: the current secret can be derived again from the ledger's key.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from filelock import FileLock

from provenance.errors import CredentialError
from provenance.keys import LedgerKeys
from provenance.private_file import make_private_folder, read_private, write_private

__all__ = ["MarkSecrets", "utc_now"]


def utc_now() -> datetime:
    """What the clock says."""
    return datetime.now(UTC)


class MarkSecrets:
    """The secrets, 32 bytes each, of one mark of one installation. Several processes may share the folder.

    Args:
        purpose: What parts them from what else is derived from the same key (RFC 5869, `info`).
        mark: Its name in a sentence: "text mark".
    """

    def __init__(
        self, folder: Path, ledger: LedgerKeys, *, purpose: bytes, mark: str, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._folder = folder
        self._ledger = ledger
        self._purpose = purpose
        self._mark = mark
        self._clock = clock

    def current(self) -> bytes:
        """The secret that marks now; made on first use and after every rotation of the ledger's key.

        Raises:
            CredentialError: If the secrets are damaged or readable by others; or the ledger's key is, before the first.
        """
        try:
            signing = self._ledger.current()
        except CredentialError:
            if rows := self._rows():  # a lost signing key is no reason to leave unmarked what is made
                return bytes.fromhex(rows[-1]["secret"])
            raise
        named = signing.verifier.id.hex()
        make_private_folder(self._folder)
        with FileLock(self._folder / "lock", mode=0o600):
            rows = self._rows()
            if not rows or rows[-1]["ledger_key"] != named:
                raw = signing.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
                secret = HKDF(SHA256(), 32, None, self._purpose).derive(raw)
                since = f"{self._clock():%Y-%m-%dT%H:%M:%SZ}"
                rows.append({"secret": secret.hex(), "ledger_key": named, "since": since})
                write_private(self._path, json.dumps(rows, indent=1).encode())
        return bytes.fromhex(rows[-1]["secret"])

    def known(self) -> list[bytes]:
        """Every secret so far, the newest first. Empty before the first mark; makes nothing.

        Raises:
            CredentialError: If the secrets are damaged or readable by others.
        """
        return [bytes.fromhex(row["secret"]) for row in reversed(self._rows())]

    @property
    def _path(self) -> Path:
        return self._folder / "secrets.json"

    def _rows(self) -> list[dict[str, str]]:
        if not self._path.exists():
            return []
        try:
            rows = json.loads(read_private(self._path))
            if rows and all(len(bytes.fromhex(row["secret"])) == 32 and row["ledger_key"] for row in rows):
                return list(rows)
        except (ValueError, TypeError, KeyError):
            pass
        raise CredentialError(
            f"The secrets of the {self._mark}, {self._path}, are damaged.", hint="Put a backup in their place."
        )
