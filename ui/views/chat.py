"""The chat: ask, watch the answer being written, follow its citations.

The page only watches: the run belongs to the engine, so a reload, a second tab or another page in between lose
nothing. Which conversation is open stands in the address (`?c=`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import streamlit as st

from agent.updates import Done, Failed, Stopped
from provenance.errors import AppError, NotFoundError, UsageError
from ui.api import Message
from ui.views.answer import draw_actions, draw_answer, draw_notices, draw_text, timing_line
from ui.views.approval import draw_approval
from ui.views.artifacts import draw_artifacts
from ui.views.conversations import ADDRESS, choose, draw_conversations
from ui.views.exporting import draw_export
from ui.views.page_services import PageServices
from ui.views.parts import THEME
from ui.views.rating import draw_rating
from ui.views.scope import chosen_scope, draw_scope
from ui.views.viewer import draw_viewer
from ui.views.watching import Watched, doing_now, steps_html
from ui.views.welcome import draw_welcome
from ui.views.words import esc, plain, say_error, since

__all__ = ["Turn", "render", "turns_of"]

POLL_S = 0.25
_PROBLEM = "chat.problem"
_DRAFT = "chat.draft"  # a question that was not taken goes back into the input
_INPUT = "chat.question"
_ASSISTANT = str(THEME / "icon.svg")
_PERSON = ":material/person:"


@dataclass(slots=True)
class Turn:
    """A question and what became of it. `run` is the latest: an answer that is written again has a run of its own."""

    run: str
    question: str = ""
    message: Message | None = None
    asked_at: str = ""


def turns_of(messages: list[Message]) -> list[Turn]:
    """Messages as turns, in their order."""
    turns: list[Turn] = []
    for message in messages:
        if message.role == "user":
            turns.append(Turn(run=message.run, question=message.text, asked_at=message.at))
        elif turns and turns[-1].message is None:
            turns[-1].run, turns[-1].message = message.run, message
            if message.state == "running":  # an answer that is written again is waited for since then
                turns[-1].asked_at = message.at
        else:
            turns.append(Turn(run=message.run, message=message))
    return turns


def render(services: PageServices) -> None:
    """The chat page."""
    current = st.query_params.get(ADDRESS)
    turns = _turns(services, current)
    if turns is None:
        current, turns = None, []
    for turn in turns:
        _draw_turn(services, turn, current, last=turn is turns[-1])
    pressed = draw_welcome(services) if not turns else None
    problem: AppError | None = st.session_state.pop(_PROBLEM, None)
    if problem is not None:
        say_error(problem)
    draw_scope(services, current)
    draft: str | None = st.session_state.pop(_DRAFT, None)
    if draft is not None:
        st.session_state[_INPUT] = draft
    question = st.chat_input("Ask your documents", key=_INPUT) or pressed
    draw_conversations(services, current)
    if question:
        _ask(services, question, current, turns)
    draw_viewer(services)


def _turns(services: PageServices, conversation: str | None) -> list[Turn] | None:
    """Questions with their answers, oldest first; None where the conversation is gone."""
    if conversation is None:
        return []
    try:
        messages = services.engine.conversation(conversation)
    except NotFoundError as exc:
        choose(None)
        st.toast(plain(str(exc)), icon=":material/error:")
        return None
    return turns_of(messages)


def _ask(services: PageServices, question: str, current: str | None, turns: list[Turn]) -> None:
    if turns and _is_running(turns[-1]):
        st.session_state[_DRAFT] = question
        st.session_state[_PROBLEM] = UsageError(
            "An answer is still being written.", hint="Stop it, or wait for its end."
        )
        st.rerun()
    conversation, fresh, scope = current, None, chosen_scope(current)
    try:
        if conversation is None:
            conversation = fresh = services.engine.new_conversation()
        services.engine.ask(question, conversation=conversation, scope=scope)
    except AppError as exc:
        if fresh is not None:
            services.engine.delete_conversation(fresh)
        st.session_state[_PROBLEM] = exc
        st.session_state[_DRAFT] = question
        st.rerun()
    choose(conversation)
    st.rerun()


def _is_running(turn: Turn) -> bool:
    return _watched(turn.run).end is None and (turn.message is None or turn.message.state == "running")


# -- one turn -----------------------------------------------------------------------------------------------------
def _draw_turn(services: PageServices, turn: Turn, conversation: str | None, *, last: bool) -> None:
    if turn.question:
        with st.chat_message("user", avatar=_PERSON), st.container(key=f"said-{turn.run}"):
            st.html(f'<div class="wf-question">{esc(turn.question)}</div>')
    with st.chat_message("assistant", avatar=_ASSISTANT):
        watched = _catch_up(services, turn)
        if watched is not None and watched.end is None and (turn.message is None or turn.message.state == "running"):
            _watch(services, turn.run, turn.asked_at)
        else:
            _draw_end(services, turn, watched, conversation, last=last)


def _draw_end(
    services: PageServices, turn: Turn, watched: Watched | None, conversation: str | None, *, last: bool
) -> None:
    end = watched.end if watched is not None else None
    answer = turn.message.answer if turn.message else None
    if answer is None and isinstance(end, Done | Stopped):
        answer = end.answer
    if watched is not None:
        draw_notices(watched.notices)
    match _state(turn, end):
        case "failed":
            _failed(turn, end)
        case "done" | "stopped" as state if answer is not None:
            draw_answer(answer, key=turn.run, stopped=state == "stopped")
            draw_artifacts(services, answer, key=turn.run)
        case _:
            _interrupted(turn)
    if watched is not None and watched.steps:
        label = f"How this was answered · {plain(timing_line(answer))}" if answer else "What was done"
        with st.expander(label, key=f"steps.{turn.run}", type="compact"):
            st.html(steps_html(watched.steps.values()))
    elif answer is not None:
        st.html(f'<div class="wf-note">{esc(timing_line(answer))}</div>')
    draw_actions(
        answer,
        run=turn.run,
        key=turn.run,
        on_regenerate=(lambda: _again(services, turn, conversation)) if last else None,
        on_record=lambda: services.go("audit", run=turn.run),
        draw_more=lambda: _more(services, turn) if answer is not None else None,
    )


def _more(services: PageServices, turn: Turn) -> None:
    draw_export(services, turn.run, key=turn.run)
    draw_rating(services, turn.run, given=turn.message.feedback if turn.message else "", key=turn.run)


def _state(turn: Turn, end: Done | Stopped | Failed | None) -> str:
    match end:
        case Done():
            return "done"
        case Stopped():
            return "stopped"
        case Failed():
            return "failed"
        case None:
            return turn.message.state if turn.message else "interrupted"
        case _:
            assert_never(end)


def _failed(turn: Turn, end: Done | Stopped | Failed | None) -> None:
    if turn.message and turn.message.text:
        draw_text(f"text.{turn.run}", turn.message.text, turn.message.answer.citations if turn.message.answer else [])
    if isinstance(end, Failed):
        say_error(AppError(end.message, hint=end.hint))
    else:
        say_error(
            AppError("This answer ended with an error.", hint="Its record says which. Ask again to try once more.")
        )


def _interrupted(turn: Turn) -> None:
    if turn.message and turn.message.text:
        draw_text(f"text.{turn.run}", turn.message.text, [])
    st.html('<div class="wf-calm">This answer was cut off before its end. Ask again to get it whole.</div>')


def _again(services: PageServices, turn: Turn, conversation: str | None) -> None:
    try:
        try:
            services.engine.ask(turn.question, conversation=conversation, regenerate=turn.run)
        except NotFoundError:  # the run left no answer behind: ask the same question again
            services.engine.ask(turn.question, conversation=conversation)
    except AppError as exc:
        st.session_state[_PROBLEM] = exc
    st.rerun()


# -- watching -----------------------------------------------------------------------------------------------------
def _watched(run: str) -> Watched:
    key = f"watch.{run}"
    if key not in st.session_state:
        st.session_state[key] = Watched(run)
    watched: Watched = st.session_state[key]
    return watched


def _catch_up(services: PageServices, turn: Turn) -> Watched | None:
    """Everything the engine still knows of the run; None where it knows nothing (it was started anew since)."""
    watched = _watched(turn.run)
    if watched.end is None:
        try:
            watched.take(services.engine.updates(turn.run, after=watched.seen))
        except NotFoundError:
            return None
    return watched


@st.fragment(run_every=POLL_S)
def _watch(services: PageServices, run: str, asked_at: str) -> None:
    """Draws what there is of a running answer; runs again by itself until the end."""
    watched = _watched(run)
    try:
        watched.take(services.engine.updates(run, after=watched.seen))
    except NotFoundError:
        st.rerun()
    except AppError as exc:  # the engine is being started again: say so, and look again at the next turn
        say_error(exc)
        return
    if watched.end is not None:
        st.session_state.pop(f"stopping.{run}", None)
        st.rerun()
    draw_notices(watched.notices)
    if watched.asked is not None:
        draw_approval(services, watched.asked)
    doing = doing_now(watched.steps.values(), waited_s=since(asked_at))
    draw_text(f"live.{run}", watched.text, [], doing=doing)
    stopping = st.session_state.get(f"stopping.{run}", False)
    st.button(
        "Stopping…" if stopping else "Stop",
        key=f"stop.{run}",
        icon=":material/stop_circle:",
        disabled=stopping,
        on_click=_stop,
        args=(services, run),
        help="Stop writing. What is written is kept.",
    )


def _stop(services: PageServices, run: str) -> None:
    try:
        services.engine.stop(run)
    except AppError as exc:
        st.session_state[_PROBLEM] = exc
    else:
        st.session_state[f"stopping.{run}"] = True
