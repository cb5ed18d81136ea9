"""*Studio*: a prompt, a family, a style; a grid that fills while it is drawn; every parameter to call back later.

A drawing lives in the engine; a session only remembers which one it looks at.
"""

from __future__ import annotations

import secrets
from typing import Any

import streamlit as st

from provenance.errors import AppError, NotFoundError
from ui.api import BackendRow, Drawing, DrawnPicture
from ui.views.page_services import PageServices
from ui.views.studio_compare import compare_families, compared, comparison
from ui.views.studio_latents import latent_tools
from ui.views.words import count, esc, plain, say_error, seconds, shorten

__all__ = ["form_fields", "is_active", "render"]

POLL_S = 0.4
COLUMNS = 4
SHOWN_PX = 160  # four stand beside each other
_THUMB_PX = 112
_REMEMBERED = 13
_FIRST = ("a red fox", "a blue book", "a grinning face")
_ANY = "any style"
_ENLARGING = {"": "what the settings say", "network": "the network", "filter": "a plain filter"}
_ENLARGES = "The five families draw 64 pixels a side; a large model's picture keeps its size."
_LOOKED_AT = "studio.run"
_TRY = "studio.try"
_FRESH = -1


def is_active(drawing: Drawing) -> bool:
    """Whether it will still change."""
    return drawing.state in ("waiting", "drawing")


def render(services: PageServices) -> None:
    """The page."""
    st.title("Studio", anchor=False)
    families = [row for row in services.engine.backends() if row.kind == "image"]
    ready = [row for row in families if not row.problem]
    if not ready:
        st.html('<div class="wf-calm">No family of pictures can draw on this machine yet.</div>')
        for row in families:
            st.html(f'<div class="wf-note">{esc(row.name)}: {esc(row.problem)}</div>')
        return
    _recall()
    _form(services, ready)
    comparison(services)
    run: str | None = st.session_state.get(_LOOKED_AT)
    if run is not None:
        _look(services, run, ready)
    _history(services, run)


def form_fields(schema: dict[str, Any]) -> list[tuple[str, str, float, float, float]]:
    """The numbers of an options schema as (name, kind, least, most, default); what is no number is left out.

    Example:
        >>> form_fields({"properties": {"steps": {"type": "integer", "minimum": 1, "maximum": 9, "default": 4}}})
        [('steps', 'integer', 1, 9, 4)]
    """
    fields = []
    for name, about in schema.get("properties", {}).items():
        if about.get("type") in ("integer", "number") and "default" in about:
            least = about.get("minimum", about.get("exclusiveMinimum", 0))
            fields.append((name, about["type"], least, about.get("maximum", 1e6), about["default"]))
    return fields


def _recall() -> None:
    """Put the parameters of an earlier drawing into the form; set before the widgets exist."""
    if _TRY in st.session_state:
        st.session_state["studio.prompt"] = st.session_state.pop(_TRY)
    again: Drawing | None = st.session_state.pop("studio.again", None)
    if again is None:
        return
    st.session_state["studio.prompt"] = again.prompt
    st.session_state["studio.family"] = again.family
    st.session_state["studio.style"] = again.style or _ANY
    st.session_state["studio.seed"] = again.seed
    st.session_state["studio.count"] = again.count
    for name, value in again.options.items():
        st.session_state[f"studio.{again.family}.{name}"] = value


