"""`wherefrom guard TEXT|-`: a text through the rings; also the policy in force, a new one, and what it would have done.

Status 0 where the text may go on (perhaps with something removed), 1 where a ring stops it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import UsageError
from ui.commands.guard_lists import guard_list, wants_list
from ui.commands.output import Output, counted, shown
from ui.commands.session import open_client, text_of

if TYPE_CHECKING:
    from ui.guard_api import DryRunReport, GuardReport, PolicyState

__all__ = ["guard"]

STOPPED = 1
_SAYS = {
    "allow": "may go on",
    "redact": "goes on without what is removed",
    "ask": "waits for a person",
    "block": "stops",
}


def guard(options: argparse.Namespace, output: Output) -> int:
    """One of five: a list, a dry run, a new policy, a text, or the policy in force."""
    listed = wants_list(options)
    if options.replay is not None and options.policy is None:
        raise UsageError("--replay needs the policy to try.", hint="Name it with --policy FILE.")
    if options.text is not None and options.policy is not None:
        raise UsageError("Try a text, or a policy; not both at once.")
    with open_client() as client:
        if listed:
            return guard_list(client, options, output)
        if options.replay is not None:
            report = client.guard_dry_run(_policy_text(options.policy), last=options.replay)
            output.result(report.model_dump(), lambda: _show_dry_run(report, output))
            return 0
        if options.policy is not None:
            state = client.set_guard_policy(_policy_text(options.policy))
        elif options.text is not None:
            tried = client.guard(text_of(options.text))
            output.result(tried.model_dump(), lambda: _show_text(tried, output))
            return STOPPED if tried.action in ("ask", "block") else 0
        else:
            state = client.guard_policy()
    output.result(state.model_dump(), lambda: _show_policy(state, output))
    return 0


def _policy_text(name: str) -> str:
    """The text of a policy file; it is judged where it is used."""
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(f"{shown(name)} cannot be read as text.", hint="Name a policy file.") from exc


def _show_text(report: GuardReport, output: Output) -> None:
    for ring in report.rings:
        output.line(f"{ring.ring}: {_SAYS[ring.action]} ({ring.milliseconds:.0f} ms)")
        for decision in ring.decisions:
            output.line(
                f"  {decision['id']}: {decision['action']}, score {decision['score']:.2f}. {decision['detail']}"
            )


def _show_dry_run(report: DryRunReport, output: Output) -> None:
    output.line(
        f"{counted(report.runs, 'run')}, {report.judged:,} texts and calls judged: stopped then in "
        f"{report.stopped_before}, with this policy in {report.stopped_after}."
    )
    for row in report.changed:
        output.line(f"  {row.run} {row.ring}: {row.before} -> {row.after}. {shown(row.why)}")
    if report.unread:
        output.line(f"{counted(report.unread, 'text')} could not be judged: erased.")


def _show_policy(state: PolicyState, output: Output) -> None:
    if state.problem:
        output.note(shown(state.problem))
        output.note(f"Hint: {shown(state.hint)}")
    output.line(f"policy {state.version[:12]} is in force")
    for version in state.history[:10]:
        output.line(f"  {version.at} {version.version[:12]} by {shown(version.by)}")
