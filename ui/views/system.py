"""The system page: how the engine is, which backends, models and tools there are, the doctor, the settings in force."""

from __future__ import annotations

from typing import Any

import streamlit as st

from provenance.errors import AppError
from ui.api import BackendRow, Check, EngineState, ModelRow
from ui.views.page_services import PageServices
from ui.views.system_cards import draw_cards
from ui.views.system_tools import draw_tools
from ui.views.words import ago, count, esc, say_error, size

__all__ = ["checks_html", "render", "settings_rows"]

_CHECKS = "system.checks"
_HIDDEN = {"password", "openai_key"}


def render(services: PageServices) -> None:
    """The system page."""
    st.title("System", anchor=False)
    try:
        state = services.engine.state()
    except AppError as exc:
        say_error(exc)
        return
    _engine(state)
    _doctor(services)
    models, backends, tools, cards, settings = st.tabs(
        ["Models", "Backends", "Tools", "Cards", "Settings"], key="system.tabs"
    )
    with models:
        _models(services)
    with backends:
        _backends(services)
    with tools:
        draw_tools(services)
    with cards:
        draw_cards(services)
    with settings:
        _settings(services, state)


# -- the engine ---------------------------------------------------------------------------------------------------
def _engine(state: EngineState) -> None:
    with st.container(horizontal=True, key="system.numbers"):
        st.metric("Engine memory", size(state.memory_bytes), border=True)
        st.metric("Model memory", size(state.model_memory_bytes) if state.model_loaded else "not loaded", border=True)
        st.metric("Documents", f"{state.documents:,}", border=True)
        st.metric("Passages", f"{state.passages:,}", border=True)
    working = [count(state.runs_running, "answer"), count(state.jobs_running, "ingest")]
    rows = {
        "Model": f"{state.model} ({'loaded' if state.model_loaded else 'loads with the next question'})",
        "Threads": str(state.threads) if state.threads else "decided when the model loads",
        "Engine process": f"{state.pid}, started {ago(state.started_at)}, version {state.version}",
        "Model process": str(state.model_pid) if state.model_pid else "none",
        "Working on": ", ".join(working),
        "Data folder": state.home,
    }
    st.html(_facts(rows))


def _facts(rows: dict[str, str]) -> str:
    body = "".join(f"<dt>{esc(name)}</dt><dd>{esc(value)}</dd>" for name, value in rows.items())
    return f'<dl class="wf-facts">{body}</dl>'


