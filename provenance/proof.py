"""A proof that one event is in the ledger, for someone who has nothing but it and a public key.

The text is C2SP's tlog-proof: the event's place, the Merkle path from it to the root, and the signed checkpoint with
that root. It proves a digest; `provenance.entry` says how an event's fields make that digest.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from provenance.checkpoint import Checkpoint
from provenance.errors import CredentialError
from provenance.merkle import verify_inclusion
from provenance.note import VerifierKey
from provenance.tree import leaf_of

__all__ = ["InclusionProof", "check_proof"]

_HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, kw_only=True, slots=True)
class InclusionProof:
    """Where an event is, the path of hashes up from it, and the signed note with the root."""

    seq: int
    path: tuple[bytes, ...]
    checkpoint: str  # the signed note

    def __str__(self) -> str:
        path = "".join(f"{base64.b64encode(part).decode()}\n" for part in self.path)
        return f"{_HEADER}\nindex {self.seq - 1}\n{path}\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> InclusionProof:
        """The proof that `str(proof)` wrote, or another program that keeps to the format.

        Raises:
            CredentialError: If it is no such proof.
        """
        head, between, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if len(lines) > 1 and lines[1].startswith("extra "):
            del lines[1]  # nothing vouches for it
        index = re.fullmatch(r"index (0|[1-9]\d{0,17})", lines[1]) if len(lines) > 1 else None
        try:
            path = tuple(base64.b64decode(line, validate=True) for line in lines[2:])
        except binascii.Error:
            path = (b"",)
        if lines[0] != _HEADER or index is None or not between or any(len(part) != 32 for part in path):
            raise CredentialError("This is not a proof of inclusion.", hint="It begins with c2sp.org/tlog-proof@v1.")
        return cls(seq=int(index[1]) + 1, path=path, checkpoint=checkpoint)


def check_proof(text: str, digest: str, known: Sequence[VerifierKey]) -> tuple[int, Checkpoint]:
    """The place of the event with this digest, and the checkpoint that confirms it.

    Raises:
        CredentialError: If the proof is damaged, is not signed by a known key, or is not about this digest.
    """
    proof = InclusionProof.parse(text)
    checkpoint = Checkpoint.parse(proof.checkpoint, known)
    if not re.fullmatch(r"v1:[0-9a-f]{64}", digest):
        raise CredentialError("This is not the digest of an event.", hint="It looks like v1:8f3a... (64 digits).")
    if not verify_inclusion(leaf_of(digest), proof.seq - 1, checkpoint.size, proof.path, checkpoint.root):
        raise CredentialError("This proof is not about this event.", hint="The proof or the event was changed.")
    return proof.seq, checkpoint
