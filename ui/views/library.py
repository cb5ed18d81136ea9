"""The library: add documents and watch them being read, see and delete what is there, try searches."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from provenance.errors import AppError
from ui.api import CollectionRow, DocumentRow
from ui.views.bench import draw_bench
from ui.views.collection import draw_collections, draw_destination, draw_filter, names_by_document, tags_html
from ui.views.evaluation import draw_evaluation
from ui.views.jobs import draw_jobs, remember_job
from ui.views.page_services import PageServices
from ui.views.parts import draw_keep_or_delete
from ui.views.viewer import draw_viewer, open_document
from ui.views.welcome import sample_files
from ui.views.words import ago, clock, count, esc, plain, say_error, shorten, size

__all__ = ["choose_documents", "render"]

PAGE_ROWS = 25
_FILES, _FOLDER, _PATH = "Files", "A folder", "A path on this machine"
_SORTS = {
    "Newest first": lambda row: (row.added_at, row.id),
    "Name": lambda row: row.name.casefold(),
    "Largest first": lambda row: row.size_bytes,
}
_DOWNWARDS = {"Newest first", "Largest first"}
_COLUMNS = [5.2, 1.3, 0.9, 1.1, 1.1, 1.3, 0.8]


def render(services: PageServices) -> None:
    """The library page."""
    st.title("Library", anchor=False)
    documents, collections = services.engine.documents(), services.engine.collections()
    passages = sum(row.passages for row in documents)
    total = size(sum(row.size_bytes for row in documents))
    held = f"{count(len(documents), 'document')}, {count(passages, 'passage')}, {total}"
    told = held if documents else "Nothing here yet. Add the documents you want to ask."
    st.html(f'<div class="wf-note">{esc(told)}</div>')
    _add(services, collections, first=not documents)
    draw_jobs(services)
    shown, bench, evaluation = st.tabs(["Documents", "Search test bench", "Evaluation"], key="library.tabs")
    with shown:
        _documents(services, documents, collections)
    with bench:
        draw_bench(services, empty=not documents)
    with evaluation:
        draw_evaluation(services)
    draw_viewer(services)


# -- adding -------------------------------------------------------------------------------------------------------
def _add(services: PageServices, collections: list[CollectionRow], *, first: bool) -> None:
    with st.container(border=True, key="library.add"):
        way = st.segmented_control(
            "Add",
            [_FILES, _FOLDER, _PATH],
            default=_FILES,
            required=True,
            key="library.way",
            label_visibility="collapsed",
        )
        into = draw_destination(collections)
        if way == _PATH:
            _add_path(services, into)
        else:
            _add_uploads(services, into, folder=way == _FOLDER)
        samples = sample_files() if first else []
        if samples:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.html('<div class="wf-note">Nothing at hand?</div>', width="content")
                if st.button(
                    "Try the sample documents", key="library.samples", type="tertiary", icon=":material/science:"
                ):
                    _ingest(services, samples, into)


def _add_uploads(services: PageServices, into: str, *, folder: bool) -> None:
    turn = st.session_state.setdefault("library.turn", 0)  # a new key empties the drop zone after its files are sent
    files = st.file_uploader(
        "A folder with documents" if folder else "Documents to read",
        accept_multiple_files="directory" if folder else True,
        key=f"library.upload.{'folder' if folder else 'files'}.{turn}",
        max_upload_size=services.settings.max_file_mib,
        label_visibility="collapsed",
    )
    if not files:
        kinds = "PDF, Word, PowerPoint, Excel, CSV, HTML, Markdown, text, e-mail, source code, pictures of text."
        limit = f"Up to {services.settings.max_file_mib} MiB each; they stay on this machine."
        st.html(f'<div class="wf-note">{kinds} {limit}</div>')
        return
    try:
        with st.spinner("Handing the files over …"):
            sent = [(file.name, file.getvalue()) for file in files]
            remember_job(services.engine.upload(sent, collection=into))
    except AppError as exc:
        say_error(exc)
        return
    st.session_state["library.turn"] = turn + 1
    st.rerun()


def _add_path(services: PageServices, into: str) -> None:
    with st.form("library.path.form", border=False):
        path = st.text_input(
            "File or folder on the machine where Wherefrom runs",
            key="library.path",
            placeholder=str(Path.home() / "Documents"),
            icon=":material/folder_open:",
        )
        watch = st.checkbox("Keep the library in step with this folder", key="library.path.watch")
        sent = st.form_submit_button("Read it", type="primary", key="library.path.send")
    _watched(services)
    if not sent:
        return
    if not path or not path.strip():
        st.warning("Type the path of a file or a folder.", icon=":material/folder_open:")
        return
    absolute = str(Path(path.strip().strip("\"'")).expanduser().absolute())
    if watch:
        _watch(services, absolute, into)
    else:
        _ingest(services, [absolute], into)


def _watched(services: PageServices) -> None:
    """The folders that are kept in step, each with a way to end that."""
    for n, folder in enumerate(services.engine.watched()):
        with st.container(horizontal=True, vertical_alignment="center", key=f"watched-{n}"):
            st.html(f'<div class="wf-note">In step with {esc(folder)}</div>', width="content")
            if st.button("Stop watching", key=f"library.unwatch.{n}", type="tertiary", icon=":material/sync_disabled:"):
                services.engine.unwatch_folder(folder)
                st.rerun()


def _watch(services: PageServices, folder: str, into: str) -> None:
    try:
        services.engine.watch_folder(folder, collection=into)
    except AppError as exc:
        say_error(exc)
    else:
        st.rerun()


def _ingest(services: PageServices, paths: list[str], into: str) -> None:
    try:
        remember_job(services.engine.ingest(paths, collection=into))
    except AppError as exc:
        say_error(exc)
    else:
        st.rerun()


# -- what is there ------------------------------------------------------------------------------------------------
def choose_documents(documents: list[DocumentRow], *, text: str, sort: str) -> list[DocumentRow]:
    """The documents whose name, title, kind or path holds every word of `text`, in the order of `sort`."""
    words = text.casefold().split()
    fitting = [
        row
        for row in documents
        if all(word in f"{row.name} {row.title} {row.kind} {row.path}".casefold() for word in words)
    ]
    return sorted(fitting, key=_SORTS[sort], reverse=sort in _DOWNWARDS)


def _documents(services: PageServices, documents: list[DocumentRow], collections: list[CollectionRow]) -> None:
    if not documents:
        st.html('<div class="wf-calm">When a document is read it is listed here, with its pages and passages.</div>')
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Filter",
            key="library.filter",
            placeholder="Filter by name, title or kind",
            type="search",
            live=True,
            label_visibility="collapsed",
        )
        within = draw_filter(collections)
        sort = st.selectbox("Order", list(_SORTS), key="library.sort", label_visibility="collapsed", width=170)
        held = documents if within is None else [row for row in documents if row.id in within.documents]
        fitting = choose_documents(held, text=text or "", sort=sort or "Newest first")
        draw_collections(services, collections, documents, [row.id for row in fitting])
    if not fitting:
        st.html('<div class="wf-calm">No document fits the filter.</div>')
        return
    pages = (len(fitting) + PAGE_ROWS - 1) // PAGE_ROWS
    key = f"library.page.{pages}"  # a filter that changes how many there are begins at the first
    number = min(st.session_state.get(key, 1), pages)
    _head()
    tags = names_by_document(collections)
    for row in fitting[(number - 1) * PAGE_ROWS : number * PAGE_ROWS]:
        _document(services, row, tags.get(row.id, []))
    if pages > 1:
        st.pagination(pages, key=key)


def _head() -> None:
    with st.container(key="dochead"):
        cells = st.columns(_COLUMNS, vertical_alignment="center", wrap=False)
        for cell, word in zip(cells, ("Name", "Kind", "Pages", "Passages", "Size", "Added", ""), strict=True):
            cell.html(f'<span class="wf-head">{word or "&nbsp;"}</span>')


def _document(services: PageServices, row: DocumentRow, collections: list[str]) -> None:
    with st.container(key=f"docrow-{row.id}"):
        name, *facts, menu = st.columns(_COLUMNS, vertical_alignment="center", wrap=False)
        with name:
            if st.button(
                plain(shorten(row.name, 90)), key=f"doc.open.{row.id}", type="tertiary", help="Open this document"
            ):
                open_document(row.id, row.name)
            if collections:
                st.html(tags_html(collections))
            for warning in row.warnings[:3]:
                st.html(f'<div class="wf-note wf-warn">{esc(warning)}</div>')
        told = (row.kind, f"{row.pages:,}", f"{row.passages:,}", size(row.size_bytes), ago(row.added_at))
        for cell, fact in zip(facts, told, strict=True):
            title = clock(row.added_at) if fact is told[-1] else ""
            cell.html(f'<span class="wf-cell" title="{esc(title)}">{esc(fact)}</span>')
        if menu.button(
            "", key=f"doc.delete.{row.id}", type="tertiary", icon=":material/delete:", help="Delete this document"
        ):
            _delete(services, row)


@st.dialog("Delete this document?")
def _delete(services: PageServices, row: DocumentRow) -> None:
    st.markdown(
        f"**{plain(row.name)}** leaves the library and is no longer used for answers. "
        "The file where it came from is not touched, and the record keeps that it was here."
    )
    if draw_keep_or_delete("doc.delete", _drop, services, row):
        st.rerun()


def _drop(services: PageServices, row: DocumentRow) -> None:
    try:
        services.engine.delete_document(row.id)
    except AppError as exc:
        st.toast(plain(f"{exc} {exc.hint}"), icon=":material/error:")
    else:
        st.toast(f"{plain(shorten(row.name, 60))} is deleted.", icon=":material/delete:")
