"""Collections on the Library page: make one, choose its documents, rename it, delete it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import streamlit as st

from provenance.errors import AppError
from ui.api import CollectionRow, DocumentRow
from ui.views.page_services import PageServices
from ui.views.words import count, esc, plain, shorten

__all__ = ["draw_collections", "draw_destination", "draw_filter", "names_by_document", "tags_html"]

_OPEN = "collection.open"
_NEW, _NAME, _INSIDE = "collection.new", "collection.name", "collection.documents"
_INTO, _FILTER = "library.into", "library.collection"
_LONGEST = 80


def draw_collections(
    services: PageServices, rows: Sequence[CollectionRow], documents: Sequence[DocumentRow], listed: Sequence[int]
) -> None:
    """A button that unfolds the collections. `listed` are the documents that the list shows, to be put in at once."""
    label = f"Collections ({len(rows)})" if rows else "Collections"
    # With its state on the server, so that it can be closed when a dialog opens over it.
    with st.popover(label, key=_OPEN, icon=":material/folder_special:", type="tertiary", on_change="rerun"):
        with st.form("collection.form", border=False, clear_on_submit=True):
            st.text_input("New collection", key=_NEW, max_chars=_LONGEST, placeholder="Lease 2024")
            make = partial(_make, services)
            st.form_submit_button("Make it", key="collection.make", on_click=_tried, args=(make,))
        for row in rows:
            told = f"{plain(shorten(row.name, 60))} · {count(len(row.documents), 'document')}"
            edit, hint = f"collection.edit.{row.id}", "Choose its documents"
            if st.button(told, key=edit, type="tertiary", help=hint, on_click=_close):
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
    more = sorted({*listed} - {*row.documents})
    st.text_input("Name", value=row.name, key=_NAME, max_chars=_LONGEST)
    inside = [id_ for id_ in row.documents if id_ in names]
    st.multiselect(
        "Documents", list(names), default=inside, key=_INSIDE, format_func=names.__getitem__, placeholder="Choose some"
    )
    pressed = [
        st.button(
            f"Add {count(len(more), 'more document')} that the list shows",
            key="collection.listed",
            type="tertiary",
            icon=":material/playlist_add:",
            on_click=_tried,
            args=(lambda: services.engine.change_collection(row.name, add=more),),
            disabled=not more,
        )
    ]
    with st.container(horizontal=True, horizontal_alignment="right"):
        pressed += [
            st.button(
                "Delete the collection",
                key="collection.delete",
                icon=":material/delete:",
                help="Its documents stay in the library",
                on_click=_tried,
                args=(lambda: services.engine.delete_collection(row.name),),
            ),
            st.button(
                "Save", key="collection.save", type="primary", on_click=_tried, args=(lambda: _save(services, row),)
            ),
        ]
    if any(pressed):
        st.rerun()


def _save(services: PageServices, row: CollectionRow) -> None:
    """The documents first: they are found by the old name."""
    name, inside = str(st.session_state[_NAME]), {*st.session_state[_INSIDE]}
    add, remove = sorted(inside - {*row.documents}), sorted({*row.documents} - inside)
    if add or remove:
        services.engine.change_collection(row.name, add=add, remove=remove)
    if name != row.name:
        services.engine.rename_collection(row.name, name)


def _close() -> None:
    st.session_state[_OPEN] = False


def _make(services: PageServices) -> None:
    services.engine.make_collection(str(st.session_state[_NEW]))
    st.session_state[_OPEN] = True  # its documents are chosen next; the new label would have closed the list


def _tried(call: Callable[[], object]) -> None:
    """Do what a button says, before the page is drawn again; what went wrong is said in passing."""
    try:
        call()
    except AppError as exc:
        st.toast(plain(f"{exc} {exc.hint}"), icon=":material/error:")
