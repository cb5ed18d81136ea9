"""`wherefrom guard --decisions N`, `--asked`, `--agree ID`, `--reject ID`: what was decided, and a reviewer's list."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from provenance.errors import UsageError
from ui.commands.output import Output, counted, shown

if TYPE_CHECKING:
    from ui.api import EngineApi
    from ui.guard_api import ApprovalRow, DecisionRow

__all__ = ["guard_list", "wants_list"]

_WAITS = "escalated"


def wants_list(options: argparse.Namespace) -> bool:
    """Whether a list, or a reviewer's word, is what the command is for.

    Raises:
        UsageError: If a text or a policy is named as well, or two of the lists.
    """
    wanted = [options.decisions is not None, options.asked, options.agree is not None, options.reject is not None]
    others = (options.text, options.policy, options.replay)
    if sum(wanted) > 1 or (any(wanted) and any(one is not None for one in others)):
        raise UsageError("One at a time: a text, a policy, --decisions, --asked, --agree or --reject.")
    if options.decisions is not None and options.decisions < 1:
        raise UsageError("--decisions must be 1 or more.")
    return any(wanted)


def guard_list(client: EngineApi, options: argparse.Namespace, output: Output) -> int:
    """Show one list; a reviewer's word is handed in before the list of what was asked is shown."""
    if options.decisions is not None:
        rows = client.guard_decisions(limit=options.decisions, stopped=True)
        output.result({"decisions": [row.model_dump() for row in rows]}, lambda: _show_decisions(rows, output))
        return 0
    reviewed = options.agree or options.reject
    if reviewed is not None:
        client.review_approval(reviewed, agreed=options.agree is not None, by="the command line")
    asked = sorted(client.approvals(), key=lambda row: row.state != _WAITS)
    output.result({"asked": [row.model_dump() for row in asked]}, lambda: _show_asked(asked, output))
    return 0


def _show_decisions(rows: list[DecisionRow], output: Output) -> None:
    for row in rows:
        score = f"score {row.score:.2f}, acts from {row.threshold:.2f}"
        output.line(f"{row.at} {row.run} {row.ring} {row.guard}: {row.action}, {score}. {shown(row.detail)}")
    if not rows:
        output.line("Nothing was stopped or hidden.")


def _show_asked(rows: list[ApprovalRow], output: Output) -> None:
    waiting = sum(row.state == _WAITS for row in rows)
    output.line(f"{counted(waiting, 'request')} left to a reviewer")
    for row in rows:
        state = "waits now" if row.open else row.state
        output.line(f"  {row.id} {row.at} {state}: {shown(row.tool or row.subject)} {shown(row.arguments)}")
        output.line(f"    {shown(row.reason)}")
