"""The system card: what this installation is made of, what its guards do, and what was last measured on it.

Written from the catalogue, the settings and policy in force, and the results that `wherefrom bench` left in the data
folder; nothing in it is typed by hand but the sentences on what it is for and what it cannot do.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import GuardrailError
from ui.measured import MEASURED, number_table, results
from ui.picture_card import family_table

if TYPE_CHECKING:
    from agent.guardrails.policy import Policy
    from ui.settings import Settings

__all__ = ["system_card"]


def system_card(settings: Settings) -> str:
    """The card as Markdown."""
    parts = (_purpose(), _models(settings), _pictures(), _guards(settings), _measured(settings.home))
    return "\n".join(line for part in parts for line in part)


def _purpose() -> Iterator[str]:
    yield from (
        "# System card",
        "",
        "A private assistant over a person's own documents, on their own machine. It answers with citations that "
        "code has checked, draws and writes code; it is not made to give medical, legal or financial advice, to "
        "decide about people, or to know the world. A small model can misread a passage; "
        "a citation shows where to look.",
        "",
    )


def _models(settings: Settings) -> Iterator[str]:
    from ui.inventory import model_rows, tool_loop

    yield from ("## Models", "", "| model | licence | size | state |", "|---|---|---|---|")
    for row in model_rows(settings):
        if row.present or row.default:
            state = "verified" if row.verified else "present" if row.present else "not here"
            yield f"| {row.name} | {row.licence} | {row.size_bytes / 1e6:,.0f} MB | {state} |"
    yield from (
        "",
        f"Answers by default: {settings.model} through `{settings.backend}`; its tool loop is {tool_loop(settings)}.",
        "",
    )


def _guards(settings: Settings) -> Iterator[str]:
    policy, source = _policy(settings.home)
    yield from ("## Guards", "", f"Policy {policy.version[:12]} ({source}).", "")
    yield from ("| ring | guard | acts from | action | exceptions |", "|---|---|---|---|---|")
    for ring, rules in policy.rules.items():
        for name, rule in rules.items():
            other = ", ".join(f"{label}: {action}" for label, action in rule.labels.items())
            own = f"own evidence: {rule.own_evidence}" if rule.own_evidence else ""
            yield f"| {ring} | {name} | {rule.threshold:g} | {rule.action} | {'; '.join(filter(None, (other, own)))} |"
    tools = policy.rules["tool"]["tools"].options["allowed"] if "tools" in policy.rules["tool"] else {}
    yield from ("", f"Tools that may be called: {', '.join(sorted(tools)) or 'any'}.", "")


def _policy(home: Path) -> tuple[Policy, str]:
    """The policy as an engine would take it up, and where it is from."""
    from agent.guardrails.policy import load_policy

    path = home / "policy.toml"
    if path.is_file():
        try:
            return load_policy(path), "from the data folder"
        except GuardrailError:
            return load_policy(), "shipped; the one in the data folder cannot be followed"
    return load_policy(), "shipped"


def _pictures() -> Iterator[str]:
    yield from (
        "## Pictures",
        "",
        "Families that this program trained and ships; `wherefrom models card NAME` tells more.",
    )
    yield from ("", *family_table(), "")


def _measured(home: Path) -> Iterator[str]:
    yield from ("## Measured here", "")
    found = results(home)
    if not found:
        yield "Nothing yet: `wherefrom bench NAME` leaves its newest result here."
    for name, result in found.items():
        yield from (f"### {name}, {result.pop('at', 'undated')}", "")
        yield from number_table(result, where=f"{MEASURED}/{name}.json")
        yield ""
