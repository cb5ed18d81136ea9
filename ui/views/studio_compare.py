"""*Studio*, side by side: one prompt and one seed, drawn by every family that can."""

from __future__ import annotations

import streamlit as st

from provenance.errors import AppError, NotFoundError
from ui.api import BackendRow, Drawing
from ui.views.page_services import PageServices
from ui.views.words import plain, say_error, seconds

__all__ = ["compare_families", "compared", "comparison"]

POLL_S = 0.5
SHOWN_PX = 160
_RUNS = "studio.compared"


def compare_families(services: PageServices, ready: list[BackendRow], *, prompt: str, style: str, seed: int) -> None:
    """Ask every family for one picture; a style is only named to those that know it."""
    runs = []
    for row in ready:
        known = style if style in row.styles else ""
        runs.append(services.engine.draw(prompt, style=known, family=row.name, seed=seed, count=1).run)
    st.session_state[_RUNS] = runs


def comparison(services: PageServices) -> None:
    """The pictures of the last comparison, as they come."""
    runs: list[str] = st.session_state.get(_RUNS, [])
    if not runs:
        return
    st.subheader("Side by side", anchor=False)
    try:
        drawings = [services.engine.drawing(run) for run in runs]
    except NotFoundError:  # the engine was started again since
        del st.session_state[_RUNS]
        return
    if any(_active(drawing) for drawing in drawings):
        _follow(services, runs)
    else:
        _row(services, drawings)


def compared() -> frozenset[str]:
    """The runs that lie side by side now."""
    return frozenset(st.session_state.get(_RUNS, ()))


@st.fragment(run_every=POLL_S)
def _follow(services: PageServices, runs: list[str]) -> None:
    try:
        drawings = [services.engine.drawing(run) for run in runs]
        if not any(_active(drawing) for drawing in drawings):
            st.rerun()
        _row(services, drawings)
    except AppError as exc:
        say_error(exc)


def _row(services: PageServices, drawings: list[Drawing]) -> None:
    for drawing, cell in zip(drawings, st.columns(len(drawings)), strict=True):
        with cell:
            _one(services, drawing)


def _active(drawing: Drawing) -> bool:
    return drawing.state in ("waiting", "drawing")


def _one(services: PageServices, drawing: Drawing) -> None:
    match drawing.state:
        case "done":
            data = services.engine.picture(drawing.run, 1)
            st.image(data, width=SHOWN_PX, caption=plain(f"{drawing.family}, {seconds(drawing.seconds)}"))
        case "waiting" | "drawing":
            st.caption(plain(f"{drawing.family} …"))
        case _:
            st.caption(plain(f"{drawing.family}: {drawing.message or drawing.state}"))
