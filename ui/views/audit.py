"""The audit pages: every run with filters, the record of one run (`?run=...`), and the check of the whole ledger."""

from __future__ import annotations

import streamlit as st

from provenance.errors import AppError, NotFoundError
from ui.api import Record, RunRow, Verification
from ui.views.answer import where
from ui.views.page_services import PageServices
from ui.views.record import record_html
from ui.views.viewer import draw_viewer, open_citation
from ui.views.words import ago, clock, count, esc, plain, say_error, seconds, shorten

__all__ = ["ADDRESS", "render", "state_tags"]

ADDRESS = "run"
_ANY = "any"
_STATES = [_ANY, "done", "refused", "blocked", "stopped", "failed", "interrupted", "running"]
_LIMIT = 100
_VERIFIED = "audit.verified"
_COLUMNS = [6.2, 1, 1.4, 1.5, 0.9]


def render(services: PageServices) -> None:
    """The audit page: a record where the address names a run, else the list."""
    run = st.query_params.get(ADDRESS)
    if run:
        _one(services, run)
    else:
        _all(services)
    draw_viewer(services)


# -- the list -----------------------------------------------------------------------------------------------------
def _all(services: PageServices) -> None:
    st.title("Audit", anchor=False)
    st.html(
        '<div class="wf-note">Everything that was asked, answered and read is written to an append-only ledger, '
        "each event chained to the one before.</div>"
    )
    _verify(services)
    text, kind, state = _filters(services)
    limit = st.session_state.get("audit.limit", _LIMIT)
    try:
        rows = services.engine.runs(limit=limit, kind=None if kind == _ANY else kind, text=text or None)
    except AppError as exc:
        say_error(exc)
        return
    fitting = [row for row in rows if state == _ANY or state in _state_words(row)]
    if not fitting:
        nothing = (
            "No run fits the filter."
            if text or kind != _ANY or state != _ANY
            else "No run yet. Ask something, or add documents."
        )
        st.html(f'<div class="wf-calm">{nothing}</div>')
    for row in fitting:
        _row(row)
    if len(rows) == limit and st.button("Show older runs", key="audit.more", type="tertiary"):
        st.session_state["audit.limit"] = limit + _LIMIT
        st.rerun()


def _filters(services: PageServices) -> tuple[str, str, str]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Filter",
            key="audit.text",
            placeholder="Filter by question or file",
            type="search",
            label_visibility="collapsed",
        )
        known = st.session_state.setdefault("audit.kinds", {"ask", "ingest"})
        known |= {row.kind for row in services.engine.runs(limit=_LIMIT)}
        kind = st.selectbox(
            "Kind",
            [_ANY, *sorted(known)],
            key="audit.kind",
            format_func=lambda name: "Any kind" if name == _ANY else name,
            label_visibility="collapsed",
            width=150,
        )
        state = st.selectbox(
            "State",
            _STATES,
            key="audit.state",
            format_func=lambda name: "Any state" if name == _ANY else name,
            label_visibility="collapsed",
            width=150,
        )
    return text or "", kind or _ANY, state or _ANY


def _state_words(row: RunRow) -> set[str]:
    return {row.state} | ({"refused"} if row.refused else set()) | ({"blocked"} if row.blocked else set())


def state_tags(row: RunRow) -> str:
    """The state of a run as small labels."""
    tone = {"done": "good", "failed": "bad", "interrupted": "bad", "stopped": "warn", "running": "warn"}[row.state]
    tags: list[tuple[str, str]] = [(tone, row.state)] if row.state != "done" or not (row.refused or row.blocked) else []
    tags += [("warn", "refused")] if row.refused else []
    tags += [("bad", "blocked")] if row.blocked else []
    return " ".join(f'<span class="wf-tag {tone}">{esc(word)}</span>' for tone, word in tags)


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


def _verify(services: PageServices) -> None:
    with st.container(border=True, key="audit.verify"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.html(
                "<div><b>Is the ledger whole?</b> "
                "<span class='wf-mute'>Every event is hashed again, from the first.</span></div>"
            )
            if st.button("Verify", key="audit.verify.run", icon=":material/verified_user:"):
                try:
                    with st.spinner("Checking every event …"):
                        st.session_state[_VERIFIED] = services.engine.verify()
                except AppError as exc:
                    say_error(exc)
        found: Verification | None = st.session_state.get(_VERIFIED)
        if found is not None:
            _verified(found)


def _verified(found: Verification) -> None:
    if found.ok:
        st.success(
            f"The ledger is whole: {count(found.events, 'event')} follow from one another.", icon=":material/verified:"
        )
    else:
        where = f"Event {found.first_bad:,} is the first that does not follow. " if found.first_bad is not None else ""
        st.error(f"The ledger was changed. {where}{plain(found.reason)}", icon=":material/gpp_bad:")
    took = f" · checked in {seconds(found.seconds)}" if found.seconds else ""
    st.html(
        f'<div class="wf-digest">Head {esc(found.head or "–")}{esc(took)}</div>'
        '<div class="wf-note">Keep this head elsewhere: '
        "whoever has it can tell later whether the end was cut off.</div>"
    )


# -- one record ---------------------------------------------------------------------------------------------------
def _one(services: PageServices, run: str) -> None:
    if st.button("All runs", key="audit.back", type="tertiary", icon=":material/arrow_back:"):
        del st.query_params[ADDRESS]
        st.rerun()
    try:
        record = services.engine.record(run)
    except NotFoundError as exc:
        say_error(exc)
        return
    row = record.run
    st.title(plain(shorten(row.title or "(no title)", 160)), anchor=False)
    facts = [row.kind, clock(row.at), row.model, count(len(record.events), "event")]
    st.html(
        f'<div class="wf-note">{state_tags(row)} {esc(" · ".join(fact for fact in facts if fact))}</div>'
        f'<div class="wf-digest">{esc(run)}</div>'
    )
    _outcome(record)
    st.subheader("How it came about", anchor=False)
    names = {document.id: document.name for document in services.engine.documents()}
    st.html(record_html(record, names))
    st.download_button(
        "Download this record",
        data=record.model_dump_json(indent=2),
        file_name=f"wherefrom-{run}.json",
        mime="application/json",
        key="audit.download",
        icon=":material/download:",
        on_click="ignore",
    )
    raw = st.expander("Raw events", key="audit.raw", on_change="rerun", icon=":material/data_object:")
    if raw.open:
        raw.json([event.model_dump() for event in record.events], expanded=2)


def _outcome(record: Record) -> None:
    answer = record.answer
    if answer is None:
        return
    with st.container(border=True, key="audit.answer"):
        st.html(f'<div class="wf-label">Answer</div><div class="wf-passage">{esc(answer.text)}</div>')
        for citation in answer.citations:
            st.button(
                f":yellow-badge[{citation.n}] {plain(shorten(where(citation), 90))}",
                key=f"source-audit-{citation.n}",
                on_click=open_citation,
                args=(citation,),
                help="Show the page with this passage",
            )