def _form(services: PageServices, ready: list[BackendRow]) -> None:
    names = [row.name for row in ready]
    if st.session_state.get("studio.family") not in names:
        st.session_state["studio.family"] = names[0]
    left, right = st.columns(2)
    family = left.selectbox("Family", names, key="studio.family")
    row = next(row for row in ready if row.name == family)
    styles = [_ANY, *row.styles]
    if st.session_state.get("studio.style") not in styles:
        st.session_state["studio.style"] = _ANY
    style = right.selectbox("Style", styles, key="studio.style")
    with st.form("studio", border=False):
        prompt = st.text_input("Prompt", key="studio.prompt", placeholder="a red fox", max_chars=1000)
        how_many, seeded = st.columns(2)
        st.session_state.setdefault("studio.count", 4)
        st.session_state.setdefault("studio.seed", _FRESH)
        number = how_many.number_input("How many", 1, 16, key="studio.count")
        seed = seeded.number_input("Seed (-1: a new one)", _FRESH, 2**53 - 1, key="studio.seed")
        options = _options(row)
        enlarging, size = st.session_state["studio.enlarging"], st.session_state["studio.size"]
        with st.container(horizontal=True):
            asked = st.form_submit_button("Draw", key="studio.draw", type="primary", icon=":material/palette:")
            every = len(ready) > 1 and st.form_submit_button(
                "Compare families", key="studio.compare", icon=":material/view_column:"
            )
    chosen = "" if style == _ANY else style
    fresh = secrets.randbelow(2**31) if seed == _FRESH else int(seed)
    try:
        if every:
            compare_families(services, ready, prompt=prompt, style=chosen, seed=fresh)
        if asked:
            drawing = services.engine.draw(
                prompt,
                style=chosen,
                family=family,
                seed=fresh,
                count=int(number),
                options=options,
                enlarging=enlarging,
                size=size,
            )
            st.session_state[_LOOKED_AT] = drawing.run
    except AppError as exc:
        say_error(exc)


def _options(row: BackendRow) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with st.expander("More", key=f"studio.more.{row.name}"):
        st.selectbox(
            "Enlarge by", list(_ENLARGING), key="studio.enlarging", format_func=_ENLARGING.__getitem__, help=_ENLARGES
        )
        st.selectbox("Pixels a side", [512, 256], key="studio.size", help=_ENLARGES)
        about = row.options.get("properties", {})
        for name, field in about.items():
            if field.get("type") == "string":
                found[name] = _words(f"studio.{row.name}.{name}", name.replace("_", " ").capitalize(), field)
        for name, kind, least, most, default in form_fields(row.options):
            whole = kind == "integer"
            made = int if whole else float
            key, label = f"studio.{row.name}.{name}", name.replace("_", " ").capitalize()
            if key not in st.session_state:
                st.session_state[key] = made(default)
            found[name] = st.slider(
                label, made(least), made(most), step=1 if whole else 0.05, key=key, help=about[name].get("description")
            )
    return found


def _words(key: str, label: str, field: dict[str, Any]) -> str:
    """A choice where the schema lists what there is, else a line of text."""
    st.session_state.setdefault(key, field.get("default", ""))
    about = field.get("description")
    if "enum" in field:
        return str(st.selectbox(label, field["enum"], key=key, help=about))
    return str(st.text_input(label, key=key, help=about, max_chars=field.get("maxLength", 1000)))


def _look(services: PageServices, run: str, ready: list[BackendRow]) -> None:
    try:
        drawing = services.engine.drawing(run)
    except NotFoundError:
        del st.session_state[_LOOKED_AT]
        return
    if is_active(drawing):
        _follow(services, run)
    else:
        _ended(services, drawing)
        made = latent_tools(services, drawing, ready)
        if made is not None:
            st.session_state[_LOOKED_AT] = made
            st.rerun()


@st.fragment(run_every=POLL_S)
def _follow(services: PageServices, run: str) -> None:
    try:
        drawing = services.engine.drawing(run)
        if not is_active(drawing):
            st.rerun()
        share = drawing.step / drawing.steps if drawing.steps else 0.0
        st.progress(min(1.0, share), text="Waiting" if drawing.state == "waiting" else "Drawing")
        if st.button("Stop", key="studio.stop", icon=":material/stop_circle:"):
            services.engine.stop_drawing(run)
        if drawing.previews:
            previews = [services.engine.picture(run, n, preview=True) for n in range(1, drawing.count + 1)]
            for n, cell in enumerate(_cells(len(previews))):
                cell.image(previews[n], width=SHOWN_PX)
    except NotFoundError:
        st.rerun()  # it ended between two calls
    except AppError as exc:
        say_error(exc)


