"""Cards on the system page: the whole installation, or one model, to read and to take along."""

from __future__ import annotations

import streamlit as st

from provenance.errors import AppError
from ui.views.page_services import PageServices
from ui.views.words import say_error

__all__ = ["draw_cards"]


def draw_cards(services: PageServices) -> None:
    """One card at a time, chosen by name."""
    try:
        names = services.engine.card_names()
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.selectbox("Card of", names, key="system.card", width=360)
            text = services.engine.card(name)
            st.download_button(
                "Save as Markdown", text, file_name=f"{name}.md", mime="text/markdown", key="system.card.save"
            )
    except AppError as exc:
        say_error(exc)
        return
    with st.container(border=True, key="system.card.text"):
        st.markdown(text)
