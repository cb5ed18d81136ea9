"""What a tab has seen of a run: updates gathered into the text, the steps and the notices that are drawn.

The run itself lives in the engine; this can be thrown away at any time and gathered again from the first update.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from agent.updates import Done, Failed, GuardNotice, Step, Stopped, Token, Update
from ui.views.words import esc, seconds

__all__ = ["STEP_NAMES", "Watched", "step_line", "steps_html"]


STEP_NAMES = {
    "waiting": "Waiting",
    "plan": "Plan",
    "search_documents": "Search documents",
    "query_ledger": "Look in the record",
    "read": "Read",
    "write": "Write",
    "check": "Check citations",
    "guard": "Guard",
}


@dataclass(slots=True)
class Watched:
    """One run, as far as it has been watched."""

    run: str
    seen: int = -1
    text: str = ""
    steps: dict[str, Step] = field(default_factory=dict)
    notices: list[GuardNotice] = field(default_factory=list)
    end: Done | Stopped | Failed | None = None

    def take(self, updates: Iterable[Update]) -> None:
        """Add what is new; updates that were taken before are passed over."""
        for update in updates:
            if update.n <= self.seen:
                continue
            self.seen = update.n
            match update:
                case Token():
                    self.text += update.text
                case Step():
                    before = self.steps.get(update.id)
                    keep = before.detail if before and not update.detail else update.detail
                    self.steps[update.id] = update.model_copy(update={"detail": keep})
                case GuardNotice():
                    self.notices.append(update)
                case Done() | Stopped() | Failed():
                    self.end = update
                case _:
                    assert_never(update)


def step_line(steps: Iterable[Step]) -> str:
    """What the agent does now, in a few words, for the heading of the folded list."""
    now = [step for step in steps if step.status == "started"]
    if not now:
        return "Working"
    doing = {
        "waiting": "Waiting for another answer to end",
        "plan": "Planning",
        "search_documents": "Searching your documents",
        "query_ledger": "Looking in the record",
        "read": "Reading the passages",
        "write": "Writing",
        "check": "Checking the citations",
        "guard": "Checking with the guards",
    }
    return doing.get(now[-1].name, STEP_NAMES.get(now[-1].name, now[-1].name.replace("_", " ").capitalize()))


def steps_html(steps: Iterable[Step]) -> str:
    """The steps as a list, with their seconds."""
    rows = []
    for step in steps:
        name = STEP_NAMES.get(step.name, step.name.replace("_", " ").capitalize())
        rows.append(
            f'<li><span class="wf-dot {esc(step.status)}"></span><span class="what">{esc(name)}</span>'
            f'<span class="detail">{esc(step.detail)}</span><span class="took">{esc(seconds(step.seconds))}</span></li>'
        )
    return f'<ul class="wf-steps" aria-label="Steps">{"".join(rows)}</ul>' if rows else ""
