"""Collections on the Library page: make one, choose its documents, rename it, delete it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from provenance.errors import AppError
from ui.api import CollectionRow, DocumentRow
from ui.views.page_services import PageServices
from ui.views.words import count, esc, plain, say_error, shorten

__all__ = ["draw_collections", "draw_destination", "draw_filter", "names_by_document", "tags_html"]

_NEW, _INTO, _FILTER = "collection.new", "library.into", "library.collection"
_LONGEST = 80


def draw_collections(
    services: PageServices, rows: Sequence[CollectionRow], documents: Sequence[DocumentRow], listed: Sequence[int]
) -> None:
    """A button that unfolds the collections. `listed` are the documents that the list shows, to be put in at once."""
    label = f"Collections ({len(rows)})" if rows else "Collections"
    with st.popover(label, key="collection.open", icon=":material/folder_special:", type="tertiary"):
        with st.form("collection.form", border=False, clear_on_submit=True):
            name = st.text_input("New collection", key=_NEW, max_chars=_LONGEST, placeholder="Lease 2024")
            if st.form_submit_button("Make it", key="collection.make") and _tried(
                lambda: services.engine.make_collection(name or "")
            ):
                st.rerun()
        for row in rows:
            told = f"{plain(shorten(row.name, 60))} · {count(len(row.documents), 'document')}"
            if st.button(told, key=f"collection.edit.{row.id}", type="tertiary", help="Choose its documents"):
                _edit(services, row, {document.id: document.name for document in documents}, listed)


def draw_destination(rows: Sequence[CollectionRow]) -> str:
    """Where new documents go; empty where no collection was chosen."""
    if not rows:
        return ""
    return _choose("Put them into a collection", rows, _INTO, "Put what is added into no collection", 330)


def draw_filter(rows: Sequence[CollectionRow]) -> CollectionRow | None:
    """The collection that the list is narrowed to."""
    if not rows:
        return None
    name = _choose("Collection", rows, _FILTER, "Any collection", 190)
    return next((row for row in rows if row.name == name), None)


def names_by_document(rows: Sequence[CollectionRow]) -> dict[int, list[str]]:
    """The collections of each document, by name."""
    found: dict[int, list[str]] = {}
    for row in rows:
        for document in row.documents:
            found.setdefault(document, []).append(row.name)
    return found


def tags_html(names: Sequence[str]) -> str:
    """The collections of a document, for its line of the list."""
    tags = "".join(f'<span class="wf-tag">{esc(shorten(name, 40))}</span>' for name in names)
    return f'<div class="wf-tags" aria-label="Collections">{tags}</div>'


def _choose(label: str, rows: Sequence[CollectionRow], key: str, placeholder: str, width: int) -> str:
    names = [row.name for row in rows]
    if st.session_state.get(key) not in names:  # renamed or deleted since it was chosen
        st.session_state.pop(key, None)
    chosen = st.selectbox(
        label, names, index=None, key=key, placeholder=placeholder, label_visibility="collapsed", width=width
    )
    return chosen or ""


@st.dialog("Collection")
def _edit(services: PageServices, row: CollectionRow, names: Mapping[int, str], listed: Sequence[int]) -> None:
    key = f"collection.documents.{row.id}"
    st.session_state.setdefault(key, [id_ for id_ in row.documents if id_ in names])
    st.text_input("Name", value=row.name, key="collection.name", max_chars=_LONGEST)
    st.multiselect("Documents", list(names), key=key, format_func=lambda id_: names.get(id_, "gone"))
    st.button(
        f"Add the {count(len(listed), 'document')} that the list shows",
        key="collection.listed",
        type="tertiary",
        icon=":material/playlist_add:",
        on_click=lambda: st.session_state.update({key: sorted({*st.session_state[key], *listed})}),
        disabled=not listed,
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        gone = st.button(
            "Delete the collection",
            key="collection.delete",
            type="tertiary",
            icon=":material/delete:",
            help="Its documents stay in the library",
        )
        kept = st.button("Save", key="collection.save", type="primary")
    if gone and _tried(lambda: services.engine.delete_collection(row.name)):
        st.rerun()
    if kept and _tried(lambda: _save(services, row, st.session_state["collection.name"], st.session_state[key])):
        st.rerun()


def _save(services: PageServices, row: CollectionRow, name: str, inside: Sequence[int]) -> None:
    """The documents first: they are found by the old name."""
    add, remove = sorted({*inside} - {*row.documents}), sorted({*row.documents} - {*inside})
    if add or remove:
        services.engine.change_collection(row.name, add=add, remove=remove)
    if name != row.name:
        services.engine.rename_collection(row.name, name)


def _tried(call: Callable[[], object]) -> bool:
    """Whether it went well; what went wrong is said here."""
    try:
        call()
    except AppError as exc:
        say_error(exc)
        return False
    return True
