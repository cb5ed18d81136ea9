"""The guard page: what was decided and why, a text to try, and the policy with what another one would have done."""

from __future__ import annotations

from collections import Counter
from typing import Any

import streamlit as st

from provenance.errors import AppError
from ui.guard_api import DecisionRow, DryRunReport, GuardReport, PolicyState
from ui.views.guards_asked import draw_approvals
from ui.views.page_services import PageServices
from ui.views.words import ago, clock, count, esc, say_error, shorten

__all__ = ["render"]

_ANY = "any"
_MOST = 2000
_SHOWN = 60
_TRIED, _DRY, _SAVED = "guards.tried", "guards.dry", "guards.saved"
_COLOURS = {"block": "bad", "ask": "warn", "redact": "warn", "allow": "good"}
_BARS = {"block": "#c0474f", "ask": "#d9a93a", "redact": "#2f8f83"}
_RINGS = {"input": "What you write", "retrieved": "Retrieved text", "tool": "Tool calls", "output": "Answers"}


def render(services: PageServices) -> None:
    """The guard page."""
    st.title("Guards", anchor=False)
    st.html(
        '<div class="wf-note">Four rings check what you write, what is retrieved, which tools are called, and what is '
        "answered. Each decision is in the record with its reason.</div>"
    )
    decisions, asked, trial, policy = st.tabs(["Decisions", "Asked", "Try a text", "Policy"], key="guards.tabs")
    with decisions:
        _decisions(services)
    with asked:
        draw_approvals(services)
    with trial:
        _trial(services)
    with policy:
        _policy(services)


# -- decisions ----------------------------------------------------------------------------------------------------
def _decisions(services: PageServices) -> None:
    try:
        rows = services.engine.guard_decisions(limit=_MOST)
    except AppError as exc:
        say_error(exc)
        return
    if not rows:
        st.html('<div class="wf-calm">No decision yet. They come with the first question.</div>')
        return
    _trend(rows)
    fitting = _filtered(rows)
    if not fitting:
        st.html('<div class="wf-calm">No decision fits the filter.</div>')
    for row in fitting[:_SHOWN]:
        _decision(services, row)
    if len(fitting) > _SHOWN:
        st.html(f'<div class="wf-note">{len(fitting) - _SHOWN:,} older ones are not shown.</div>')


def _trend(rows: list[DecisionRow]) -> None:
    """What was stopped or hidden, day by day."""
    found = Counter((row.at[:10], row.action) for row in rows if row.action != "allow")
    if found:
        actions = sorted({action for _day, action in found})
        days: list[dict[str, Any]] = [
            {"day": day, **{action: found[day, action] for action in actions}}
            for day in sorted({day for day, _action in found})
        ]
        st.html('<div class="wf-label">Stopped or hidden, a day</div>')
        st.bar_chart(
            days,
            x="day",
            y=actions,
            color=[_BARS[action] for action in actions],
            x_label="",
            y_label="",
            height=240,
            alt="Decisions a day that stopped or hid something",
        )
    allowed = sum(row.action == "allow" for row in rows)
    st.html(f'<div class="wf-note">Of the last {count(len(rows), "decision")}, {allowed:,} let the text through.</div>')


def _filtered(rows: list[DecisionRow]) -> list[DecisionRow]:
    with st.container(horizontal=True):
        action = st.selectbox(
            "Decision", ["stopped or hidden", _ANY, "block", "ask", "redact", "allow"], key="guards.action", width=190
        )
        ring = st.selectbox("Ring", [_ANY, *_RINGS], key="guards.ring", width=160)
        guard = st.selectbox("Guard", [_ANY, *sorted({row.guard for row in rows})], key="guards.guard", width=160)
    return [
        row
        for row in rows
        if (action == _ANY or row.action == action or (action == "stopped or hidden" and row.action != "allow"))
        and ring in (_ANY, row.ring)
        and guard in (_ANY, row.guard)
    ]


def _decision(services: PageServices, row: DecisionRow) -> None:
    what, record = st.columns([7, 1], vertical_alignment="center")
    what.html(
        f'<span class="wf-tag {_COLOURS.get(row.action, "")}">{esc(row.action)}</span> '
        f"<b>{esc(_RINGS.get(row.ring, row.ring))}</b> · {esc(row.guard)} · {esc(row.detail)} "
        f'<span class="wf-mute">score {row.score:.2f}, acts from {row.threshold:.2f} · '
        f'<span title="{esc(clock(row.at))}">{esc(ago(row.at))}</span></span>'
    )
    if record.button("Record", key=f"decision.{row.seq}", type="tertiary", help="Open the run's record"):
        services.go("audit", run=row.run)


