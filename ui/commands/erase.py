"""`wherefrom audit erase`: private texts go, everything still verifies, and the ledger says who asked for it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ui.commands.output import Output, counted, shown
from ui.commands.session import open_client

if TYPE_CHECKING:
    from ui.proof_api import Erased

__all__ = ["erase"]


def erase(options: argparse.Namespace, output: Output) -> int:
    """One run, one document, or a person."""
    with open_client() as client:
        found = client.erase(
            run=options.run,
            document=options.document,
            names=options.person,
            requested_by=options.by,
            reason=options.reason,
            dry_run=options.dry_run,
        )
    output.result(found.model_dump(), lambda: _show(found, output))
    return 0


def _show(found: Erased, output: Output) -> None:
    verb = "Would erase" if found.dry_run else "Erased"
    output.line(f"{verb} {counted(found.contents, 'text')} of {counted(len(found.runs), 'run')} in the ledger,")
    output.line(f"  {counted(found.answers, 'answer')} and {counted(found.questions, 'question')} of conversations.")
    for name in found.documents:
        output.line(f"  {verb} the document {shown(name)}.")
    for mention in found.mentions:
        passages = counted(mention.passages, "passage")
        output.line(f"  Still named in {shown(mention.name)} (document {mention.document_id}, {passages}).")
    if found.run:
        output.line(f"Recorded as {found.run}. Files that were exported and backups are yours to delete.")
