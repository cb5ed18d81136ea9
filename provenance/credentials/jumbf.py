"""The two things that the C2PA library does not hand out: a manifest's label, and the certificate that signed it.

A manifest store is nested JUMBF boxes (ISO 19566-5): 4 bytes of size, 4 of type, content. A superbox `jumb` begins with
a description box `jumd` (16 bytes of UUID, a toggle byte, a label that ends in a zero). The signature is COSE_Sign1 in
CBOR, and the certificate chain stands under 33 (`x5chain`) in a header.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from provenance.errors import CredentialError

__all__ = ["active_label", "signing_certificate"]

MOST_DEPTH = 8
X5CHAIN = 33


def active_label(manifest: bytes) -> str:
    """The label of the last manifest in the store, which is the one that counts.

    Raises:
        CredentialError: If this is no manifest store.
    """
    return _active(manifest)[0]


def signing_certificate(manifest: bytes) -> bytes:
    """The signing certificate of the active manifest, DER. Whether it did sign is for the library to say.

    Raises:
        CredentialError: If there is none where it has to be.
    """
    for label, content in _superboxes(_active(manifest)[1]):
        if label == "c2pa.signature":
            for kind, box in _boxes(content):
                if kind == b"cbor":
                    return _leaf(box)
    raise CredentialError("The manifest has no signature.")


def _active(manifest: bytes) -> tuple[str, bytes]:
    for label, store in _superboxes(manifest):
        if label == "c2pa" and (manifests := list(_superboxes(store))):
            return manifests[-1]
    raise CredentialError("This is no manifest.")


def _superboxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Label and content (description included) of each superbox."""
    for kind, content in _boxes(data):
        if kind == b"jumb":
            first = next(_boxes(content), None)
            if first and first[0] == b"jumd" and len(first[1]) > 17 and first[1][16] & 2:
                yield first[1][17:].split(b"\0", 1)[0].decode("utf-8", "replace"), content


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1 and at + 16 <= len(data):
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        end = len(data) if size == 0 else at + size
        if end > len(data) or end < at + head:
            return
        yield kind, data[at + head : end]
        at = end


def _leaf(cose: bytes) -> bytes:
    try:
        message, _ = _cbor(cose, 0)
        header, _ = _cbor(message[0], 0)
        # One chain in one place: with two, we might look at another than the library verified with.
        [chain] = [where[name] for where in (header, message[1]) for name in (X5CHAIN, "x5chain") if name in where]
        leaf = chain[0] if isinstance(chain, list) else chain
    except (IndexError, TypeError, AttributeError, KeyError, ValueError, struct.error) as exc:
        raise CredentialError("The manifest's signature cannot be read.") from exc
    if not isinstance(leaf, bytes):
        raise CredentialError("The manifest's signature names no certificate.")
    return leaf


def _cbor(data: bytes, at: int, depth: int = 0) -> tuple[Any, int]:
    """One CBOR item (RFC 8949) of the kinds that COSE uses, and where it ends."""
    if depth > MOST_DEPTH:
        raise ValueError("nested too deeply")
    major, value, at = data[at] >> 5, data[at] & 31, at + 1
    if value >= 28:
        raise ValueError("indefinite lengths are not used here")
    if value >= 24:
        width = 1 << (value - 24)
        value, at = int.from_bytes(data[at : at + width], "big"), at + width
    match major:
        case 0 | 1 | 7:
            return (-1 - value if major == 1 else value), at
        case 2 | 3:
            if at + value > len(data):
                raise ValueError("cut off")
            content = data[at : at + value]
            return (content if major == 2 else content.decode("utf-8")), at + value
        case 4:
            items = []
            for _ in range(value):  # each takes a byte at least, so what is read bounds the loop
                item, at = _cbor(data, at, depth + 1)
                items.append(item)
            return items, at
        case 5:
            pairs = {}
            for _ in range(value):
                key, at = _cbor(data, at, depth + 1)
                pairs[key], at = _cbor(data, at, depth + 1)
            return pairs, at
        case _:  # 6: a tag, which changes nothing for us
            return _cbor(data, at, depth + 1)
