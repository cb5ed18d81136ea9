"""Where to look: the documents, collections, folder, kinds and days that a conversation's questions are limited to.

The limits belong to the conversation that is open: they come back with it, and a fresh one begins without any. Between
two of its questions this tab remembers them beside the fields, which Streamlit forgets on every other page.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import PurePath

import streamlit as st

from provenance.errors import AppError
from ui.api import CollectionRow, DocumentRow, Scope
from ui.views.page_services import PageServices
from ui.views.words import count, say_error

__all__ = ["chosen_scope", "draw_scope", "folders_of"]

_KEY = "scope."
_NAMES = ("documents", "collections", "folder", "kinds", "since", "until")
_DAYS = ("since", "until")
_OF = "scope.of"  # the conversation that the fields are about; absent where it is not known what its limits are
_KEPT = "scope.kept"  # what they hold


def draw_scope(services: PageServices, conversation: str | None) -> None:
    """A button that unfolds the limits of this conversation; it says when there are some."""
    try:
        _restore(services, conversation)
        documents, collections = services.engine.documents(), services.engine.collections()
    except AppError as exc:
        say_error(exc)
        return
    st.session_state[_KEPT] = scope = _in_fields()
    given = sum(bool(value) for value in scope.model_dump().values())
    label = f"Limited by {count(given, 'filter')}" if given else "Looking in all documents"
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.popover(label, key="scope.open", icon=":material/filter_alt:", type="tertiary"):
            _draw_fields(scope, documents, collections)
        if given:  # beside the fields: below them a small window would cut it off
            st.button("Look in all documents", key="scope.clear", on_click=_fill, args=(Scope(),), type="tertiary")


def chosen_scope(conversation: str | None) -> Scope | None:
    """What was chosen, empty for everywhere; None where that is not known: the engine then keeps to what it knows."""
    known = _OF in st.session_state and st.session_state[_OF] == conversation
    return _in_fields() if known else None


def folders_of(documents: Sequence[DocumentRow]) -> list[str]:
    """The folders in which documents lie, and those above them that hold more."""
    held = [PurePath(row.path).parent for row in documents if row.path]
    above = {folder for parent in held for folder in (parent, *parent.parents)}
    several = {folder for folder in above if sum(parent.is_relative_to(folder) for parent in held) > 1}
    return sorted(map(str, {*held, *several} - {PurePath("/")}))


def _restore(services: PageServices, conversation: str | None) -> None:
    """Have the limits of this conversation in the fields."""
    if _OF not in st.session_state or st.session_state[_OF] != conversation:
        st.session_state.pop(_OF, None)  # until it is known
        _fill(services.engine.conversation_scope(conversation) if conversation else Scope())
        st.session_state[_OF] = conversation
    elif f"{_KEY}documents" not in st.session_state:  # another page was open meanwhile
        _fill(st.session_state[_KEPT])


def _fill(scope: Scope) -> None:
    st.session_state[_KEPT] = scope
    for name, value in scope.model_dump().items():
        st.session_state[f"{_KEY}{name}"] = _field(name, value)


def _field(name: str, value: list[int] | list[str] | str) -> object:
    if isinstance(value, list):
        return value
    return date.fromisoformat(value) if value and name in _DAYS else value or None


def _in_fields() -> Scope:
    given = {name: st.session_state.get(f"{_KEY}{name}") for name in _NAMES}
    return Scope.model_validate({name: str(v) if name in _DAYS else v for name, v in given.items() if v})


def _draw_fields(scope: Scope, documents: list[DocumentRow], collections: list[CollectionRow]) -> None:
    """What is gone stays chosen: a question is refused then, not asked of everything."""
    names = {row.id: row.name for row in documents}
    named = {id_: names.get(id_, f"(deleted {id_})") for id_ in [*names, *scope.documents]}
    st.multiselect("Documents", list(named), key=f"{_KEY}documents", format_func=lambda id_: named.get(id_, ""))
    kept = _also([row.name for row in collections], scope.collections)
    if kept:
        st.multiselect("Collections", kept, key=f"{_KEY}collections")
    folders = _also(folders_of(documents), [scope.folder] if scope.folder else [])
    st.selectbox("Folder", folders, index=None, key=f"{_KEY}folder", placeholder="Any")
    kinds = _also(sorted({row.kind for row in documents}), scope.kinds)
    st.multiselect("Kinds", kinds, key=f"{_KEY}kinds")
    first, last = st.columns(2)
    first.date_input("Added since", value=None, key=f"{_KEY}since")
    last.date_input("Added until", value=None, key=f"{_KEY}until")


def _also(there: list[str], chosen: list[str]) -> list[str]:
    return list(dict.fromkeys([*there, *chosen]))
