#!/usr/bin/env python3
"""Checks an evidence pack with nothing but Python's standard library, 3.8 or newer.

    python3 -I -S verify.py PACK.zip [--key VERIFIER-KEY]
    python3 -I -S verify.py [FOLDER] [--key VERIFIER-KEY]       the pack unpacked; default: where this file lies

It says VERIFIED with exit status 0, or NOT VERIFIED with what is wrong and exit status 1. What it checks: every byte
of the pack against its signed list; the signed checkpoint; for each event its digest, its place in the ledger (a Merkle
proof to the checkpoint) and that it follows the event before it; each private text against its commitment.

What it cannot tell: whose key it is. Compare the key that it prints with one that you got another way, or give that
with --key. And it shows that nothing was changed after it was recorded, not that what was recorded is true.

Read it before you trust it: Ed25519 is RFC 8032, the tree RFC 6962, the signatures are signed notes (c2sp.org).
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import struct
import sys
import zipfile
import zlib
from typing import Any, Dict, List, Optional, Tuple

FORMAT = "wherefrom/evidence/v1"
TITLE = "Wherefrom evidence pack v1"
ROTATION = "Wherefrom ledger key rotation"


Point = Tuple[int, int, int, int]
Event = Dict[str, Any]
Members = Dict[str, bytes]


class Wrong(Exception):
    """The pack does not verify; the message says why."""


# -- Ed25519, RFC 8032 section 5.1 ------------------------------------------------------------------------------------
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def point_add(a: Point, b: Point) -> Point:
    x, y = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    t, z = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = y - x, z - t, z + t, y + x
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_times(scalar: int, point: Point) -> Point:
    found = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            found = point_add(found, point)
        point, scalar = point_add(point, point), scalar >> 1
    return found


def point_of(raw: bytes) -> Point:
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or y >= P or (x == 0 and sign):
        raise Wrong("a key or a signature is damaged")
    return (P - x if x & 1 != sign else x, y, 1, (P - x if x & 1 != sign else x) * y % P)


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the 64 bytes are a signature of the message under the 32-byte key."""
    if len(public) != 32 or len(signature) != 64:
        return False
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(r + public + message).digest(), "little") % L
    left, right = point_times(s, BASE), point_add(point_of(r), point_times(h, point_of(public)))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


# -- Signed notes, c2sp.org/signed-note -------------------------------------------------------------------------------
def base64_of(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        raise Wrong("base64 is damaged") from None


def key_of(vkey: str) -> Tuple[str, bytes, bytes]:
    """(name, id, public key) of a verifier key."""
    found = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)", vkey)
    if not found or len(base64_of(found[3])) != 33 or base64_of(found[3])[:1] != b"\x01":
        raise Wrong(f"this is not an Ed25519 verifier key: {vkey!r}")
    raw = base64_of(found[3])
    number = sha256(found[1].encode() + b"\n" + raw)[:4]
    if number.hex() != found[2]:
        raise Wrong(f"the id of this key does not fit: {vkey!r}")
    return found[1], number, raw[1:]


def open_note(note: str, vkey: str) -> str:
    """The text of a note that this key signed."""
    name, number, public = key_of(vkey)
    text, between, lines = note.rpartition("\n\n")
    if not between or not lines.endswith("\n"):
        raise Wrong("this is not a signed note")
    text += "\n"
    for line in lines[:-1].split("\n"):
        found = re.fullmatch("\u2014 ([^\\s+]+) ([A-Za-z0-9+/]+=*)", line)
        if not found:
            raise Wrong("a signature line of a note is damaged")
        raw = base64_of(found[2])
        if found[1] == name and raw[:4] == number:
            if not ed25519(public, text.encode(), raw[4:]):
                raise Wrong("a signature is wrong")
            return text
    raise Wrong(f"the key {vkey} did not sign this")


# -- The ledger: digests, commitments, the tree (RFC 6962) ------------------------------------------------------------
def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def event_digest(event: Event) -> str:
    parts = [b"wherefrom/ledger/entry/v1\n", event["seq"].to_bytes(8, "big")]
    for name in ("at", "run", "kind", "previous", "body"):
        raw = event[name].encode("utf-8")
        parts += [len(raw).to_bytes(8, "big"), raw]
    return "v1:" + sha256(b"".join(parts)).hex()


