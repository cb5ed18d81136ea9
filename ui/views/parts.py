"""The page's own small components: an answer with clickable citations, a copy button, a page of a document.

Untrusted text reaches them as data only; their scripts (ui/theme/*.js) build text nodes and never parse HTML.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from ui.views.words import esc

__all__ = ["THEME", "answer_part", "copy_part", "draw_keep_or_delete", "hero_html", "page_part"]

THEME = Path(__file__).resolve().parent.parent / "theme"


def _asset(name: str) -> str:
    return (THEME / name).read_text(encoding="utf-8")


def hero_html(title: str, told: str) -> str:
    """The sign above an empty page; both texts are ours and shown as they are."""
    icon = base64.b64encode((THEME / "icon.svg").read_bytes()).decode("ascii")
    sign = f'<img alt="" src="data:image/svg+xml;base64,{icon}">'
    return f'<div class="wf-hero">{sign}<h1>{esc(title)}</h1><p>{esc(told)}</p></div>'


def draw_keep_or_delete(key: str, drop: Callable[..., None], *args: object) -> bool:
    """The end of a dialog that asks before something is deleted; `drop` is called with `args` where it is to be."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep it", key=f"{key}.keep"):
            st.rerun()
        return st.button("Delete", key=f"{key}.yes", type="primary", icon=":material/delete:", on_click=drop, args=args)


answer_part = st.components.v2.component(
    "wherefrom_answer",
    html='<details class="doing" hidden><summary></summary><ul aria-label="Steps"></ul></details>'
    '<div class="answer" role="group" aria-label="Answer"></div>',
    css=_asset("answer.css"),
    js=_asset("answer.js"),
)
copy_part = st.components.v2.component(
    "wherefrom_copy", html=_asset("copy.html"), css=_asset("copy.css"), js=_asset("copy.js")
)
page_part = st.components.v2.component(
    "wherefrom_page",
    html='<div class="page" role="region" tabindex="0"></div>',
    css=_asset("page.css"),
    js=_asset("page.js"),
)
