"""The conversations in the sidebar: start one, choose one, rename it, delete it after a second look."""

from __future__ import annotations

import streamlit as st

from provenance.errors import AppError
from ui.api import ConversationRow
from ui.views.page_services import PageServices
from ui.views.parts import draw_keep_or_delete
from ui.views.words import ago, plain, say_error, shorten

__all__ = ["ADDRESS", "choose", "draw_conversations"]

ADDRESS = "c"  # the query parameter that names the open conversation, so that a reload finds it again
_SHOWN = "chat.shown"
_STEP = 30
_RENAME, _DELETE = "Rename", "Delete"


def choose(conversation: str | None) -> None:
    """Open a conversation at this run; None is a fresh page."""
    if conversation:
        st.query_params[ADDRESS] = conversation
    else:
        st.query_params.pop(ADDRESS, None)


def draw_conversations(services: PageServices, current: str | None) -> None:
    """The list, newest first."""
    try:
        rows = [row for row in services.engine.conversations() if row.messages or row.id == current]
    except AppError as exc:
        with st.sidebar:
            say_error(exc)
        return
    with st.sidebar:
        if st.button("New conversation", key="chat.new", icon=":material/edit_square:", width="stretch"):
            choose(None)
            st.rerun()
        if rows:
            st.html('<div class="wf-label">Conversations</div>')
        shown = st.session_state.get(_SHOWN, _STEP)
        for row in rows[:shown]:
            _row(services, row, is_open=row.id == current)
        if len(rows) > shown and st.button("Show older ones", key="chat.older", type="tertiary"):
            st.session_state[_SHOWN] = shown + _STEP
            st.rerun()


def _row(services: PageServices, row: ConversationRow, *, is_open: bool) -> None:
    title = row.title or "Untitled"
    with st.container(key=f"row-c-{row.id}{'-open' if is_open else ''}", horizontal=True, vertical_alignment="center"):
        if st.button(
            plain(shorten(title, 80)),
            key=f"open.{row.id}",
            type="tertiary",
            wrap=False,
            help=f"{plain(shorten(title, 200))} · {ago(row.updated_at)}" if len(title) > 28 else None,
        ):
            choose(row.id)
            st.rerun()
        chosen = st.menu_button(
            "",
            [_RENAME, _DELETE],
            key=f"menu.{row.id}",
            icon=":material/more_horiz:",
            type="tertiary",
            help="Rename or delete",
        )
    if chosen == _RENAME:
        _rename(services, row)
    elif chosen == _DELETE:
        _delete(services, row, is_open=is_open)


@st.dialog("Rename conversation")
def _rename(services: PageServices, row: ConversationRow) -> None:
    with st.form("rename", border=False):
        st.text_input("Title", value=row.title, key="rename.title", max_chars=120)
        if st.form_submit_button("Save", type="primary", key="rename.save", on_click=_save, args=(services, row.id)):
            st.rerun()


def _save(services: PageServices, conversation: str) -> None:
    title = st.session_state.get("rename.title", "").strip()
    if not title:
        st.toast("A title needs at least one character.", icon=":material/error:")
        return
    try:
        services.engine.rename_conversation(conversation, title)
    except AppError as exc:
        st.toast(plain(f"{exc} {exc.hint}"), icon=":material/error:")


@st.dialog("Delete this conversation?")
def _delete(services: PageServices, row: ConversationRow, *, is_open: bool) -> None:
    st.markdown(
        f"**{plain(shorten(row.title, 120))}** and its messages are deleted. "
        "That it was deleted stays in the record; what was said does not."
    )
    if draw_keep_or_delete("delete", _drop, services, row.id):
        if is_open:
            choose(None)
        st.rerun()


def _drop(services: PageServices, conversation: str) -> None:
    try:
        services.engine.delete_conversation(conversation)
    except AppError as exc:
        st.toast(plain(f"{exc} {exc.hint}"), icon=":material/error:")
