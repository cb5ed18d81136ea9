"""Erase private texts for a run, a document or a person. The ledger stays whole: only contents and their salts go.

An "erasure" event says what was erased (every entry and content name), when, and in its own private contents by whose
request and why. The commitments stay in the chain; without the salt they say nothing about the text.

Covered: the ledger's copies, in the file and in SQLite's write-ahead log (freed pages are overwritten with zeros).
Not covered: the library (delete the document there), conversations, backups, files that were exported, and what a disk
keeps of overwritten blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, select

from provenance.entry import Receipt
from provenance.errors import NotFoundError, UsageError
from provenance.ledger import Ledger, new_run_id
from provenance.tables import ledger_content, ledger_entry

__all__ = ["Erasure", "erase_contents", "erase_document", "erase_person", "erase_run", "find_person"]

_SEQS_PER_QUERY = 10_000  # SQLite takes 32,766 values in a statement
Target = tuple[int, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Erasure:
    """What an erasure did. `receipts` are its events; `contents` counts texts, `runs` the runs they belonged to."""

    run: str
    contents: int
    runs: int
    receipts: list[Receipt]


def erase_run(ledger: Ledger, run: str, *, requested_by: str, reason: str) -> Erasure:
    """Erase every private content of one run; a run that was itself an erasure, too.

    Raises:
        NotFoundError: If there is no such run.
        UsageError: If `requested_by` or `reason` is empty.
    """
    if not ledger.entries(run=run, limit=1):
        raise NotFoundError(f"There is no run {run!r} in the ledger.", hint="`wherefrom audit list` shows the runs.")
    found = _targets(ledger, ledger_entry.c.run == run)
    return _erase(ledger, found, {"scope": "run", "of": run}, requested_by, reason)


def erase_document(ledger: Ledger, digest: str, *, requested_by: str, reason: str) -> Erasure:
    """Erase what was read or said from one document, by its SHA-256: every private content, questions excepted, of
    every run in which an event names that digest. Questions are the person's own words, not the document's.

    Raises:
        UsageError: If `digest` is no SHA-256 in hex, or `requested_by` or `reason` is empty.
    """
    digest = digest.lower()
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise UsageError("A document is named by its SHA-256, 64 hexadecimal digits.", hint="The record shows it.")
    naming = select(ledger_entry.c.run).where(ledger_entry.c.body.contains(digest), ledger_entry.c.kind != "erasure")
    found = _targets(ledger, and_(ledger_entry.c.run.in_(naming), ledger_content.c.name != "question"))
    return _erase(ledger, found, {"scope": "document", "of": digest}, requested_by, reason)


def erase_person(ledger: Ledger, names: Sequence[str], *, requested_by: str, reason: str) -> Erasure:
    """Erase every private text that mentions one of `names`, in whatever case. A nickname or a misspelling that is not
    among the names stays: look at `find_person` first.

    Raises:
        UsageError: If a name is shorter than 3 characters, or `requested_by` or `reason` is empty.
    """
    found = _mentions(ledger, names)
    return _erase(ledger, found, {"scope": "person"}, requested_by, reason, {"names": "\n".join(names)})


def erase_contents(ledger: Ledger, targets: Sequence[Target], *, requested_by: str, reason: str) -> Erasure:
    """Erase exactly these (seq, name) contents; those already erased, or unknown, are left out."""
    wanted = set(targets)
    seqs = sorted({seq for seq, _ in wanted})
    found = []
    for start in range(0, len(seqs), _SEQS_PER_QUERY):
        part = ledger_content.c.seq.in_(seqs[start : start + _SEQS_PER_QUERY])
        found += [row for row in _targets(ledger, part) if (row[0], row[1]) in wanted]
    return _erase(ledger, found, {"scope": "contents"}, requested_by, reason)


def find_person(ledger: Ledger, names: Sequence[str]) -> list[Target]:
    """What `erase_person` would erase. Raises as it does."""
    return [(seq, name) for seq, name, _ in _mentions(ledger, names)]


def _mentions(ledger: Ledger, names: Sequence[str]) -> list[tuple[int, str, str]]:
    folded = [name.strip().casefold() for name in names]
    if not folded or any(len(name) < 3 for name in folded):
        raise UsageError(
            "A name to erase has at least three characters.", hint="Shorter ones would be found everywhere."
        )
    columns = (ledger_content.c.seq, ledger_content.c.name, ledger_entry.c.run, ledger_content.c.text)
    query = select(*columns).join(ledger_entry, ledger_entry.c.seq == ledger_content.c.seq)
    query = query.where(ledger_content.c.text.is_not(None), ledger_entry.c.kind != "erasure")
    with ledger.database.read() as conn:
        return [
            (row.seq, row.name, row.run)
            for row in conn.execute(query.order_by(ledger_content.c.seq))
            if any(name in row.text.casefold() for name in folded)
        ]


def _targets(ledger: Ledger, wanted: ColumnElement[bool]) -> list[tuple[int, str, str]]:
    """(seq, name, run) of contents that are still there."""
    query = select(ledger_content.c.seq, ledger_content.c.name, ledger_entry.c.run)
    query = query.join(ledger_entry, ledger_entry.c.seq == ledger_content.c.seq)
    query = query.where(ledger_content.c.erased_at.is_(None), wanted)
    with ledger.database.read() as conn:
        rows = conn.execute(query.order_by(ledger_content.c.seq, ledger_content.c.name))
        return [(row.seq, row.name, row.run) for row in rows]


def _erase(
    ledger: Ledger,
    found: Sequence[tuple[int, str, str]],
    body: dict[str, Any],
    requested_by: str,
    reason: str,
    more: dict[str, str] | None = None,
) -> Erasure:
    if not requested_by.strip() or not reason.strip():
        raise UsageError("An erasure says by whose request and why.", hint="Name the person and give a reason.")
    run = new_run_id()
    contents = {"requested_by": requested_by, "reason": reason, **(more or {})}
    receipts = ledger.erase([(seq, name) for seq, name, _ in found], run=run, body=body, contents=contents)
    return Erasure(run=run, contents=len(found), runs=len({row[2] for row in found}), receipts=receipts)