def _doctor(services: PageServices) -> None:
    with st.container(border=True, key="system.doctor"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.html(
                "<div><b>Doctor</b> "
                "<span class='wf-mute'>Checks the installation and says what to do where it fails.</span></div>"
            )
            with st.container(horizontal=True, vertical_alignment="center", width="content"):
                full = st.checkbox(
                    "Hash the weights too",
                    key="system.doctor.full",
                    help="Reads every weight file whole; takes longer.",
                )
                pressed = st.button("Run", key="system.doctor.run", icon=":material/stethoscope:")
        if pressed:
            try:
                with st.spinner("Checking …"):
                    st.session_state[_CHECKS] = services.engine.doctor(full=full)
            except AppError as exc:
                say_error(exc)
        checks: list[Check] = st.session_state.get(_CHECKS, [])
        if checks:
            st.html(checks_html(checks))


def checks_html(checks: list[Check]) -> str:
    """One line a check, those that failed first, with what to do about them."""
    failed = sum(not check.ok for check in checks)
    tag = (
        f'<span class="wf-tag bad">{count(failed, "problem")}</span>'
        if failed
        else '<span class="wf-tag good">all well</span>'
    )
    rows = ""
    for check in sorted(checks, key=lambda check: check.ok):
        colour, icon = ("wf-good", "✓") if check.ok else ("wf-bad", "✕")
        hint = f'<span class="sub">{esc(check.hint)}</span>' if check.hint and not check.ok else ""
        rows += (
            f'<div class="wf-row" role="listitem" data-ok="{str(check.ok).lower()}">'
            f'<span class="icon {colour}">{icon}</span>'
            f'<span class="main">{esc(check.name)}{hint}</span><span class="side">{esc(check.detail)}</span></div>'
        )
    return f'<div class="wf-rows" role="list"><div>{tag}</div>{rows}</div>'


# -- what it can use ----------------------------------------------------------------------------------------------
def _models(services: PageServices) -> None:
    try:
        rows = services.engine.models()
    except AppError as exc:
        say_error(exc)
        return
    html = ""
    for row in rows:
        html += _model(row)
    st.html(
        f'<div class="wf-rows" role="list">{html}</div>'
        if html
        else '<div class="wf-calm">The catalogue is empty.</div>'
    )
    if any(not row.present for row in rows):
        st.html('<div class="wf-note">Fetch one with <code>wherefrom models fetch NAME</code>.</div>')


def _model(row: ModelRow) -> str:
    if row.verified:
        tag = '<span class="wf-tag good">verified</span>'
    elif row.present:
        tag = '<span class="wf-tag warn">present, not verified</span>'
    else:
        tag = '<span class="wf-tag">not fetched</span>'
    default = ' <span class="wf-tag">answers by default</span>' if row.default else ""
    told = " · ".join(part for part in (row.kind, row.backend, row.licence, row.file) if part)
    return (
        f'<div class="wf-row" role="listitem"><span class="main"><b>{esc(row.name)}</b> {tag}{default}'
        f'<span class="sub">{esc(row.description)}</span><span class="sub">{esc(told)}</span></span>'
        f'<span class="side">{esc(size(row.size_bytes))}</span></div>'
    )


def _backends(services: PageServices) -> None:
    try:
        rows = services.engine.backends()
    except AppError as exc:
        say_error(exc)
        return
    for row in rows:
        _backend(row)


def _backend(row: BackendRow) -> None:
    tag = '<span class="wf-tag warn">cannot run</span>' if row.problem else '<span class="wf-tag good">ready</span>'
    with st.container(border=True, key=f"backend-{row.name}"):
        problem = f'<div class="wf-note wf-warn">{esc(row.problem)}</div>' if row.problem else ""
        st.html(
            f"<div><b>{esc(row.name)}</b> {tag} "
            f"<span class='wf-mute'>{esc(row.kind)} · {esc(row.distribution)}</span></div>{problem}"
        )
        options: dict[str, Any] = row.options.get("properties", {})
        if options:
            with st.expander(count(len(options), "option"), key=f"backend.options.{row.name}", type="compact"):
                st.html(_options_html(options))


def _options_html(options: dict[str, Any]) -> str:
    rows = ""
    for name, told in options.items():
        kind = told.get("type") or "/".join(str(one.get("type", "")) for one in told.get("anyOf", [])) or ""
        limits = [
            f"≥ {told['minimum']}" if "minimum" in told else "",
            f"≤ {told['maximum']}" if "maximum" in told else "",
        ]
        kind = " ".join(part for part in (str(kind), *limits) if part)
        rows += (
            f"<tr><td><code>{esc(name)}</code></td><td>{esc(kind)}</td><td>{esc(told.get('default', '–'))}</td>"
            f"<td>{esc(told.get('description', ''))}</td></tr>"
        )
    head = "<tr><th>Option</th><th>Type</th><th>Default</th><th></th></tr>"
    return f'<div class="wf-scroll"><table class="wf-table"><thead>{head}</thead><tbody>{rows}</tbody></table></div>'


# -- settings -----------------------------------------------------------------------------------------------------
def settings_rows(services: PageServices, state: EngineState) -> list[tuple[str, str, str]]:
    """Variable, value in force, description. Secrets are said to be set, not shown; the engine's word counts."""
    rows = []
    for name, field in type(services.settings).model_fields.items():
        value = state.settings.get(name, getattr(services.settings, name))
        shown = ("set" if value else "not set") if name in _HIDDEN else ("–" if value in (None, "") else str(value))
        rows.append((f"WHEREFROM_{name.upper()}", shown, field.description or ""))
    return rows


def _settings(services: PageServices, state: EngineState) -> None:
    rows = "".join(
        f"<tr><td><code>{esc(name)}</code></td><td>{esc(value)}</td><td class='wf-mute'>{esc(told)}</td></tr>"
        for name, value, told in settings_rows(services, state)
    )
    head = "<tr><th>Variable</th><th>Value</th><th>What it does</th></tr>"
    st.html(f'<div class="wf-scroll"><table class="wf-table"><thead>{head}</thead><tbody>{rows}</tbody></table></div>')
    st.html('<div class="wf-note">A mistyped variable is ignored without a word: what counts is this list.</div>')