# -- the test bench -----------------------------------------------------------------------------------------------
def _trial(services: PageServices) -> None:
    with st.form("guards.try", border=False):
        text = st.text_area("Text", key="guards.text", height=140, placeholder="Paste a question, a passage, an answer")
        pressed = st.form_submit_button("Check", key="guards.check", icon=":material/shield:")
    if pressed:
        try:
            st.session_state[_TRIED] = services.engine.guard(text)
        except AppError as exc:
            st.session_state.pop(_TRIED, None)
            say_error(exc)
    report: GuardReport | None = st.session_state.get(_TRIED)
    if report is not None:
        _tried(report)


def _tried(report: GuardReport) -> None:
    for ring in report.rings:
        with st.container(border=True, key=f"ring-{ring.ring}"):
            st.html(
                f'<span class="wf-tag {_COLOURS[ring.action]}">{esc(ring.action)}</span> '
                f'<b>{esc(_RINGS[ring.ring])}</b> <span class="wf-mute">{ring.milliseconds:.0f} ms</span>'
            )
            for one in ring.decisions:
                st.html(
                    f'<div class="wf-cell">{esc(one["id"])}: {esc(one["detail"])} '
                    f'<span class="wf-mute">score {one["score"]:.2f}, acts from {one["threshold"]:.2f}</span></div>'
                )
            if ring.action == "redact":
                st.html(f'<div class="wf-calm">{esc(shorten(ring.text, 600))}</div>')


# -- the policy ---------------------------------------------------------------------------------------------------
def _policy(services: PageServices) -> None:
    try:
        state = services.engine.guard_policy()
    except AppError as exc:
        say_error(exc)
        return
    if state.problem:
        say_error(AppError(state.problem, hint=state.hint))
    if st.session_state.get(_SAVED) != state.version:  # another policy came into force: the editor follows
        st.session_state[_SAVED], st.session_state["guards.policy"] = state.version, state.text
    text = st.text_area("Policy", key="guards.policy", height=420, help="TOML; the comments say what each line does")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        last = st.number_input("Last questions", 1, 2000, 50, key="guards.last", width=140)
        if st.button("What would it have done?", key="guards.dryrun", icon=":material/history:"):
            _try_policy(services, text, int(last))
        if st.button("Put into force", key="guards.adopt", type="primary", disabled=text == state.text):
            try:
                st.session_state[_SAVED] = services.engine.set_guard_policy(text).version
            except AppError as exc:
                say_error(exc)
            else:
                st.toast("The policy is in force.", icon=":material/check:")
                st.rerun()
    report: DryRunReport | None = st.session_state.get(_DRY)
    if report is not None:
        _dry_run(services, report)
    _history(state)


def _try_policy(services: PageServices, text: str, last: int) -> None:
    try:
        with st.spinner("Judging the record again …"):
            st.session_state[_DRY] = services.engine.guard_dry_run(text, last=last)
    except AppError as exc:
        st.session_state.pop(_DRY, None)
        say_error(exc)


def _dry_run(services: PageServices, report: DryRunReport) -> None:
    st.html(
        f'<div class="wf-calm">Over the last {esc(count(report.runs, "question"))}: stopped then in '
        f"{report.stopped_before}, with this policy in {report.stopped_after}. "
        f"{esc(count(len(report.changed), 'decision'))} would be another.</div>"
    )
    for n, row in enumerate(report.changed[:_SHOWN]):
        with st.container(key=f"dry-{n}", horizontal=True, vertical_alignment="center"):
            st.html(
                f'<span class="wf-tag {_COLOURS[row.after]}">{esc(row.before)} → {esc(row.after)}</span> '
                f"<b>{esc(_RINGS[row.ring])}</b> {esc(shorten(row.text, 90))} "
                f'<span class="wf-mute">{esc(row.why)}</span>'
            )
            if st.button("Record", key=f"dry.{n}", type="tertiary", help="Open the run's record"):
                services.go("audit", run=row.run)
    if report.unread:
        st.html(f'<div class="wf-note">{esc(count(report.unread, "text"))} could not be judged: erased.</div>')


def _history(state: PolicyState) -> None:
    with st.expander(f"In force: {state.version[:12]}", key="guards.history"):
        rows = "".join(
            f"<dt>{esc(clock(version.at))}</dt><dd><code>{esc(version.version[:12])}</code> by {esc(version.by)}</dd>"
            for version in state.history
        )
        shipped = "" if rows else "<dt>Since the beginning</dt><dd>the policy that is shipped</dd>"
        st.html(f'<dl class="wf-facts">{rows}{shipped}</dl>')
