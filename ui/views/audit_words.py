"""How the state of a run is said on the audit pages."""

from __future__ import annotations

from ui.api import RunRow
from ui.views.words import esc

__all__ = ["state_tags", "state_words"]


def state_words(row: RunRow) -> set[str]:
    """Every state that a filter may ask for."""
    return {row.state} | ({"refused"} if row.refused else set()) | ({"blocked"} if row.blocked else set())


def state_tags(row: RunRow) -> str:
    """The state of a run as small labels."""
    tone = {"done": "good", "failed": "bad", "interrupted": "bad", "stopped": "warn", "running": "warn"}[row.state]
    tags: list[tuple[str, str]] = [(tone, row.state)] if row.state != "done" or not (row.refused or row.blocked) else []
    tags += [("warn", "refused")] if row.refused else []
    tags += [("bad", "blocked")] if row.blocked else []
    return " ".join(f'<span class="wf-tag {tone}">{esc(word)}</span>' for tone, word in tags)
