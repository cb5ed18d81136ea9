"""Checkpoints: the ledger's Merkle root at some size, signed, and kept outside the database.

A checkpoint is a C2SP tlog-checkpoint: origin, size, root, signed as a note. Whoever holds one (a file on another disk,
a code on paper, an outsider) can later see whether the ledger still begins with exactly those entries: a cut tail, an
older copy put back and a history written anew all show.

What this does not cover: an attacker who can write the data folder *and* every exported copy; keep the second folder on
another medium, or write the printed code down. What is appended after the newest checkpoint is covered by the next one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from provenance.errors import CredentialError, UsageError
from provenance.note import SigningKey, VerifierKey, open_note, sign_note
from provenance.verification import TreeHead

__all__ = ["Checkpoint", "code_of", "read_code"]

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ALIKE = str.maketrans("OIL", "011")
_CODE_BYTES = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A signed tree head. `note` is the text that was signed, with its signatures."""

    origin: str
    size: int
    root: bytes
    note: str

    @property
    def code(self) -> str:
        """A short form for paper; `read_code` reads it back."""
        return code_of(self.size, self.root)

    @classmethod
    def sign(cls, size: int, root: bytes, key: SigningKey) -> Checkpoint:
        """A new checkpoint; the key's name is the ledger's origin."""
        text = f"{key.name}\n{size}\n{base64.b64encode(root).decode()}\n"
        return cls(origin=key.name, size=size, root=root, note=sign_note(text, [key]))

    @classmethod
    def parse(cls, note: str, known: Sequence[VerifierKey]) -> Checkpoint:
        """A checkpoint that one of the known keys signed.

        Raises:
            CredentialError: If it is damaged, unsigned, wrongly signed, or another ledger's.
        """
        text, signers = open_note(note, known)
        origin, size, root, *_ = [*text.split("\n"), "", ""]
        try:
            decoded = base64.b64decode(root, validate=True)
        except binascii.Error:
            decoded = b""
        if not re.fullmatch(r"0|[1-9]\d{0,17}", size) or len(decoded) != 32:
            raise CredentialError("This note is no checkpoint.", hint="It holds an origin, a size and a root hash.")
        if origin not in {key.name for key in signers}:
            raise CredentialError("This checkpoint belongs to another ledger.", hint=f"Its origin is {origin}.")
        return cls(origin=origin, size=int(size), root=decoded, note=note)


def code_of(size: int, root: bytes) -> str:
    """A tree head for paper: the size, 160 bits of the root in groups of four, and a group that finds typing errors.

    Example:
        >>> code_of(12, bytes(32))
        'WF-12-0000-0000-0000-0000-0000-0000-0000-0000-HQXM'
    """
    kept = root[:_CODE_BYTES]
    number = int.from_bytes(kept, "big")
    letters = "".join(_CROCKFORD[number >> shift & 31] for shift in range(155, -1, -5))
    groups = [letters[at : at + 4] for at in range(0, 32, 4)]
    return "-".join(["WF", str(size), *groups, _check(size, kept)])


def read_code(text: str) -> TreeHead:
    """The tree head of a code, however it was typed: small letters, spaces, O for 0, I or L for 1.

    Raises:
        UsageError: If it is no such code, or holds a typing error.
    """
    plain = re.sub(r"[\s-]+", "-", text.strip().upper()).translate(_ALIKE).split("-")
    letters = "".join(plain[2:])
    if len(plain) < 3 or plain[0] != "WF" or not re.fullmatch(r"\d{1,18}", plain[1]) or len(letters) != 36:
        raise UsageError("This is not the code of a checkpoint.", hint="It looks like WF-1234-A1B2-... with 9 groups.")
    size, number = int(plain[1]), 0
    for letter in letters[:32]:
        if letter not in _CROCKFORD:
            raise UsageError(f"The code of a checkpoint holds no {letter!r}.", hint="Compare it with the paper.")
        number = number << 5 | _CROCKFORD.index(letter)
    kept = number.to_bytes(_CODE_BYTES, "big")
    if letters[32:] != _check(size, kept):
        raise UsageError("There is a typing error in this code.", hint="Compare it with the paper.")
    return TreeHead(size=size, root=kept, source="the printed code")


def _check(size: int, kept: bytes) -> str:
    digest = hashlib.sha256(b"wherefrom/checkpoint/code/v1\n" + str(size).encode() + b"\n" + kept).digest()
    number = int.from_bytes(digest[:3], "big") >> 4
    return "".join(_CROCKFORD[number >> shift & 31] for shift in (15, 10, 5, 0))
