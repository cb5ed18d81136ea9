"""Signed notes, as C2SP's signed-note defines them: text, an empty line, signature lines; Ed25519 only.

A key is known by its name and a 4-byte id; as text, a *verifier key*: `name+id+base64(0x01, public key)`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from provenance.errors import CredentialError

__all__ = ["SigningKey", "VerifierKey", "open_note", "sign_note"]

MAX_NOTE_BYTES = 64 * 1024
_ED25519 = b"\x01"
_NAME = re.compile(r"[^\s+]+")
_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+=*)")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half of a key: who may have signed a note."""

    name: str
    public: bytes  # 32 bytes

    @property
    def id(self) -> bytes:
        """The first four bytes of a hash over name, type and key."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """The key that `str(key)` wrote.

        Raises:
            CredentialError: If it is not one, or its id does not fit.
        """
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raw = b""
        key = cls(name, raw[1:])
        if not _NAME.fullmatch(name) or len(raw) != 33 or raw[:1] != _ED25519 or key.id.hex() != key_id:
            raise CredentialError("This is not a verifier key.", hint="It looks like name+1a2b3c4d+AbCd...")
        return key

    def verifies(self, text: str, signature: bytes) -> bool:
        """Whether `signature` over `text` was made with this key."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its name."""

    name: str
    private: Ed25519PrivateKey

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def sign_note(text: str, keys: Sequence[SigningKey]) -> str:
    """The note with one signature line a key.

    Raises:
        ValueError: If `text` does not end in a newline or holds control characters: a bug of the caller.
    """
    if not text.endswith("\n") or text.startswith("\n") or any(ord(sign) < 32 and sign != "\n" for sign in text):
        raise ValueError("the text of a note ends in a newline and holds no other control characters")
    lines = [
        f"— {key.name} {base64.b64encode(key.verifier.id + key.private.sign(text.encode())).decode()}\n" for key in keys
    ]
    return f"{text}\n{''.join(lines)}"


def open_note(note: str, known: Sequence[VerifierKey]) -> tuple[str, list[VerifierKey]]:
    """The text of a note and which of the known keys signed it; signatures of unknown keys are passed over.

    Raises:
        CredentialError: If it is no signed note, no known key signed it, or the signature of a known key is wrong.
    """
    text, between, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")[:-1]
    control = any(ord(sign) < 32 and sign != "\n" for sign in note)
    if not between or not lines or not signatures.endswith("\n") or control or len(note.encode()) > MAX_NOTE_BYTES:
        raise CredentialError("This is not a signed note.", hint="Take an undamaged copy.")
    text += "\n"
    by_id = {(key.name, key.id): key for key in known}
    signers: list[VerifierKey] = []
    for line in lines:
        found = _LINE.fullmatch(line)
        raw = _decoded(found[2]) if found else b""
        if found is None or len(raw) < 5:
            raise CredentialError("A signature line of this note is damaged.", hint="Take an undamaged copy.")
        key = by_id.get((found[1], raw[:4]))
        if key is None:
            continue
        if not key.verifies(text, raw[4:]):
            raise CredentialError("The signature on this note is wrong.", hint="The note was changed or forged.")
        if key not in signers:
            signers.append(key)
    if not signers:
        raise CredentialError("No key that is known here has signed this note.", hint="Ask for the right public key.")
    return text, signers


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
