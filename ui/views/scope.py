"""Where to look: the documents, collections, folder, kinds and days that the questions of this tab are limited to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

import streamlit as st

from provenance.errors import AppError
from ui.api import DocumentRow, Scope
from ui.views.page_services import PageServices
from ui.views.words import count, say_error

__all__ = ["chosen_scope", "draw_scope", "folders_of"]

_KEY = "scope."
_NAMES = ("documents", "collections", "folder", "kinds", "since", "until")


def draw_scope(services: PageServices) -> None:
    """A button that unfolds the limits; it says when there are some."""
    scope = chosen_scope()
    label = "Looking in all documents" if scope is None else f"Limited by {count(_given(scope), 'filter')}"
    with st.popover(label, key="scope.open", icon=":material/filter_alt:", type="tertiary"):
        try:
            documents, collections = services.engine.documents(), services.engine.collections()
        except AppError as exc:
            say_error(exc)
            return
        names = {row.id: row.name for row in documents}
        st.multiselect("Documents", list(names), key=f"{_KEY}documents", format_func=lambda id_: names.get(id_, "gone"))
        kept = [row.name for row in collections]
        gone = [name for name in st.session_state.get(f"{_KEY}collections", ()) if name not in kept]
        if kept or gone:  # one that is gone stays chosen: the question is refused then, not asked of everything
            st.multiselect("Collections", [*kept, *gone], key=f"{_KEY}collections")
        st.selectbox("Folder", folders_of(documents), index=None, key=f"{_KEY}folder", placeholder="Any")
        st.multiselect("Kinds", sorted({row.kind for row in documents}), key=f"{_KEY}kinds")
        first, last = st.columns(2)
        first.date_input("Added since", value=None, key=f"{_KEY}since")
        last.date_input("Added until", value=None, key=f"{_KEY}until")
        st.button("Look in all documents", key="scope.clear", on_click=_clear, disabled=scope is None)


def chosen_scope() -> Scope | None:
    """What was chosen; None where nothing narrows."""
    given = {name: st.session_state.get(f"{_KEY}{name}") for name in _NAMES}
    known = {name: str(value) if name in ("since", "until") else value for name, value in given.items() if value}
    return Scope.model_validate(known) if known else None


def folders_of(documents: Sequence[DocumentRow]) -> list[str]:
    """The folders in which documents lie, and those above them that hold more."""
    held = [PurePath(row.path).parent for row in documents if row.path]
    above = {folder for parent in held for folder in (parent, *parent.parents)}
    several = {folder for folder in above if sum(parent.is_relative_to(folder) for parent in held) > 1}
    return sorted(map(str, {*held, *several} - {PurePath("/")}))


def _given(scope: Scope) -> int:
    return sum(bool(value) for value in scope.model_dump().values())


def _clear() -> None:
    for name in _NAMES:
        st.session_state[f"{_KEY}{name}"] = [] if name in ("documents", "collections", "kinds") else None
