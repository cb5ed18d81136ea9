"""The system card: what this installation is made of, what its guards do, and what was last measured on it.

Written from the catalogue, the settings and policy in force, and the results that `wherefrom bench` left in the data
folder; nothing in it is typed by hand but the sentences on what it is for and what it cannot do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance.errors import GuardrailError

if TYPE_CHECKING:
    from agent.guardrails.policy import Policy
    from ui.settings import Settings

__all__ = ["MEASURED", "keep_result", "system_card"]

MEASURED = "measured"  # the folder of results in the data folder
MOST_NUMBERS = 40  # of one measurement: a card is read by people


def system_card(settings: Settings) -> str:
    """The card as Markdown."""
    return "\n".join([*_purpose(), *_models(settings), *_guards(settings), *_measured(settings.home / MEASURED)])


def keep_result(home: Path, name: str, result: dict[str, Any]) -> None:
    """Keep the newest result of a measurement where a card finds it; only in a data folder that is there."""
    if home.is_dir():
        folder = home / MEASURED
        folder.mkdir(exist_ok=True)
        text = json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), **result}, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


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


def _measured(folder: Path) -> Iterator[str]:
    yield from ("## Measured here", "")
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not files:
        yield "Nothing yet: `wherefrom bench NAME` leaves its newest result here."
    for path in files:
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # cut off while it was written: the next run replaces it
        yield from (f"### {path.stem}, {result.pop('at', 'undated')}", "", "| what | number |", "|---|---|")
        numbers = list(_numbers(result))
        yield from (f"| {name} | {value:,.4g} |" for name, value in numbers[:MOST_NUMBERS])
        if len(numbers) > MOST_NUMBERS:
            yield f"| … | {len(numbers) - MOST_NUMBERS} more in `{MEASURED}/{path.name}` |"
        yield ""


def _numbers(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, f"{name} · {key}" if name else str(key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, value
