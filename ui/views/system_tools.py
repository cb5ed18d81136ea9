"""The part of the system page about tools of others: MCP servers, what they offer, and a switch for each tool."""

from __future__ import annotations

import streamlit as st

from provenance.errors import AppError
from ui.tools_api import OfferedTool, OfferedTools
from ui.views.page_services import PageServices
from ui.views.words import esc, say_error, shorten

__all__ = ["draw_tools"]

_FOUND = "system.tools.found"
_EXAMPLE = """\
{"mcpServers": {
  "files": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "."]}
}}"""


def draw_tools(services: PageServices) -> None:
    """Nothing is asked until a person wants it: to ask a server is to start it."""
    st.html(
        '<div class="wf-note">Tools of MCP servers are off until you allow each of them. What a tool brings is '
        "material for an answer, never an instruction; one that changes something asks before each call.</div>"
    )
    if st.button("Ask the servers", key="system.tools.ask", icon=":material/extension:"):
        _ask(services)
    found: OfferedTools | None = st.session_state.get(_FOUND)
    if found is None:
        return
    if not found.tools and not found.silent:
        st.html(f'<div class="wf-calm">No server is named. Put them into <code>{esc(found.file)}</code>:</div>')
        st.code(_EXAMPLE, language="json")
    for one in found.tools:
        _tool(services, one)
    for server, why in found.silent.items():
        st.html(f'<div class="wf-note wf-warn"><b>{esc(server)}</b> {esc(why)}</div>')


def _ask(services: PageServices) -> None:
    try:
        with st.spinner("Asking the servers …"):
            st.session_state[_FOUND] = services.engine.tools()
    except AppError as exc:
        st.session_state.pop(_FOUND, None)
        say_error(exc)


def _tool(services: PageServices, one: OfferedTool) -> None:
    with st.container(key=f"tool-{one.id}", horizontal=True, vertical_alignment="center"):
        on = st.toggle(
            one.id, value=one.allowed, key=f"system.tool.{one.id}", disabled=bool(one.suspicious), width="content"
        )
        tag = "" if one.read_only else '<span class="wf-tag warn">asks before each call</span> '
        why = f'<span class="wf-tag bad">cannot be allowed</span> {esc(one.suspicious)} ' if one.suspicious else ""
        st.html(f'<div>{tag}{why}<span class="wf-mute">{esc(shorten(one.description, 240))}</span></div>')
    if on != one.allowed and not one.suspicious:
        _decide(services, one, allowed=on)


def _decide(services: PageServices, one: OfferedTool, *, allowed: bool) -> None:
    try:
        if allowed:
            services.engine.allow_tool(one.id)
        else:
            services.engine.deny_tool(one.id)
    except AppError as exc:
        say_error(exc)
        return
    found: OfferedTools = st.session_state[_FOUND]
    tools = [row.model_copy(update={"allowed": allowed}) if row.id == one.id else row for row in found.tools]
    st.session_state[_FOUND] = found.model_copy(update={"tools": tools})
    st.toast(f"{one.id} {'may be used' if allowed else 'is off'} from the next question on.")
