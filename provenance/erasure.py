"""Erase private texts for a run, a document or a person. The ledger stays whole: only contents and their salts go.

An "erasure" event says what was erased (every entry and content name), when, and in its own private contents by whose
request and why. The commitments stay in the chain; without the salt they say nothing about the text. The names of a
person who was erased are not kept: the event says how many there were.

Covered: the ledger's copies, in the file and in SQLite's write-ahead log (freed pages are overwritten with zeros).
Not covered here: the library, conversations, manifests and fingerprints, which `ui/engine/calls/erasing.py` erases in
the same go; backups, files that were exported, and what a disk keeps of overwritten blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from provenance.entry import Receipt
from provenance.errors import NotFoundError, UsageError
from provenance.ledger import Ledger, new_run_id
from provenance.tables import ledger_content, ledger_entry

__all__ = [
    "Erasure",
    "ErasurePlan",
    "carry_out",
    "erase_contents",
    "erase_document",
    "erase_person",
    "erase_run",
    "find_person",
    "folded_names",
    "plan_document",
    "plan_person",
    "plan_runs",
    "widened",
]

_SEQS_PER_QUERY = 10_000  # SQLite takes 32,766 values in a statement
_SHORTEST_QUOTE = 24  # characters; a shorter text stands in another by chance
_FILE_NAMES = ("name", "names", "path", "paths", "files")
Target = tuple[int, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Erasure:
    """What an erasure did. `receipts` are its events; `contents` counts texts, `runs` the runs they belonged to."""

    run: str
    contents: int
    runs: int
    receipts: list[Receipt]


@dataclass(frozen=True, kw_only=True, slots=True)
class ErasurePlan:
    """What would be erased: (seq, name, run) of contents that are still there, and what the event will say."""

    body: dict[str, Any]
    targets: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def runs(self) -> list[str]:
        """The runs whose texts go, in the order of their first text."""
        return list(dict.fromkeys(run for _, _, run in sorted(self.targets)))


def plan_runs(ledger: Ledger, runs: Sequence[str]) -> ErasurePlan:
    """Every private content of these runs; a run that was itself an erasure, too.

    Raises:
        NotFoundError: If the ledger knows none of them.
    """
    known = [run for run in runs if ledger.entries(run=run, limit=1)]
    if not known:
        raise NotFoundError(
            f"There is no run {runs[0]!r} in the ledger.", hint="`wherefrom audit list` shows the runs."
        )
    return ErasurePlan(
        body={"scope": "run", "of": known[0]} | ({"with": known[1:]} if known[1:] else {}),
        targets=_targets(ledger, ledger_entry.c.run.in_(known)),
    )


def plan_document(ledger: Ledger, digest: str, *, names: Sequence[str] = ()) -> ErasurePlan:
    """What was read or said from one document, by its SHA-256: the contents of every event that names that digest and
    of every question's run in which one does. Questions are the person's own words, not the document's, and stay.

    Args:
        names: File names of the document: lists of files that hold one go, too.

    Raises:
        UsageError: If `digest` is no SHA-256 in hex.
    """
    digest = digest.lower()
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise UsageError("A document is named by its SHA-256, 64 hexadecimal digits.", hint="The record shows it.")
    names_it = and_(ledger_entry.c.body.contains(digest), ledger_entry.c.kind != "erasure")
    asked = select(ledger_entry.c.run).where(ledger_entry.c.kind == "request")
    naming = select(ledger_entry.c.run).where(names_it)
    in_answer = and_(ledger_entry.c.run.in_(naming), ledger_entry.c.run.in_(asked))
    found = _targets(ledger, and_(or_(names_it, in_answer), ledger_content.c.name != "question"))
    for name in names:
        listed = and_(ledger_content.c.name.in_(_FILE_NAMES), ledger_content.c.text.contains(name, autoescape=True))
        found += _targets(ledger, listed)
    return ErasurePlan(body={"scope": "document", "of": digest}, targets=list(dict.fromkeys(found)))


def plan_person(ledger: Ledger, names: Sequence[str]) -> ErasurePlan:
    """Every private text that mentions one of `names`, in whatever case. A nickname or a misspelling that is not among
    the names stays.

    Raises:
        UsageError: If a name is shorter than 3 characters.
    """
    return ErasurePlan(body={"scope": "person", "names": len(names)}, targets=_mentions(ledger, names))


def widened(ledger: Ledger, plan: ErasurePlan, *, fellows: Iterable[str], names: Sequence[str]) -> ErasurePlan:
    """The plan with what quotes it in other runs: the prompt of a later question repeats the turns before it.

    Args:
        fellows: Runs in which to look: those of the same conversations.
        names: Which of the erased contents to look for ("question", "answer", "passage" and "passage 1" ...).
    """
    mine = {(seq, name) for seq, name, _ in plan.targets}
    others = list(dict.fromkeys(fellows))
    texts = {text.strip() for text in _texts(ledger, plan.targets, names) if len(text.strip()) > 2}
    found = []
    for seq, name, run, text in _of_runs(ledger, others):
        if (seq, name) in mine or name == "question":
            continue
        least = 3 if name == "prompt" else _SHORTEST_QUOTE
        if any(len(quoted) >= least and quoted in text for quoted in texts):
            found.append((seq, name, run))
    return replace(plan, targets=[*plan.targets, *found])


def carry_out(ledger: Ledger, plan: ErasurePlan, *, requested_by: str, reason: str) -> Erasure:
    """Erase what the plan names, and record it.

    Raises:
        UsageError: If `requested_by` or `reason` is empty.
    """
    if not requested_by.strip() or not reason.strip():
        raise UsageError("An erasure says by whose request and why.", hint="Name the person and give a reason.")
    run, contents = new_run_id(), {"requested_by": requested_by, "reason": reason}
    targets = [(seq, name) for seq, name, _ in plan.targets]
    receipts = ledger.erase(targets, run=run, body=plan.body, contents=contents)
    return Erasure(run=run, contents=len(targets), runs=len(plan.runs), receipts=receipts)


def erase_run(ledger: Ledger, run: str, *, requested_by: str, reason: str) -> Erasure:
    """`plan_runs` of one run, carried out. Raises as both."""
    return carry_out(ledger, plan_runs(ledger, [run]), requested_by=requested_by, reason=reason)


def erase_document(ledger: Ledger, digest: str, *, requested_by: str, reason: str) -> Erasure:
    """`plan_document`, carried out. Raises as both."""
    return carry_out(ledger, plan_document(ledger, digest), requested_by=requested_by, reason=reason)


def erase_person(ledger: Ledger, names: Sequence[str], *, requested_by: str, reason: str) -> Erasure:
    """`plan_person`, carried out; look at `find_person` first. Raises as both."""
    return carry_out(ledger, plan_person(ledger, names), requested_by=requested_by, reason=reason)


def erase_contents(ledger: Ledger, targets: Sequence[Target], *, requested_by: str, reason: str) -> Erasure:
    """Erase exactly these (seq, name) contents; those already erased, or unknown, are left out."""
    wanted = set(targets)
    seqs = sorted({seq for seq, _ in wanted})
    found = []
    for start in range(0, len(seqs), _SEQS_PER_QUERY):
        part = ledger_content.c.seq.in_(seqs[start : start + _SEQS_PER_QUERY])
        found += [row for row in _targets(ledger, part) if (row[0], row[1]) in wanted]
    plan = ErasurePlan(body={"scope": "contents"}, targets=found)
    return carry_out(ledger, plan, requested_by=requested_by, reason=reason)


def find_person(ledger: Ledger, names: Sequence[str]) -> list[Target]:
    """What `erase_person` would erase. Raises as it does."""
    return [(seq, name) for seq, name, _ in _mentions(ledger, names)]


def folded_names(names: Sequence[str]) -> list[str]:
    """Names as they are looked for.

    Raises:
        UsageError: If there is none, or one is shorter than 3 characters.
    """
    folded = [name.strip().casefold() for name in names]
    if not folded or any(len(name) < 3 for name in folded):
        raise UsageError(
            "A name to erase has at least three characters.", hint="Shorter ones would be found everywhere."
        )
    return folded


def _mentions(ledger: Ledger, names: Sequence[str]) -> list[tuple[int, str, str]]:
    folded = folded_names(names)
    columns = (ledger_content.c.seq, ledger_content.c.name, ledger_entry.c.run, ledger_content.c.text)
    query = select(*columns).join(ledger_entry, ledger_entry.c.seq == ledger_content.c.seq)
    query = query.where(ledger_content.c.text.is_not(None), ledger_entry.c.kind != "erasure")
    with ledger.database.read() as conn:
        return [
            (row.seq, row.name, row.run)
            for row in conn.execute(query.order_by(ledger_content.c.seq))
            if any(name in row.text.casefold() for name in folded)
        ]


def _texts(ledger: Ledger, targets: Sequence[tuple[int, str, str]], names: Sequence[str]) -> list[str]:
    """The texts of those targets that are called so."""
    called = tuple(names)
    wanted = {(seq, name) for seq, name, _ in targets if name in called or name.split(" ")[0] in called}
    rows = _of_runs(ledger, list(dict.fromkeys(run for _, _, run in targets)))
    return [text for seq, name, _, text in rows if (seq, name) in wanted]


def _of_runs(ledger: Ledger, runs: Sequence[str]) -> list[tuple[int, str, str, str]]:
    """(seq, name, run, text) of every text that is still there."""
    columns = (ledger_content.c.seq, ledger_content.c.name, ledger_entry.c.run, ledger_content.c.text)
    query = select(*columns).join(ledger_entry, ledger_entry.c.seq == ledger_content.c.seq)
    query = query.where(ledger_content.c.text.is_not(None)).order_by(ledger_content.c.seq)
    found = []
    with ledger.database.read() as conn:
        for start in range(0, len(runs), _SEQS_PER_QUERY):
            part = query.where(ledger_entry.c.run.in_(runs[start : start + _SEQS_PER_QUERY]))
            found += [(row.seq, row.name, row.run, row.text) for row in conn.execute(part)]
    return found


def _targets(ledger: Ledger, wanted: ColumnElement[bool]) -> list[tuple[int, str, str]]:
    """(seq, name, run) of contents that are still there."""
    query = select(ledger_content.c.seq, ledger_content.c.name, ledger_entry.c.run)
    query = query.join(ledger_entry, ledger_entry.c.seq == ledger_content.c.seq)
    query = query.where(ledger_content.c.erased_at.is_(None), wanted)
    with ledger.database.read() as conn:
        rows = conn.execute(query.order_by(ledger_content.c.seq, ledger_content.c.name))
        return [(row.seq, row.name, row.run) for row in rows]
