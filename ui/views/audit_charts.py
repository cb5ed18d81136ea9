"""Charts over the last weeks: how much was made by which model, how it ended, and what the guards did."""

from __future__ import annotations

from collections import Counter
from typing import Any

import streamlit as st

from provenance.errors import AppError
from ui.proof_api import ActivityState
from ui.views.page_services import PageServices
from ui.views.words import count, esc, say_error

__all__ = ["draw_charts", "outcomes_by_day"]

_DAYS = {"7 days": 7, "30 days": 30, "A year": 365}
_COLOURS = {
    "answered": "#2f8f83",
    "done": "#7fb8ae",
    "refused": "#d9a93a",
    "blocked": "#c0474f",
    "failed": "#8e3b40",
    "stopped": "#9a8f7c",
    "interrupted": "#6d655a",
    "running": "#b9c4cc",
}


def draw_charts(services: PageServices) -> None:
    """Three charts and a line."""
    days = st.segmented_control("Span", list(_DAYS), default="30 days", key="audit.days", label_visibility="collapsed")
    try:
        state = services.engine.activity(days=_DAYS[days or "30 days"])
    except AppError as exc:
        say_error(exc)
        return
    if not state.days:
        st.html('<div class="wf-calm">Nothing happened in this span.</div>')
        return
    rows = outcomes_by_day(state)
    outcomes = sorted({str(row["outcome"]) for row in rows})
    st.html('<div class="wf-label">Runs a day, by how they ended</div>')
    st.bar_chart(
        rows,
        x="day",
        y="runs",
        color="outcome" if len(outcomes) > 1 else _COLOURS.get(outcomes[0], "#2f8f83"),
        x_label="",
        y_label="",
        height=200,
        alt="Runs a day, by how they ended",
    )
    left, right = st.columns(2)
    with left:
        _bars("By model", _by_model(state), _COLOURS["answered"])
    with right:
        guards = Counter({f"{row.ring}: {row.action}": row.count for row in state.guards if row.action != "allow"})
        _bars("What guards stopped or hid", guards, _COLOURS["blocked"])
    allowed = sum(row.count for row in state.guards if row.action == "allow")
    st.html(
        f'<div class="wf-note">{esc(count(allowed, "guard decision"))} let through, '
        f"{esc(count(state.signed, 'file'))} left this house signed.</div>"
    )


def outcomes_by_day(state: ActivityState) -> list[dict[str, Any]]:
    """One row a day and outcome."""
    found: Counter[tuple[str, str]] = Counter()
    for row in state.days:
        found[row.day, row.outcome] += row.count
    return [{"day": day, "outcome": outcome, "runs": runs} for (day, outcome), runs in sorted(found.items())]


def _by_model(state: ActivityState) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in state.days:
        if row.model:
            found[row.model] += row.count
    return found


def _bars(title: str, counts: Counter[str], colour: str) -> None:
    st.html(f'<div class="wf-label">{esc(title)}</div>')
    if not counts:
        st.html('<div class="wf-calm">Nothing.</div>')
        return
    rows = [{"name": name, "runs": runs} for name, runs in counts.most_common(12)]
    st.bar_chart(
        rows,
        x="name",
        y="runs",
        horizontal=True,
        x_label="",
        y_label="",
        height=180,
        sort="-runs",
        color=colour,
        alt=title,
    )