def _ended(services: PageServices, drawing: Drawing) -> None:
    match drawing.state:
        case "failed":
            say_error(AppError(drawing.message, hint=drawing.hint))
            return
        case "refused":
            st.html(f'<div class="wf-calm" role="status">{esc(drawing.message)}</div>')
            return
        case "stopped":
            st.html('<div class="wf-calm" role="status">Stopped.</div>')
            return
        case _:
            pass
    for picture, cell in zip(drawing.pictures, _cells(len(drawing.pictures)), strict=True):
        with cell:
            _picture(services, drawing, picture)
    took = seconds(drawing.seconds)
    st.html(
        f'<div class="wf-note" role="status">{esc(count(len(drawing.pictures), "picture"))} by {esc(drawing.model)} '
        f"in {esc(took)}</div>"
    )
    if drawing.note:
        st.html(f'<div class="wf-note">{esc(drawing.note)}</div>')
    if st.button("Open the record", key="studio.record", icon=":material/account_tree:"):
        services.go("audit", run=drawing.run)


def _picture(services: PageServices, drawing: Drawing, picture: DrawnPicture) -> None:
    data = services.engine.picture(drawing.run, picture.n)
    st.image(data, width=SHOWN_PX, caption=plain(f"seed {picture.seed}"))
    name = "-".join(drawing.prompt.lower().split())[:40] or "picture"
    safe = "".join(c for c in name if c.isalnum() or c == "-")
    with st.container(horizontal=True):
        st.download_button(
            "PNG", data, f"{safe}-{picture.seed}.png", "image/png", key=f"studio.png.{drawing.run}.{picture.n}"
        )
        st.download_button(
            "SVG",
            lambda: services.engine.picture(drawing.run, picture.n, svg=True),  # traced when somebody wants it
            f"{safe}-{picture.seed}.svg",
            "image/svg+xml",
            key=f"studio.svg.{drawing.run}.{picture.n}",
        )


def _cells(number: int) -> list[Any]:
    cells: list[Any] = []
    while len(cells) < number:
        cells += st.columns(COLUMNS)
    return cells[:number]


def _history(services: PageServices, run: str | None) -> None:
    """What was drawn before, to be looked at; or, where there is nothing at all, something to begin with."""
    drawings = services.engine.drawings(limit=_REMEMBERED)
    if not drawings:
        _begin()
        return
    earlier = [drawing for drawing in drawings if drawing.run not in {run, *compared()}]
    if not earlier:
        return
    st.subheader("Before", anchor=False)
    for drawing, cell in zip(earlier, _cells(len(earlier)), strict=True):
        with cell:
            _remembered(services, drawing)


def _begin() -> None:
    st.html('<div class="wf-calm">Nothing is drawn yet. A prompt names one thing, such as these:</div>')
    with st.container(horizontal=True, horizontal_alignment="center"):
        for prompt in _FIRST:
            if st.button(prompt, key=f"studio.first.{prompt}", icon=":material/palette:"):
                st.session_state[_TRY] = prompt
                st.rerun()


def _remembered(services: PageServices, drawing: Drawing) -> None:
    try:
        if drawing.pictures:
            st.image(services.engine.picture(drawing.run, drawing.pictures[0].n), width=_THUMB_PX)
    except AppError:
        st.html('<div class="wf-mute">Its file is gone.</div>')
    style = f", {drawing.style}" if drawing.style else ""
    st.caption(plain(f"{shorten(drawing.prompt, 40)} ({drawing.family}{style}, seed {drawing.seed})"))
    if st.button("Again", key=f"studio.again.{drawing.run}", icon=":material/history:", type="tertiary"):
        st.session_state["studio.again"] = drawing
        st.session_state[_LOOKED_AT] = drawing.run
        st.rerun()
