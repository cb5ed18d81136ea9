"""Manifests by record id: a file that lost its metadata gets them back once a watermark or a fingerprint names it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from provenance.credentials.jumbf import active_label
from provenance.errors import CredentialError, StorageError
from provenance.whole_file import write_whole

__all__ = ["ManifestStore", "StoredManifest"]

_BY_FILE = "_by-file"  # no record id begins so
_BY_MARK = "_by-mark"
_RECORD = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,79}")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredManifest:
    """One manifest, and the digests (SHA-256, hex) of the file before and after it was signed."""

    record: str
    digest: str  # of `data`
    label: str  # the manifest's own name
    mime: str
    unsigned: str
    signed: str
    data: bytes


class ManifestStore:
    """`<folder>/<record>/<digest>.c2pa` with a `.json` beside it. A run that made three pictures has three."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, record: str, manifest: bytes, *, mime: str, unsigned: bytes, signed: bytes) -> StoredManifest:
        """Keep a manifest, durably. The same one twice is kept once.

        Raises:
            CredentialError: If the record id or the manifest is none.
            StorageError: If the disk refuses.
        """
        digest = _sha256(manifest)
        kept = StoredManifest(
            record=record,
            digest=digest,
            label=active_label(manifest),
            mime=mime,
            unsigned=_sha256(unsigned),
            signed=_sha256(signed),
            data=manifest,
        )
        folder = self._of(record)
        about = {key: value for key, value in asdict(kept).items() if key != "data"}
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(folder / f"{digest}.c2pa", manifest)
            write_whole(folder / f"{digest}.json", json.dumps(about).encode())
            for file in {kept.unsigned, kept.signed}:  # so that the very file is found again without any mark
                (self._folder / _BY_FILE / file[:2]).mkdir(parents=True, exist_ok=True, mode=0o700)
                write_whole(self._folder / _BY_FILE / file[:2] / file, record.encode())
        except OSError as exc:
            reason = exc.strerror or "the disk refuses"
            raise StorageError(f"The manifest could not be kept: {reason}.", hint="Free some space.") from exc
        return kept

    def of(self, record: str) -> list[StoredManifest]:
        """The manifests of a record; those that were damaged since are left out."""
        found = []
        with suppress(CredentialError):
            for path in sorted(self._of(record).glob("*.json")):
                with suppress(OSError, ValueError, TypeError):
                    data = path.with_suffix(".c2pa").read_bytes()
                    kept = StoredManifest(**json.loads(path.read_bytes()), data=data)
                    if _sha256(data) == kept.digest == path.stem and kept.record == record:
                        found.append(kept)
        return found

    def find(self, data: bytes) -> StoredManifest | None:
        """The manifest of exactly this file, signed or as it was before."""
        digest = _sha256(data)
        with suppress(OSError, UnicodeDecodeError):
            record = (self._folder / _BY_FILE / digest[:2] / digest).read_text(encoding="ascii")
            return next((kept for kept in self.of(record) if digest in (kept.signed, kept.unsigned)), None)
        return None

    def claim(self, mark: int, record: str) -> bool:
        """Let a number of 48 bits, as watermarks carry it, stand for a record. False if it stands for another already.

        Raises:
            CredentialError: If this is no record id.
            StorageError: If the disk refuses.
        """
        self._of(record)
        path = self._folder / _BY_MARK / f"{mark:012x}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(record.encode())
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            known = self.marked(mark)
            if known is None:  # a crash came between making the file and writing it
                write_whole(path, record.encode())
            return known in (None, record)
        except OSError as exc:
            reason = exc.strerror or "the disk refuses"
            raise StorageError(f"The mark could not be kept: {reason}.", hint="Free some space.") from exc
        return True

    def marked(self, mark: int) -> str | None:
        """The record that a watermark's number stands for."""
        with suppress(OSError, UnicodeDecodeError):
            return (self._folder / _BY_MARK / f"{mark:012x}").read_text(encoding="ascii") or None
        return None

    def forget(self, record: str) -> int:
        """Remove a record's manifests (they may hold its prompt); how many there were.

        Which number in a watermark stands for the record stays known: it tells the id and nothing else.
        """
        folder = self._of(record)
        paths = sorted(folder.glob("*.json"))
        for path in paths:
            with suppress(OSError, ValueError, TypeError, AttributeError):
                about = json.loads(path.read_bytes())
                for file in (str(about.get("signed")), str(about.get("unsigned"))):
                    if re.fullmatch("[0-9a-f]{64}", file):
                        (self._folder / _BY_FILE / file[:2] / file).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            path.with_suffix(".c2pa").unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()
        return len(paths)

    def _of(self, record: str) -> Path:
        if not _RECORD.fullmatch(record):  # it may come from a stranger's watermark: never let it walk the disk
            raise CredentialError("This is no record id.")
        return self._folder / record


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
