"""The audit pages: every run with filters and charts, the record of one run (`?run=...`), and how the ledger stands."""

from __future__ import annotations

import streamlit as st

from provenance.errors import AppError
from ui.api import RunRow
from ui.views.audit_charts import draw_charts
from ui.views.audit_record import draw_record
from ui.views.audit_state import draw_state
from ui.views.audit_words import state_tags, state_words
from ui.views.page_services import PageServices
from ui.views.viewer import draw_viewer
from ui.views.words import ago, clock, count, esc, plain, say_error, shorten

__all__ = ["ADDRESS", "render", "state_tags"]

ADDRESS = "run"
_ANY = "any"
_STATES = [_ANY, "done", "refused", "blocked", "stopped", "failed", "interrupted", "running"]
_GUARDS = [_ANY, "block", "redact", "ask", "allow"]
_LIMIT = 100
_COLUMNS = [6.2, 1, 1.4, 1.5, 0.9]


def render(services: PageServices) -> None:
    """The audit page: a record where the address names a run, else the list."""
    run = st.query_params.get(ADDRESS)
    if run:
        if st.button("All runs", key="audit.back", type="tertiary", icon=":material/arrow_back:"):
            del st.query_params[ADDRESS]
            st.rerun()
        draw_record(services, run)
    else:
        _all(services)
    draw_viewer(services)


def _all(services: PageServices) -> None:
    st.title("Audit", anchor=False)
    st.html(
        '<div class="wf-note">Everything that was asked, answered and read is written to an append-only ledger, '
        "each event chained to the one before.</div>"
    )
    draw_state(services)
    charts = st.expander("What was made, by which model, what was blocked", key="audit.charts", on_change="rerun")
    if charts.open:
        with charts:
            draw_charts(services)
    limit = st.session_state.get("audit.limit", _LIMIT)
    try:
        chosen, state = _filters(services)
        rows = services.engine.runs(limit=limit, **chosen)
    except AppError as exc:
        say_error(exc)
        return
    fitting = [row for row in rows if state == _ANY or state in state_words(row)]
    if not fitting:
        filtered = any(chosen.values()) or state != _ANY
        nothing = "No run fits the filter." if filtered else "No run yet. Ask something, or add documents."
        st.html(f'<div class="wf-calm">{nothing}</div>')
    day = ""
    for row in fitting:
        today = clock(row.at)[:10]
        if today != day:
            st.html(f'<div class="wf-label">{esc(today)}</div>')
            day = today
        _row(row)
    if len(rows) == limit and st.button("Show older runs", key="audit.more", type="tertiary"):
        st.session_state["audit.limit"] = limit + _LIMIT
        st.rerun()


def _filters(services: PageServices) -> tuple[dict[str, str | None], str]:
    """What the engine is asked for, and the state that is kept of it."""
    known: dict[str, set[str]] = st.session_state.setdefault("audit.known", {"kind": {"ask", "ingest"}, "model": set()})
    newest = services.engine.runs(limit=_LIMIT)
    known["kind"] |= {row.kind for row in newest}
    known["model"] |= {row.model for row in newest if row.model}
    documents = {document.digest: document.name for document in services.engine.documents()}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Filter",
            key="audit.text",
            placeholder="Filter by question or file",
            type="search",
            label_visibility="collapsed",
        )
        kind = _select("Kind", "audit.kind", sorted(known["kind"]), {_ANY: "Any kind"})
        state = _select("State", "audit.state", _STATES[1:], {_ANY: "Any state"})
        model = _select("Model", "audit.model", sorted(known["model"]), {_ANY: "Any model"})
        guard = _select("Guard", "audit.guard", _GUARDS[1:], {_ANY: "Any guard"})
        document = _select("Document", "audit.document", sorted(documents), {_ANY: "Any document", **documents})
    chosen = {"text": text or None, "kind": kind, "model": model, "guard": guard, "document": document}
    return {name: None if value == _ANY else value for name, value in chosen.items()}, state


def _select(label: str, key: str, options: list[str], names: dict[str, str]) -> str:
    chosen = st.selectbox(
        label,
        [_ANY, *options],
        key=key,
        format_func=lambda option: shorten(names.get(str(option), str(option)), 40),
        label_visibility="collapsed",
        width=140,
    )
    return chosen or _ANY


def _row(row: RunRow) -> None:
    with st.container(key=f"runrow-{row.run}"):
        title, kind, state, when, events = st.columns(_COLUMNS, vertical_alignment="center", wrap=False)
        if title.button(
            plain(shorten(row.title or row.run, 110)), key=f"run.{row.run}", type="tertiary", help="Open the record"
        ):
            st.query_params[ADDRESS] = row.run
            st.rerun()
        kind.html(f'<span class="wf-cell">{esc(row.kind)}</span>')
        state.html(state_tags(row))
        when.html(f'<span class="wf-cell" title="{esc(clock(row.at))}">{esc(ago(row.at))}</span>')
        events.html(f'<span class="wf-cell">{count(row.events, "event")}</span>')
