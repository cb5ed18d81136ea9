"""The search test bench: what the retrieval finds for a query, with the scores that ranked it, without any model."""

from __future__ import annotations

import streamlit as st

from provenance.errors import AppError
from ui.api import SearchHit
from ui.views.page_services import PageServices
from ui.views.viewer import open_hit
from ui.views.words import count, esc, plain, say_error, shorten

__all__ = ["draw_bench", "scores_html"]


def draw_bench(services: PageServices, *, empty: bool) -> None:
    """A query and its ranked passages."""
    if empty:
        st.html('<div class="wf-calm">Add documents first; then try here what a search finds in them.</div>')
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        query = st.text_input(
            "Query",
            key="bench.query",
            placeholder="Try a search, as the assistant does it",
            type="search",
            label_visibility="collapsed",
        )
        top_k = st.number_input(
            "Passages", 1, 50, services.settings.top_k, key="bench.top_k", width=120, label_visibility="collapsed"
        )
    if not query or not query.strip():
        st.html(
            '<div class="wf-note">Ranked by meaning (dense) and by words (lexical); '
            "the fused score decides the order.</div>"
        )
        return
    try:
        hits = services.engine.search(query, top_k=int(top_k))
    except AppError as exc:
        say_error(exc)
        return
    st.html(f'<div class="wf-note">{count(len(hits), "passage")}</div>')
    highest = {
        name: max((abs(getattr(hit, name)) for hit in hits), default=0.0) for name in ("score", "dense", "lexical")
    }
    for hit in hits:
        _hit(hit, highest)


def _hit(hit: SearchHit, highest: dict[str, float]) -> None:
    where = f"{hit.document} · {hit.page_label}" if hit.page_label else hit.document
    with st.container(border=True, key=f"hit-{hit.n}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**{hit.n}** · **{plain(shorten(where, 100))}**")
            st.button(
                "Open",
                key=f"hit.open.{hit.n}",
                type="tertiary",
                icon=":material/find_in_page:",
                on_click=open_hit,
                args=(hit,),
            )
        heading = f'<div class="wf-note">{esc(hit.heading)}</div>' if hit.heading else ""
        st.html(f'{heading}<div class="wf-passage">{esc(hit.text)}</div>{scores_html(hit, highest)}')


def scores_html(hit: SearchHit, highest: dict[str, float]) -> str:
    """Three bars: each score against the highest of its kind in this result."""
    rows = ""
    for name, value, most in (
        ("fused", hit.score, highest["score"]),
        ("dense", hit.dense, highest["dense"]),
        ("lexical", hit.lexical, highest["lexical"]),
    ):
        share = max(0.0, min(1.0, value / most)) if most > 0 else 0.0
        bar = f'<span class="bar"><i style="width:{share:.1%}"></i></span>'
        rows += f'<span>{name}</span>{bar}<span class="num">{value:.3f}</span>'
    return f'<div class="wf-scores">{rows}</div>'
