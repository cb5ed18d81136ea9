"""The password in front of every page, where one is set.

It keeps strangers on the network out. It does not encrypt the way to the page: beyond a trusted network, put a proxy
with TLS in front. A session stays open until its tab is reloaded or closed.
"""

from __future__ import annotations

import hmac
import threading
import time

import streamlit as st

from ui.views.parts import hero_html

__all__ = ["Gate", "draw_gate"]

WRONG_DELAY_S = 0.8
_OPEN = "gate.open"


class Gate:
    """One for all sessions, so that many tabs guess no faster than one."""

    def __init__(self, password: str, *, wrong_delay_s: float = WRONG_DELAY_S) -> None:
        self._password = password.encode()
        self._wrong_delay_s = wrong_delay_s
        self._turn = threading.Lock()

    def admits(self, guess: str) -> bool:
        """Whether the guess is right: compared in constant time, one guess at a time, slowly after a wrong one."""
        with self._turn:
            right = hmac.compare_digest(guess.encode(), self._password)
            if not right:
                time.sleep(self._wrong_delay_s)
            return right


def draw_gate(gate: Gate) -> bool:
    """Whether this session may go on; draws the form where it may not."""
    if st.session_state.get(_OPEN):
        return True
    st.html(hero_html("Wherefrom", "This page is locked."))
    with st.container(key="gate", horizontal_alignment="center"), st.form("gate.form", width=360):
        guess = st.text_input("Password", type="password", key="gate.password", autocomplete="current-password")
        sent = st.form_submit_button("Open", type="primary", key="gate.send", width="stretch")
        if sent and gate.admits(guess or ""):
            st.session_state[_OPEN] = True
            st.rerun()
        if sent:
            st.error("That is not the password.", icon=":material/lock:")
    return False