def root_from(leaf: bytes, index: int, size: int, path: List[bytes]) -> Optional[bytes]:
    """The root that a Merkle path leads to; None where the path has the wrong length."""
    at, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            found = sha256(b"\x01" + sibling + found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = sha256(b"\x01" + found + sibling)
        at, last = at >> 1, last >> 1
    return found if last == 0 else None


def checkpoint_of(note: str, vkey: str) -> Tuple[int, bytes]:
    """(size, root) of a signed checkpoint."""
    origin, size, root = ([*open_note(note, vkey).split("\n"), "", "", ""])[:3]
    if origin != key_of(vkey)[0] or not re.fullmatch(r"0|[1-9]\d{0,17}", size) or len(base64_of(root)) != 32:
        raise Wrong("the checkpoint is not this ledger's")
    return int(size), base64_of(root)


def check_proof(event: Event, proof: str, vkey: str, known: Dict[str, Tuple[int, bytes]]) -> None:
    """One event against its proof; `known` remembers checkpoints whose signature was checked."""
    head, between, note = proof.partition("\n\n")
    lines = head.split("\n")
    if not between or lines[0] != "c2sp.org/tlog-proof@v1" or lines[1:2] != [f"index {event['seq'] - 1}"]:
        raise Wrong(f"the proof of event {event['seq']} is damaged")
    if note not in known:
        known[note] = checkpoint_of(note, vkey)
    size, root = known[note]
    leaf = sha256(b"\x00" + bytes.fromhex(event["digest"][3:]))
    path = [base64_of(line) for line in lines[2:]]
    if not event["seq"] <= size or root_from(leaf, event["seq"] - 1, size, path) != root:
        raise Wrong(f"event {event['seq']} is not in the signed ledger")


def check_contents(event: Event) -> Tuple[int, int, int]:
    """(shown, withheld, erased): how many private texts of each kind; what is shown keeps its commitment."""
    promised = json.loads(event["body"]).get("commitments", {})
    contents = event["contents"]
    if sorted(promised) != sorted(contents):
        raise Wrong(f"event {event['seq']} does not have the texts that it commits to")
    counts = {"shown": 0, "withheld": 0, "erased": 0}
    for name, held in contents.items():
        counts[held["state"]] += 1
        if held["state"] != "shown":
            continue
        raw = held["text"].encode("utf-8") if "text" in held else base64_of(held["data"])
        digest = sha256(b"wherefrom/ledger/content/v1\n" + bytes.fromhex(held["salt"]) + raw).hex()
        if promised[name] != {"bytes": len(raw), "sha256": digest}:
            raise Wrong(f"the text {name!r} of event {event['seq']} is not the one that was recorded")
    return counts["shown"], counts["withheld"], counts["erased"]


# -- The zip: one way to write it, so that every byte of it counts ----------------------------------------------------
def zip_bytes(members: List[Tuple[str, bytes]]) -> bytes:
    """A zip of stored files, without times, attributes or comments. `members`: (name, data), in order."""
    body, directory = b"", b""
    for name, data in members:
        raw = name.encode("ascii")
        about = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 33, zlib.crc32(data), len(data), len(data), len(raw), 0)
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + about + struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + raw
        body += b"PK\x03\x04" + about + raw + data
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), len(body), 0)
    return body + directory + b"PK\x05\x06" + end


