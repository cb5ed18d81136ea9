"""What conversations are made of: their line in the list, their messages, their turns, their titles."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, cast

from sqlalchemy import Row

__all__ = [
    "MAX_NAME",
    "UNTITLED",
    "Conversation",
    "State",
    "StoredMessage",
    "StoredTurn",
    "message_of",
    "one_line",
    "title_from",
    "turn_of",
]

State = Literal["running", "done", "stopped", "failed", "interrupted"]
UNTITLED = "New conversation"
MAX_TITLE = 60  # characters of a title made from a question
MAX_NAME = 200  # of one that a person gives


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """One line of the list."""

    id: str
    title: str
    created_at: str  # RFC 3339, UTC
    updated_at: str
    messages: int  # shown ones: an answer that was written again counts once


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredMessage:
    """One message."""

    id: int
    conversation: str
    turn: int
    role: Literal["user", "assistant"]
    run: str
    text: str
    state: State
    at: str
    answer_json: str | None = None
    superseded_by: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredTurn:
    """A finished turn, for the model. `exchange` and `evidence` are equal to what `append_assistant` was given."""

    run: str
    question: str
    answer: str
    state: State
    exchange: tuple[dict[str, Any], ...]  # {"role", "content"}, as the model read and wrote them
    evidence: tuple[dict[str, Any], ...]  # with their numbers


def title_from(question: str) -> str:
    """A title of at most 60 characters, shortened at a word.

    Example:
        >>> title_from("  What is\\nthe rent? ")
        'What is the rent?'
        >>> title_from("How much did the three largest suppliers of the northern plant charge in 2023?")
        'How much did the three largest suppliers of the northern…'
    """
    line = one_line(question)
    if len(line) <= MAX_TITLE:
        return line or UNTITLED
    cut = line[:MAX_TITLE]
    at = cut.rfind(" ")
    return (cut[:at] if at > MAX_TITLE // 2 else cut[:-1]).rstrip(" ,;:-") + "…"


def one_line(text: str) -> str:
    """Printable characters only, gaps as one blank; what joins emoji stays."""
    printable = "".join(c if c.isprintable() or c in "\u200d\ufe0f" else " " for c in text[:2000])
    return re.sub(r"\s+", " ", printable).strip()


def message_of(row: Row[Any]) -> StoredMessage:
    """A row of `messages`."""
    return StoredMessage(
        id=row.id,
        conversation=row.conversation,
        turn=row.turn,
        role=cast(Literal["user", "assistant"], row.role),
        run=row.run,
        text=row.text,
        state=cast(State, row.state),
        at=row.at,
        answer_json=row.answer,
        superseded_by=row.superseded_by,
    )


def turn_of(row: Row[Any]) -> StoredTurn:
    """An answer's row of `messages` with its question beside it."""
    return StoredTurn(
        run=row.run,
        question=row.question,
        answer=row.text,
        state=cast(State, row.state),
        exchange=tuple(json.loads(row.exchange or "[]")),
        evidence=tuple(json.loads(row.evidence or "[]")),
    )
