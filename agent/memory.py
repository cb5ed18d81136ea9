"""Conversation memory as the assistant wants it: turns out, finished turns in, over the stored conversations."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast

from agent.assistant import Turn
from agent.context import Prompted
from agent.conversations import Conversations, State, StoredTurn
from agent.evidence import Evidence
from agent.updates import Answer
from retrieval.passage import Passage, Place

__all__ = ["ConversationTurns"]


class ConversationTurns:
    """A `TurnStore` that keeps exchange and evidence byte for byte in SQLite."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    def turns(self, conversation: str, *, before_run: str | None = None) -> list[Turn]:
        """Earlier turns, oldest first; only those before `before_run` where that is named."""
        return [_turn(stored) for stored in self._conversations.history(conversation, before_run=before_run)]

    def finish(self, conversation: str, turn: Turn, answer: Answer, state: str) -> None:
        """Keep a turn that has ended, however it ended."""
        self._conversations.append_assistant(
            conversation,
            turn.run,
            answer.text,
            answer.model_dump_json(),
            cast(State, state),
            question=turn.question,
            exchange=[message.to_dict() for message in turn.exchange],
            evidence=[asdict(item) for item in turn.evidence],
        )


def _turn(stored: StoredTurn) -> Turn:
    return Turn(
        run=stored.run,
        question=stored.question,
        answer=stored.answer,
        exchange=tuple(Prompted(role=message["role"], content=message["content"]) for message in stored.exchange),
        evidence=tuple(_evidence(item) for item in stored.evidence),
    )


def _evidence(item: dict[str, Any]) -> Evidence:
    also = tuple(Place(**place) for place in item.get("also", ()))
    return Evidence(**{**item, "passage": Passage(**item["passage"]), "also": also})
