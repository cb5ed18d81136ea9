"""*Is this ours?*: drop a file or paste a text; the verdict, each piece of evidence with its strength, and the record.

The check runs in the page's own process and asks no model, so it works while the engine answers somebody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from provenance.errors import AppError
from ui.views.page_services import PageServices
from ui.views.words import esc, say_error

if TYPE_CHECKING:
    from provenance.verify import Evidence, Verdict

__all__ = ["render"]

_FOUND = "verify.found"
_CHECKED = "verify.checked"  # name and bytes of the file that was found
_GIVEN_BACK = "verify.given_back"  # the bytes of the file with its credentials
_HEAD = {
    "ours": ("good", "Ours", "This came from this installation."),
    "not ours": ("bad", "Not ours", "This came from somewhere else, as far as can be told."),
    "cannot tell": ("warn", "Cannot tell", "Nothing found here decides it; it may be anybody's."),
}
_TAGS = {"ours": "good", "not ours": "bad", "nothing": "warn"}


def render(services: PageServices) -> None:
    """The page."""
    st.title("Is this ours?", anchor=False)
    st.html(
        '<div class="wf-note">Reads Content Credentials and marks in a file, and compares a text with every answer '
        "recorded here. Nothing leaves this machine.</div>"
    )
    with st.form("verify", border=False):
        file = st.file_uploader("A file", key="verify.file")
        text = st.text_area("Or a text", key="verify.text", height=160, placeholder="Paste a text")
        asked = st.form_submit_button("Check", key="verify.check", type="primary")
    if asked:
        st.session_state.pop(_FOUND, None)
        st.session_state.pop(_GIVEN_BACK, None)
        st.session_state[_CHECKED] = (file.name, file.getvalue()) if file is not None else None
        if file is None and not text.strip():
            st.html('<div class="wf-calm">Drop a file or paste a text first.</div>')
            return
        try:
            with st.spinner("Looking …"):
                st.session_state[_FOUND] = _verdict(services, file.getvalue() if file is not None else text)
        except AppError as exc:
            say_error(exc)
            return
    found: Verdict | None = st.session_state.get(_FOUND)
    if found is not None:
        _show(services, found)
        checked: tuple[str, bytes] | None = st.session_state.get(_CHECKED)
        if checked is not None and found.run and _stripped(found):
            _give_back(services, *checked, found.run)


def _stripped(found: Verdict) -> bool:
    """Whether it is ours and carries no credentials that say so."""
    signed = any(one.kind == "credentials" and one.says == "ours" for one in found.evidence)
    return found.verdict == "ours" and not signed


def _give_back(services: PageServices, name: str, data: bytes, run: str) -> None:
    """Offer the file with its first manifest put back; nothing is signed before somebody asks."""
    if st.button("Give its credentials back", key="verify.restore", icon=":material/verified:"):
        from ui.origins import restored

        try:
            st.session_state[_GIVEN_BACK] = restored(services.settings, data, run)
        except AppError as exc:
            say_error(exc)
    if _GIVEN_BACK in st.session_state:
        st.download_button("Save the file", st.session_state[_GIVEN_BACK], file_name=name, key="verify.save")


def _verdict(services: PageServices, subject: bytes | str) -> Verdict:
    from ui.origins import verifier  # brings the database and the C2PA library, which no other page needs

    with verifier(services.settings) as judge:
        return judge.verify(subject)


def _show(services: PageServices, found: Verdict) -> None:
    colour, word, meaning = _HEAD[found.verdict]
    st.html(f'<p role="status"><span class="wf-tag {colour}">{esc(word)}</span> {esc(meaning)}</p>')
    st.html("".join(_row(one) for one in found.evidence))
    if found.run and st.button("Open the record", key="verify.open", icon=":material/account_tree:"):
        services.go("audit", run=found.run)


def _row(one: Evidence) -> str:
    tag = f'<span class="wf-tag {_TAGS[one.says]}">{esc(one.strength)}</span>'
    return f'<div class="wf-note">{tag} {esc(one.kind)}: {esc(one.sentence)}</div>'
