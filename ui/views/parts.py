"""The page's own small components: an answer with clickable citations, a copy button, a page of a document.

Untrusted text reaches them as data only; their scripts (ui/theme/*.js) build text nodes and never parse HTML.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

__all__ = ["THEME", "answer_part", "copy_part", "page_part"]

THEME = Path(__file__).resolve().parent.parent / "theme"


def _asset(name: str) -> str:
    return (THEME / name).read_text(encoding="utf-8")


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
