"""Keeps the fingerprints in step with the ledger: every answer has one, every erased answer has none.

The ledger is the truth and this follows it, so answers from before there were fingerprints are found too, and nothing
is lost when a process ends between an answer and its fingerprint.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlalchemy import ColumnElement, and_, exists, select

from provenance.database import Database
from provenance.fingerprint import FingerprintIndex, fingerprints
from provenance.tables import ledger_content, ledger_entry

__all__ = ["answers_were_erased", "follow_ledger", "sources_of"]

_KINDS = ("answer", "stopped")
_PAGE = 100


def follow_ledger(database: Database, index: FingerprintIndex) -> int:
    """Add what is missing and remove what was erased; how many runs were added.

    A refusal gets no fingerprint to match: it is the same sentence every time, and says nothing about one run.
    """
    with database.read() as conn:
        erased = select(ledger_entry.c.run).join(ledger_content, ledger_content.c.seq == ledger_entry.c.seq)
        gone = conn.execute(erased.where(_erased(), fingerprints.c.run == ledger_entry.c.run, _has_words()).distinct())
        runs = [row.run for row in gone]
    for run in runs:
        index.add(run, "")
    added = 0
    while page := list(_missing(database)):
        for run, text in page:
            index.add(run, text)
        added += len(page)
    return added


def answers_were_erased(database: Database) -> bool:
    """Whether some answers cannot be recognised any more because somebody had them erased."""
    query = select(ledger_entry.c.seq).join(ledger_content, ledger_content.c.seq == ledger_entry.c.seq)
    with database.read() as conn:
        return conn.execute(query.where(_erased()).limit(1)).first() is not None


def sources_of(database: Database, run: str) -> list[str]:
    """The passages that a run was given, where they were not erased."""
    query = select(ledger_content.c.text).join(ledger_entry, ledger_content.c.seq == ledger_entry.c.seq)
    query = query.where(
        ledger_entry.c.run == run, ledger_entry.c.kind == "retrieval", ledger_content.c.text.is_not(None)
    )
    with database.read() as conn:
        return [row.text for row in conn.execute(query)]


def _erased() -> ColumnElement[bool]:
    answers = and_(ledger_entry.c.kind.in_(_KINDS), ledger_content.c.name == "answer")
    return and_(answers, ledger_content.c.erased_at.is_not(None))


def _has_words() -> ColumnElement[bool]:
    return fingerprints.c.words > 0


def _missing(database: Database) -> Iterator[tuple[str, str]]:
    known = exists().where(fingerprints.c.run == ledger_entry.c.run)
    query = select(ledger_entry.c.run, ledger_entry.c.body, ledger_content.c.text)
    query = query.join(ledger_content, ledger_content.c.seq == ledger_entry.c.seq)
    query = query.where(ledger_entry.c.kind.in_(_KINDS), ledger_content.c.name == "answer", ~known)
    with database.read() as conn:
        rows = conn.execute(query.order_by(ledger_entry.c.seq).limit(_PAGE)).all()
    for row in rows:
        refused = json.loads(row.body).get("refused") is True
        yield row.run, "" if refused or row.text is None else row.text
