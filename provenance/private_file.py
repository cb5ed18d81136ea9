"""Files for the owner alone: written whole or not at all, refused when others may read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from provenance.errors import CredentialError
from provenance.whole_file import write_whole

__all__ = ["make_private_folder", "read_private", "write_private"]

_RESTORE = "Put a backup of the keys folder in its place."


def make_private_folder(folder: Path) -> None:
    """Make `folder` for the owner alone, if it is not there.

    Raises:
        CredentialError: If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        raise CredentialError(f"The folder of keys cannot be made: {exc.strerror}.", hint=_RESTORE) from exc


def write_private(path: Path, data: bytes) -> None:
    """Write `data` so that a crash leaves the old file or the new one, never half of it.

    Raises:
        CredentialError: If it cannot be written.
    """
    try:
        write_whole(path, data)
    except OSError as exc:
        raise CredentialError(f"{path} cannot be written: {exc.strerror}.", hint=_RESTORE) from exc


def read_private(path: Path) -> bytes:
    """The content of a file that only its owner may read.

    Raises:
        CredentialError: If it is missing, or others on this machine may read it.
    """
    try:
        mode = path.stat().st_mode
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise CredentialError(
                f"The signing key {path} can be read by others on this machine.",
                hint=f"Run `chmod 600 {path}`, and make a new key if somebody may have copied it.",
            )
        return path.read_bytes()
    except OSError as exc:
        raise CredentialError(f"The signing key {path} cannot be read: {exc.strerror}.", hint=_RESTORE) from exc
