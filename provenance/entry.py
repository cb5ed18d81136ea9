"""One ledger entry: its canonical body, what exactly is hashed, and the salted commitments to private contents.

Entry digest, version 1: `"v1:" + hex(SHA-256(preimage))`, the preimage being the ASCII line `wherefrom/ledger/entry/v1`
with its newline, `seq` as 8 bytes big-endian, then `at`, `run`, `kind`, `previous` and `body`, each as UTF-8 behind its
length (8 bytes big-endian). Every field is delimited, so no two entries share a preimage.

Commitment: SHA-256 over the line `wherefrom/ledger/content/v1` with its newline, 32 random bytes of salt, the content.
The salt is what makes erasure real: without it a commitment to a short text could be reversed by guessing.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from provenance.canonical import canonical_json
from provenance.errors import LedgerError, UsageError

__all__ = [
    "GENESIS",
    "Content",
    "Entry",
    "Event",
    "Head",
    "Prepared",
    "Receipt",
    "commitment",
    "entry_digest",
    "prepare",
]

GENESIS = "v1:" + "0" * 64  # `previous` of the first entry
SALT_BYTES = 32
MAX_CONTENT_BYTES = 256 * 2**20
_ENTRY_DOMAIN = b"wherefrom/ledger/entry/v1\n"
_CONTENT_DOMAIN = b"wherefrom/ledger/content/v1\n"

_KIND = re.compile(r"[a-z][a-z0-9_]{0,63}")
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")

Content = str | bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What a caller wants recorded. `body` is public; `contents` are private and only committed to."""

    kind: str
    run: str
    body: Mapping[str, Any]
    contents: Mapping[str, Content] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """An event is on disk: its number, its digest, and when it was recorded."""

    seq: int
    digest: str
    at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The newest entry: keep it outside the database, and no tail can be cut off unseen. As text, `SEQ:DIGEST`."""

    seq: int
    digest: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """The head that `str(head)` wrote.

        Raises:
            UsageError: If it is not one.
        """
        found = re.fullmatch(r"\s*(\d{1,18}):(v1:[0-9a-f]{64})\s*", text)
        if found is None:
            raise UsageError("This is not the head of a ledger.", hint="It looks like 1234:v1:8f3a... (64 digits).")
        return cls(seq=int(found[1]), digest=found[2])


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One row of the ledger, read back. `contents` is filled where it was asked for; None stands for erased."""

    seq: int
    at: str
    run: str
    kind: str
    body: dict[str, Any]
    previous: str
    digest: str
    contents: dict[str, Content | None] = field(default_factory=dict)


def entry_digest(seq: int, at: str, run: str, kind: str, previous: str, body: str) -> str:
    """The digest of one entry; see the module's docstring for what is hashed.

    Raises:
        UnicodeEncodeError: If a field is not valid text.
    """
    parts = [_ENTRY_DOMAIN, seq.to_bytes(8, "big")]
    for value in (at, run, kind, previous, body):
        raw = value.encode("utf-8")
        parts += (len(raw).to_bytes(8, "big"), raw)
    return "v1:" + hashlib.sha256(b"".join(parts)).hexdigest()


def commitment(salt: bytes, content: Content) -> dict[str, Any]:
    """What the body says about a private content: its salted SHA-256 and its length in bytes (UTF-8 for text)."""
    raw = content.encode("utf-8") if isinstance(content, str) else content
    digest = hashlib.sha256(_CONTENT_DOMAIN + salt + raw).hexdigest()
    return {"sha256": digest, "bytes": len(raw)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """An event that can no longer fail by its own fault: all that is left is its number and its place in the chain."""

    kind: str
    run: str
    body: str
    contents: list[tuple[str, bytes, Content]]  # name, salt, content
    erases: Sequence[tuple[int, str]] = ()  # (seq, name) of contents that vanish in the same transaction


def prepare(event: Event, *, erases: Sequence[tuple[int, str]] = ()) -> Prepared:
    """Check an event, commit to its contents, and write its body out.

    Raises:
        LedgerError: If it cannot be recorded; nothing was written.
    """
    if not _KIND.fullmatch(event.kind) or not _RUN.fullmatch(event.run):
        raise LedgerError(
            f"This event cannot be recorded: kind {event.kind!r} or run {event.run!r} is not a plain name.",
            hint="Kinds look like `model_call`; run ids come from `new_run_id()`.",
        )
    if "commitments" in event.body:
        raise LedgerError("An event's body cannot bring its own `commitments`.", hint="Pass private texts as contents.")
    body, contents = dict(event.body), []
    for name, content in event.contents.items():
        salt = secrets.token_bytes(SALT_BYTES)
        body.setdefault("commitments", {})[name] = _commit(name, salt, content)
        contents.append((name, salt, content))
    return Prepared(kind=event.kind, run=event.run, body=canonical_json(body), contents=contents, erases=erases)


def _commit(name: str, salt: bytes, content: Content) -> dict[str, Any]:
    if not isinstance(content, str | bytes):
        raise LedgerError(f"The content {name!r} of an event is neither text nor bytes.")
    try:
        made = commitment(salt, content)
    except UnicodeEncodeError as exc:
        raise LedgerError(f"The content {name!r} of an event holds characters that are not text.") from exc
    if made["bytes"] > MAX_CONTENT_BYTES:
        raise LedgerError(f"The content {name!r} of an event is too large: {made['bytes']:,} bytes.")
    return made
