"""How the ledger stands: whether it is whole, what is signed, and the checkpoint to keep elsewhere."""

from __future__ import annotations

import streamlit as st

from provenance.errors import AppError
from ui.proof_api import CheckpointState, Verification
from ui.views.page_services import PageServices
from ui.views.words import ago, count, esc, plain, say_error, seconds

__all__ = ["draw_state"]

_VERIFIED = "audit.verified"


def draw_state(services: PageServices) -> None:
    """Two boxes: verify, and the newest checkpoint."""
    _verify(services)
    try:
        state = services.engine.checkpoints()
    except AppError as exc:
        say_error(exc)
        return
    _checkpoint(services, state)


def _verify(services: PageServices) -> None:
    with st.container(border=True, key="audit.verify"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.html(
                "<div><b>Is the ledger whole?</b> "
                "<span class='wf-mute'>Every event is hashed again, from the first, and held against every checkpoint."
                "</span></div>"
            )
            if st.button("Verify", key="audit.verify.run", icon=":material/verified_user:"):
                _check(services, "")
        found: Verification | None = st.session_state.get(_VERIFIED)
        if found is not None:
            _verified(found)
        expander = st.expander("Hold it against a checkpoint that was kept elsewhere", type="compact")
        with expander, st.form("audit.against", border=False):
            brought = st.text_area("A checkpoint, or its code from paper", key="audit.brought", height=110)
            if st.form_submit_button("Compare", key="audit.compare"):
                _check(services, brought)
                st.rerun()


def _check(services: PageServices, brought: str) -> None:
    code = brought.strip().upper().startswith("WF-")
    notes = [brought] if brought.strip() and not code else []
    try:
        with st.spinner("Checking every event …"):
            st.session_state[_VERIFIED] = services.engine.verify(notes=notes, codes=[brought] if code else [])
    except AppError as exc:
        say_error(exc)


def _verified(found: Verification) -> None:
    if found.ok:
        signed = f" The first {found.signed:,} are signed." if found.signed else ""
        st.success(
            f"The ledger is whole: {count(found.events, 'event')} follow from one another.{signed}",
            icon=":material/verified:",
        )
    else:
        where = f"Event {found.first_bad:,} is the first that does not follow. " if found.first_bad is not None else ""
        st.error(f"The ledger was changed. {where}{plain(found.reason)}", icon=":material/gpp_bad:")
    for note in found.notes:
        st.html(f'<div class="wf-note">{esc(note)}</div>')
    took = f" · checked in {seconds(found.seconds)}" if found.seconds else ""
    st.html(f'<div class="wf-digest">Head {esc(found.head or "–")}{esc(took)}</div>')


def _checkpoint(services: PageServices, state: CheckpointState) -> None:
    with st.container(border=True, key="audit.checkpoint"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.html(f"<div><b>Checkpoint</b> <span class='wf-mute'>{esc(_told(state))}</span></div>")
            with st.container(horizontal=True, width="content"):
                if state.newest is not None:
                    st.download_button(
                        "Save it elsewhere",
                        data=state.newest.note.encode(),
                        file_name=f"wherefrom-{state.newest.size}.checkpoint",
                        mime="text/plain",
                        key="audit.checkpoint.save",
                        icon=":material/download:",
                        on_click="ignore",
                    )
                if st.button("Sign now", key="audit.checkpoint.make", icon=":material/draw:"):
                    try:
                        services.engine.checkpoint()
                        st.rerun()
                    except AppError as exc:
                        say_error(exc)
        for problem in [*([state.problem] if state.problem else []), *state.problems]:
            st.html(f'<div class="wf-note wf-warn">{esc(problem)}</div>')
        if state.newest is not None:
            st.html(
                f'<div class="wf-digest" title="For paper">{esc(state.newest.code)}</div>'
                '<div class="wf-note">Keep the file or this code where this machine cannot reach it: whoever has it '
                "can tell later whether anything up to it was changed or cut off.</div>"
            )


def _told(state: CheckpointState) -> str:
    if state.newest is None:
        return "Nothing is signed yet; it happens by itself once the ledger is quiet."
    behind = state.events - state.newest.size
    newer = f", {count(behind, 'newer event')} not yet" if behind > 0 else ""
    second = " Copies go to the second place, too." if state.second_there else ""
    when = f" {ago(state.newest.at)}" if state.newest.at else ""
    return f"{count(state.newest.size, 'event')} signed{when}{newer}.{second}"
