"""The drawer that shows a page of a document, with the cited passage marked and scrolled into view.

What is open is kept in the session (`viewer`), so that the drawer survives the runs that a finishing answer causes.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, replace

import streamlit as st
from PIL import Image, ImageChops

from agent.updates import Citation
from provenance.errors import AppError
from ui.api import EngineApi, PageView, SearchHit
from ui.views.page_services import PageServices
from ui.views.parts import page_part
from ui.views.words import esc, plain, say_error, shorten

__all__ = ["Spot", "draw_viewer", "highlight_top", "open_citation", "open_document", "open_hit"]

_KEY = "viewer"
PICTURE_WIDTH_PX = 1400
DRAWER_WIDTH_PX = 820


@dataclass(frozen=True, kw_only=True, slots=True)
class Spot:
    """Which page to show, and where on which page the quote stands (none when a document is just opened)."""

    document_id: int
    document: str
    page: int
    quote_page: int | None = None
    start: int | None = None
    end: int | None = None
    quote: str = ""
    n: int | None = None


def open_citation(citation: Citation) -> None:
    """Open the drawer at a citation, now or at the next run."""
    st.session_state[_KEY] = Spot(
        document_id=citation.document_id,
        document=citation.document,
        page=citation.page,
        quote_page=citation.page,
        start=citation.start,
        end=citation.end,
        quote=citation.quote,
        n=citation.n,
    )


def open_hit(hit: SearchHit) -> None:
    """Open the drawer at a passage that a search found."""
    st.session_state[_KEY] = Spot(
        document_id=hit.document_id,
        document=hit.document,
        page=hit.page,
        quote_page=hit.page,
        start=hit.start,
        end=hit.end,
        quote=hit.text,
    )


def open_document(document_id: int, name: str) -> None:
    """Open the drawer at the first page of a document."""
    st.session_state[_KEY] = Spot(document_id=document_id, document=name, page=1)


def draw_viewer(services: PageServices) -> None:
    """Draw the drawer if something is open. Call it once, at the end of a view."""
    spot: Spot | None = st.session_state.get(_KEY)
    if spot is None:
        return
    title = f"Source {spot.n}" if spot.n is not None else "Document"
    drawer = st.dialog(
        title, width=DRAWER_WIDTH_PX, position="right", icon=":material/find_in_page:", on_dismiss=_close
    )
    drawer(_draw)(services)


def _close() -> None:
    st.session_state.pop(_KEY, None)


def _turn(page: int) -> None:
    spot: Spot | None = st.session_state.get(_KEY)
    if spot is not None:
        st.session_state[_KEY] = replace(spot, page=page)


def _draw(services: PageServices) -> None:
    spot: Spot | None = st.session_state.get(_KEY)
    if spot is None:  # closed a moment ago
        return
    span = (spot.start, spot.end) if spot.page == spot.quote_page else (None, None)
    try:
        view = services.engine.page(spot.document_id, spot.page, start=span[0], end=span[1])
        picture = _picture(services.engine, view) if view.has_image else None
    except AppError as exc:
        say_error(exc)
        return
    _heading(spot, view)
    _page(view, picture)
    _turning(spot, view)


def _heading(spot: Spot, view: PageView) -> None:
    where = _page_name(view)
    of = f" of {view.pages}" if view.pages > 1 and where == f"page {view.page}" else ""
    st.html(f'<div><b>{esc(view.document)}</b> <span class="wf-mute">{esc(where + of)}</span></div>')
    if spot.quote and spot.page == spot.quote_page:
        st.html(f'<div class="wf-calm">{esc(shorten(spot.quote, 280))}</div>')


def _page_name(view: PageView) -> str:
    """What a person calls the page; nothing where the document has just one."""
    return view.page_label or (f"page {view.page}" if view.pages > 1 else "")


def _page(view: PageView, picture: tuple[bytes, float | None] | None) -> None:
    label = f"{view.document}, {_page_name(view)}" if _page_name(view) else view.document
    if view.start is not None:
        label += ", with the cited passage highlighted"
    data: dict[str, object] = {
        "id": f"{view.document_id}/{view.page}/{view.start}/{view.end}",
        "label": label,
        "picture": None,
    }
    if picture is not None:
        data |= {"picture": base64.b64encode(picture[0]).decode("ascii"), "top": picture[1]}
    else:
        start, end = (view.start, view.end) if view.start is not None and view.end is not None else (0, 0)
        # Cut here, not in the script: offsets count code points, and JavaScript counts UTF-16 units.
        data |= {"before": view.text[:start], "marked": view.text[start:end], "after": view.text[end:]}
    page_part(key="viewer.page", data=data)


def _turning(spot: Spot, view: PageView) -> None:
    if view.pages <= 1:
        return
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.button(
            "Previous page",
            key="viewer.previous",
            disabled=view.page <= 1,
            on_click=_turn,
            args=(view.page - 1,),
            shortcut="Left",
        )
        if spot.quote_page is not None and spot.page != spot.quote_page:
            st.button(
                plain(f"Back to the quote on page {spot.quote_page}"),
                key="viewer.back",
                type="tertiary",
                on_click=_turn,
                args=(spot.quote_page,),
            )
        st.button(
            "Next page",
            key="viewer.next",
            disabled=view.page >= view.pages,
            on_click=_turn,
            args=(view.page + 1,),
            shortcut="Right",
        )


def _picture(engine: EngineApi, view: PageView) -> tuple[bytes, float | None]:
    """The page's picture, and how far down it (0..1) the highlight begins."""
    png = engine.page_image(view.document_id, view.page, start=view.start, end=view.end, width_px=PICTURE_WIDTH_PX)
    if view.start is None:
        return png, None
    bare = engine.page_image(view.document_id, view.page, width_px=PICTURE_WIDTH_PX)
    return png, highlight_top(png, bare)


def highlight_top(marked: bytes, bare: bytes) -> float | None:
    """Where the first difference of two equally large pictures begins, as a fraction of the height; None if nowhere."""
    with Image.open(io.BytesIO(marked)) as first, Image.open(io.BytesIO(bare)) as second:
        if first.size != second.size:
            return None
        box = ImageChops.difference(first.convert("RGB"), second.convert("RGB")).getbbox()
        return box[1] / first.height if box else None
