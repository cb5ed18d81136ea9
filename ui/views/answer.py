"""One answer: its text with citations, the sources under it, what the guards did, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import streamlit as st

from agent.updates import Answer, Citation, GuardNotice
from ui.views.markdown import answer_tree
from ui.views.parts import answer_part, copy_part
from ui.views.viewer import open_citation
from ui.views.watching import Doing
from ui.views.words import esc, plain, seconds, shorten

__all__ = ["copy_text", "draw_actions", "draw_answer", "draw_notices", "draw_text", "timing_line", "where"]

_GUARD_WORDS = {"redact": "Hidden", "block": "Blocked", "ask": "Needs your word", "allow": "Allowed"}


def where(citation: Citation) -> str:
    """Document and page of a citation, as a person says it."""
    return f"{citation.document} · {citation.page_label}" if citation.page_label else citation.document


def also_in(citation: Citation) -> str:
    """The other documents in which the same stands; empty where there is none."""
    places = [f"{p.document} · {p.page_label}" if p.page_label else p.document for p in citation.also]
    return f"also in {', '.join(places)}" if places else ""


def draw_text(key: str, text: str, citations: Iterable[Citation], *, doing: Doing | None = None) -> None:
    """The text of an answer. A click on a citation opens its page.

    `doing` is given while the answer is being made: its steps stand folded above the text, in the same component, so
    that a poll redraws one thing and what was unfolded stays so.
    """
    by_number = {citation.n: citation for citation in citations}
    result = answer_part(
        key=key,
        data={
            "tree": answer_tree(text, None if doing else set(by_number)),
            "sources": {str(n): where(citation) for n, citation in by_number.items()},
            "writing": doing is not None,
            "doing": doing,
        },
        on_open_change=lambda: None,
    )
    chosen = by_number.get(result.open) if isinstance(result.open, int) else None
    if chosen is not None:
        open_citation(chosen)


def draw_notices(notices: Iterable[GuardNotice]) -> None:
    """What a guard did that a person should see, with the reason."""
    for notice in notices:
        if notice.action == "allow":
            continue
        word = _GUARD_WORDS[notice.action]
        st.html(
            f'<div class="wf-guard {esc(notice.action)}" role="note"><b>{esc(word)}</b>'
            f"<span>{esc(notice.detail or f'Rule {notice.id} of the {notice.ring} guard.')}</span></div>"
        )


def draw_answer(answer: Answer, *, key: str, stopped: bool = False) -> None:
    """A finished (or stopped) answer with its sources, or a refusal with the nearest passages."""
    text = answer.text or ("Stopped before the first word." if stopped else "")
    draw_text(f"text.{key}", text, answer.citations)
    if stopped:
        st.html('<div class="wf-note">Stopped here. What was written until then is kept and recorded.</div>')
    if answer.refused:
        _refusal(answer, key)
    elif answer.citations:
        _sources("Sources", answer.citations, key)


def _refusal(answer: Answer, key: str) -> None:
    if answer.reason and answer.reason.strip() != answer.text.strip():
        st.html(f'<div class="wf-calm">{esc(answer.reason)}</div>')
    if answer.nearest:
        _sources("Nearest passages", answer.nearest, key)


def _sources(title: str, citations: list[Citation], key: str) -> None:
    with st.container(key=f"sources-{key}"):
        st.html(f'<div class="wf-label">{esc(title)}</div>')
        for citation in citations:
            quote = plain(shorten(citation.quote, 130))
            also = f" · :small[{plain(shorten(also_in(citation), 90))}]" if citation.also else ""
            st.button(
                f":yellow-badge[{citation.n}] **{plain(shorten(where(citation), 90))}** — {quote}{also}",
                key=f"source-{key}-{citation.n}",
                help="Show the page with this passage",
                on_click=open_citation,
                args=(citation,),
                width="stretch",
                wrap=True,
            )


def timing_line(answer: Answer) -> str:
    """Model and speed in one line: "qwen… · first word 1.2 s · 29 tokens/s · 4.1 s"."""
    timings = answer.timings
    parts = [answer.model]
    if timings.first_token_s is not None:
        parts.append(f"first word {seconds(timings.first_token_s)}")
    if timings.tokens_per_s:
        parts.append(f"{timings.tokens_per_s:.0f} tokens/s")
    if timings.total_s:
        parts.append(seconds(timings.total_s))
    return " · ".join(part for part in parts if part)


def copy_text(answer: Answer) -> str:
    """The answer with its sources, as it is copied."""
    lines = [answer.text]
    if answer.citations:
        lines += ["", "Sources:"]
        lines += [
            f"[{c.n}] {where(c)}: “{shorten(c.quote, 300)}”{'; ' + also_in(c) if c.also else ''}"
            for c in answer.citations
        ]
    lines += ["", f"Record: {answer.run}"]
    return "\n".join(lines)


def draw_actions(
    answer: Answer | None,
    *,
    run: str,
    key: str,
    on_regenerate: Callable[[], None] | None,
    on_record: Callable[[], None],
    draw_more: Callable[[], None] = lambda: None,
) -> None:
    """Copy, answer again, and the record: one row under an answer; `draw_more` adds to it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key=f"actions-{key}"):
        if answer is not None:
            data = {"text": copy_text(answer), "label": "Copy", "help": "Copy the answer with its sources"}
            copy_part(key=f"copy.{key}", data=data, width="content")
        if on_regenerate is not None and st.button(
            "Answer again", key=f"again.{key}", type="tertiary", icon=":material/refresh:"
        ):
            on_regenerate()
        if st.button(
            "Record",
            key=f"record.{key}",
            type="tertiary",
            icon=":material/account_tree:",
            help=f"Where this came from: {run}",
        ):
            on_record()
        draw_more()
