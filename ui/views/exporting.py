"""Files of one answer to keep: a signed report in three forms, its record as PROV, its evidence pack."""

from __future__ import annotations

import streamlit as st

from provenance.errors import AppError
from ui.proof_api import ExportedFile
from ui.views.page_services import PageServices
from ui.views.words import plain, say_error, size

__all__ = ["draw_export", "draw_pack"]

_FORMS = {
    "pdf": ("PDF", ":material/picture_as_pdf:"),
    "docx": ("Word", ":material/description:"),
    "html": ("Web page", ":material/html:"),
    "prov": ("W3C PROV", ":material/account_tree:"),
}


def draw_export(services: PageServices, run: str, *, key: str) -> None:
    """A button that unfolds the forms; what was made can be saved at once."""
    with st.popover("Export", key=f"export.{key}", icon=":material/ios_share:", type="tertiary"):
        st.html(
            '<div class="wf-note">A report with the answer, its sources and its record, signed with Content '
            "Credentials.</div>"
        )
        private = st.toggle("With question and quoted passages", value=True, key=f"export.private.{key}")
        for form, (label, icon) in _FORMS.items():
            if st.button(label, key=f"export.{form}.{key}", icon=icon, width="stretch"):
                _make(services, run, form, private, f"exported.{run}.{key}")
        _save(f"exported.{run}.{key}")


def draw_pack(services: PageServices, run: str, *, key: str) -> None:
    """A button that makes the evidence pack."""
    with st.popover("Evidence", key=f"pack.{key}", icon=":material/inventory_2:"):
        st.html(
            '<div class="wf-note">One zip for an outsider: record, proofs, public key, report, and a verifier that '
            "needs nothing but Python.</div>"
        )
        private = st.toggle("With question, passages and answer", value=True, key=f"pack.private.{key}")
        if st.button("Make the evidence pack", key=f"pack.make.{key}", icon=":material/inventory_2:", width="stretch"):
            _make(services, run, "pack", private, f"packed.{run}.{key}")
        _save(f"packed.{run}.{key}")


def _make(services: PageServices, run: str, form: str, private: bool, name: str) -> None:
    try:
        with st.spinner("Signing …"):
            made = (
                services.engine.pack(run, private=private)
                if form == "pack"
                else services.engine.export(run, form, private=private)
            )
    except AppError as exc:
        st.session_state.pop(name, None)
        say_error(exc)
        return
    st.session_state[name] = made


def _save(name: str) -> None:
    made: ExportedFile | None = st.session_state.get(name)
    if made is None:
        return
    st.download_button(
        f"Save {plain(made.name)} ({size(len(made.data))})",
        data=made.data,
        file_name=made.name,
        mime=made.mime,
        key=f"save.{name}",
        icon=":material/download:",
        type="primary",
        on_click="ignore",
        width="stretch",
    )
    if made.note:
        st.download_button(
            "Save its signature",
            data=made.note.encode(),
            file_name=f"{made.name}.note",
            mime="text/plain",
            key=f"save.note.{name}",
            icon=":material/draw:",
            on_click="ignore",
            width="stretch",
        )