def read_zip(data: bytes) -> Members:
    """The members of a pack's zip. Whatever differs by a byte from how a pack is written is refused."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            if any(info.compress_type != 0 or info.file_size > len(data) for info in infos):
                raise Wrong("the zip is not one that was written as an evidence pack")
            members = [(info.filename, archive.read(info)) for info in infos]
        if zip_bytes(members) != data:
            raise Wrong("the zip was changed, or packed anew by another program; check it unpacked")
    except Wrong:
        raise
    except Exception as exc:  # a damaged archive may fail in any way
        raise Wrong(f"the zip is damaged: {type(exc).__name__}") from exc
    return dict(members)


def read_folder(folder: str) -> Members:
    """The files of an unpacked pack; hidden ones are not looked at."""
    members = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith("."):
                path = os.path.join(place, name)
                with open(path, "rb") as file:
                    members[os.path.relpath(path, folder).replace(os.sep, "/")] = file.read()
    return members


# -- The whole pack ---------------------------------------------------------------------------------------------------
def check_list(members: Members, vkey: str) -> Tuple[str, str]:
    """The signed list names every file of the pack, and no other."""
    lines = open_note(members["pack.note"].decode(), vkey).split("\n")
    if lines[0] != TITLE or lines[1] != key_of(vkey)[0]:
        raise Wrong("the list of files is not that of an evidence pack of this ledger")
    listed = {}
    for line in lines[4:-1]:
        found = re.fullmatch(r"sha256 ([0-9a-f]{64}) (\d+) (\S+)", line)
        if not found:
            raise Wrong("the list of files is damaged")
        listed[found[3]] = (found[1], int(found[2]))
    for name in sorted(set(listed) | set(members) - {"pack.note"}):
        if name not in members:
            raise Wrong(f"the file {name} is missing")
        if name not in listed:
            raise Wrong(f"the file {name} does not belong to the pack")
        if (sha256(members[name]).hex(), len(members[name])) != listed[name]:
            raise Wrong(f"the file {name} was changed")
    return lines[2], lines[3]


def follow(members: Members, trusted: str, current: str) -> None:
    """That the key `trusted` leads to `current` through signed rotations."""
    name = key_of(trusted)[0]
    for _ in range(1000):
        if trusted == current:
            return
        after = None
        for path in sorted(members):
            lines = members[path].decode().split("\n") if path.startswith("rotations/") else []
            if lines[:3] == [ROTATION, name, trusted] and open_note(members[path].decode(), trusted):
                after = lines[3]
        if after is None:
            break
        trusted = after
    raise Wrong("the key that was given does not lead to the one that signed this pack")


def check(members: Members, trusted: str = "") -> List[str]:
    """Everything. Returns what was found, line by line; raises Wrong."""
    for name in ("pack.note", "key.txt", "record.json", "checkpoint.txt", "verify.py"):
        if name not in members:
            raise Wrong(f"the file {name} is missing")
    vkey = members["key.txt"].decode().strip()
    if trusted:
        follow(members, trusted.strip(), vkey)
    run, made = check_list(members, vkey)
    known: Dict[str, Tuple[int, bytes]] = {}
    size, _root = checkpoint_of(members["checkpoint.txt"].decode(), vkey)
    record = json.loads(members["record.json"].decode())
    if record["format"] != FORMAT or record["run"] != run or not record["events"]:
        raise Wrong(f"the record is not that of the run {run}")
    shown = withheld = erased = 0
    before = None
    for event in record["events"]:
        if event_digest(event) != event["digest"]:
            raise Wrong(f"event {event['seq']} was changed")
        if before and event["seq"] == before["seq"] + 1 and event["previous"] != before["digest"]:
            raise Wrong(f"event {event['seq']} does not follow event {before['seq']}")
        if before and event["seq"] <= before["seq"]:
            raise Wrong("the events are not in order")
        proof = members.get(f"proofs/{event['seq']:010d}.tlog-proof")
        if proof is None:
            raise Wrong(f"the proof of event {event['seq']} is missing")
        check_proof(event, proof.decode(), vkey, known)
        counts = check_contents(event)
        shown, withheld, erased = shown + counts[0], withheld + counts[1], erased + counts[2]
        before = event
    check_artifacts(record, members)
    return [
        f"run         {run}, packed {made}",
        f"files       {len(members)}, each as it was signed",
        f"events      {len(record['events'])}, each in the ledger of {size} events that the checkpoint signs",
        f"texts       {shown} as recorded, {withheld} withheld, {erased} erased",
        f"signed by   {vkey}",
        "            the key that you gave leads to it"
        if trusted
        else "            compare this key with one you trust",
    ]


def check_artifacts(record: Dict[str, Any], members: Members) -> None:
    """A file that an event names by its digest is that file."""
    for artifact in record["artifacts"]:
        data = members.get(artifact["file"])
        if data is None or sha256(data).hex() != artifact["sha256"]:
            raise Wrong("the file {} is not the recorded one".format(artifact["file"]))
        if artifact.get("content"):
            seq, name = artifact["content"]
            held = [event["contents"][name] for event in record["events"] if event["seq"] == seq]
            if not held or held[0].get("text", "").encode() != data:
                raise Wrong(f"the file {artifact['file']} is not what event {seq} recorded")


def main(arguments: List[str]) -> int:
    trusted, places = "", []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--key" and rest:
            trusted = rest.pop(0)
        else:
            places.append(word)
    here = os.path.dirname(os.path.abspath(__file__))
    place = places[0] if places else here
    try:
        if os.path.isdir(place):
            members = read_folder(place)
        else:
            with open(place, "rb") as file:
                members = read_zip(file.read())
        found = check(members, trusted)
        with open(os.path.abspath(__file__), "rb") as file:
            if file.read() != members["verify.py"]:
                raise Wrong("this verifier is not the one that belongs to the pack")
    except Wrong as exc:
        print(f"NOT VERIFIED: {exc}")
        return 1
    except Exception as exc:  # whatever a damaged pack makes fail, it did not verify
        print(f"NOT VERIFIED: the pack is damaged ({type(exc).__name__})")
        return 1
    print("\n".join(found))
    print("VERIFIED")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
