"""Builds an evidence pack: the record of a run, the proofs, the key, what was made, a report, and a verifier.

    data = make_pack(ledger, notary, keys, run, PackContents(report=html))

Every file is named with its SHA-256 in `pack.note`, which the ledger's key signs, and the zip is written in one way
only, so that no byte of it can change unseen. `provenance/evidence/verifier.py` goes along as `verify.py`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from sqlalchemy import Row, select

from provenance.checkpoints import Checkpoints
from provenance.errors import NotFoundError, UsageError
from provenance.evidence.verifier import FORMAT, TITLE, zip_bytes
from provenance.keys import LedgerKeys
from provenance.ledger import Ledger
from provenance.note import sign_note
from provenance.tables import ledger_content, ledger_entry

__all__ = ["PackContents", "make_pack"]

MOST_BYTES = 2**31
README = """This is an evidence pack of Wherefrom about one run: {run}

  report.html       for reading
  record.json       every event of the run, exactly as it was recorded
  proofs/           for each event: that it is in the ledger (c2sp.org/tlog-proof)
  checkpoint.txt    the ledger's signed tree head (c2sp.org/tlog-checkpoint)
  key.txt           the public key; rotations/ holds how it follows from older ones
  artifacts/        what was made
  manifests/        Content Credentials (C2PA) of what was made, if any
  pack.note         the signed list of all these files
  verify.py         checks all of it: python3 -I -S verify.py PACK.zip

It needs Python 3.8 or newer and nothing else. Take verify.py out of the pack, read it, and run it on the pack.
The key proves who signed only if you got it another way too: give that one with --key.
{private}
"""
_FULL = "The private texts of the run (question, passages, answer) are in this pack."
_PUBLIC = "The private texts of the run are withheld; the record holds salted commitments to them."


@dataclass(frozen=True, kw_only=True, slots=True)
class PackContents:
    """What goes into a pack beside the record. Names of files are plain ASCII without folders."""

    report: str  # HTML
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    manifests: Mapping[str, bytes] = field(default_factory=dict)
    private: bool = True  # with the private texts that are still there


def make_pack(ledger: Ledger, notary: Checkpoints, keys: LedgerKeys, run: str, contents: PackContents) -> bytes:
    """The zip. The ledger is signed as it is now, if its newest events were not signed yet.

    Raises:
        NotFoundError: If there is no such run.
        LedgerCorruptError: If the ledger does not hold; nothing is handed out then.
        CredentialError: If the signing key cannot be used.
        UsageError: If the pack would be larger than 2 GiB.
    """
    events, artifacts = _events(ledger, run, private=contents.private), dict(contents.artifacts)
    named = [_artifact(f"artifacts/{name}", data) for name, data in artifacts.items()]
    if contents.private:
        named += _answer(events, artifacts)
    key = keys.current()
    proofs = {event["seq"]: notary.prove(event["seq"]) for event in events}
    record = {"format": FORMAT, "run": run, "events": events, "artifacts": named}
    members: dict[str, bytes] = {
        "README.txt": README.format(run=run, private=_FULL if contents.private else _PUBLIC).encode(),
        "checkpoint.txt": max((str(proof.checkpoint) for proof in proofs.values()), key=_size).encode(),
        "key.txt": f"{key.verifier}\n".encode(),
        "record.json": json.dumps(record, ensure_ascii=False, indent=1).encode(),
        "report.html": contents.report.encode(),
        "verify.py": files("provenance.evidence").joinpath("verifier.py").read_bytes(),
    }
    members |= {f"proofs/{seq:010d}.tlog-proof": str(proof).encode() for seq, proof in proofs.items()}
    members |= {f"artifacts/{name}": data for name, data in artifacts.items()}
    members |= {f"manifests/{name}": data for name, data in contents.manifests.items()}
    members |= {f"rotations/{name}": data for name, data in keys.rotations().items()}
    if sum(map(len, members.values())) > MOST_BYTES:
        raise UsageError("The pack would be larger than 2 GiB.", hint="Pack a run with fewer files.")
    made = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    listed = "".join(
        f"sha256 {hashlib.sha256(data).hexdigest()} {len(data)} {name}\n" for name, data in sorted(members.items())
    )
    note = sign_note(f"{TITLE}\n{key.name}\n{run}\n{made}\n{listed}", [key])
    packed: bytes = zip_bytes([("pack.note", note.encode()), *sorted(members.items())])
    return packed


def _events(ledger: Ledger, run: str, *, private: bool) -> list[dict[str, Any]]:
    """The run's events, and the erasures that took its texts, exactly as they are hashed."""
    with ledger.database.read() as conn:
        mine = conn.execute(select(ledger_entry).where(ledger_entry.c.run == run)).all()
        held = select(ledger_content).join(ledger_entry, ledger_entry.c.seq == ledger_content.c.seq)
        texts = conn.execute(held.where(ledger_entry.c.run == run)).all()
        erasures = {row.erased_by for row in texts if row.erased_by is not None}
        more = conn.execute(select(ledger_entry).where(ledger_entry.c.seq.in_(erasures))).all()
        others = conn.execute(select(ledger_content).where(ledger_content.c.seq.in_(erasures))).all()
    if not mine:
        raise NotFoundError(f"There is no run {run!r} in the ledger.", hint="`wherefrom audit list` shows the runs.")
    rows = {row.seq: row for row in (*mine, *more)}
    contents: dict[int, dict[str, Any]] = {}
    for row in texts:
        contents.setdefault(row.seq, {})[row.name] = _content(row, private=private)
    for row in others:  # who asked for an erasure, and why, is that person's business
        contents.setdefault(row.seq, {}).setdefault(row.name, _content(row, private=False))
    columns = ("seq", "at", "run", "kind", "body", "previous", "digest")
    return [
        {name: getattr(rows[seq], name) for name in columns} | {"contents": contents.get(seq, {})}
        for seq in sorted(rows)
    ]


def _content(row: Row[Any], *, private: bool) -> dict[str, Any]:
    if row.text is None and row.data is None:
        return {"state": "erased", "by": row.erased_by}
    if not private:
        return {"state": "withheld"}
    shown = {"text": row.text} if row.text is not None else {"data": base64.b64encode(row.data).decode("ascii")}
    return {"state": "shown", "salt": row.salt.hex(), **shown}


def _answer(events: list[dict[str, Any]], artifacts: dict[str, bytes]) -> list[dict[str, Any]]:
    """The recorded answer as a file of its own, tied to the event that holds it."""
    for event in reversed(events):
        held = event["contents"].get("answer", {})
        if held.get("text"):
            artifacts["answer.txt"] = held["text"].encode()
            tied = _artifact("artifacts/answer.txt", artifacts["answer.txt"])
            return [tied | {"content": [event["seq"], "answer"]}]
    return []


def _artifact(name: str, data: bytes) -> dict[str, Any]:
    return {"file": name, "sha256": hashlib.sha256(data).hexdigest()}


def _size(note: str) -> int:
    return int(note.split("\n")[1])
