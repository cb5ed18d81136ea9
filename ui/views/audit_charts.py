"""Charts over the last weeks: how much was made by which model, how it ended, what guards did, and what is marked."""

from __future__ import annotations

from collections import Counter
from typing import Any

import streamlit as st

from provenance.errors import AppError
from ui.proof_api import ActivityState
from ui.views.page_services import PageServices
from ui.views.words import count, esc, say_error

__all__ = ["draw_charts", "marked_shares", "outcomes_by_day"]

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
_MARKED = {"marked and signed": "#2f8f83", "marked": "#7fb8ae", "signed": "#d9a93a", "neither": "#b9c4cc"}


def draw_charts(services: PageServices) -> None:
    """What was made, by which model, what was blocked, what is marked."""
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
    _marks(state)
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


def marked_shares(state: ActivityState) -> dict[str, str]:
    """Kind -> how many of them carry a mark or a signature, in words."""
    total: Counter[str] = Counter()
    carry: Counter[str] = Counter()
    for row in state.marks:
        total[row.what] += row.count
        carry[row.what] += row.count if row.state != "neither" else 0
    return {what: f"{carry[what]} of {total[what]} {what}" for what in sorted(total)}


def _marks(state: ActivityState) -> None:
    title = "What left marked or signed"
    st.html(f'<div class="wf-label">{title}</div>')
    if not state.marks:
        st.html('<div class="wf-calm">Nothing was made.</div>')
        return
    rows = [{"what": row.what, "carries": row.state, "number": row.count} for row in state.marks]
    states = sorted({row.state for row in state.marks})
    st.bar_chart(
        rows,
        x="what",
        y="number",
        color="carries" if len(states) > 1 else _MARKED[states[0]],
        horizontal=True,
        x_label="",
        y_label="",
        height=60 + 40 * len({row.what for row in state.marks}),
        alt=title,
    )
    st.html(
        f'<div class="wf-note">With a mark or a signature: {esc(", ".join(marked_shares(state).values()))}. '
        "Texts of one sentence by design are too short to carry a mark; their fingerprint is kept.</div>"
    )


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
