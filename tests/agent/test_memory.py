"""Turns come back from SQLite exactly as they went in."""

from __future__ import annotations

from pathlib import Path

from agent.assistant import Turn
from agent.context import Prompted
from agent.conversations import Conversations
from agent.memory import ConversationTurns
from agent.updates import Answer
from provenance.database import open_database, sqlite_url
from tests.agent.test_grounding import EVIDENCE


def _answer(run: str, conversation: str, text: str) -> Answer:
    return Answer(run=run, conversation=conversation, question="q", text=text, refused=False)


def test_a_turn_survives_the_database_byte_for_byte(tmp_path: Path) -> None:
    conversations = Conversations(open_database(sqlite_url(tmp_path / "w.db")))
    memory, conversation = ConversationTurns(conversations), conversations.create()
    conversations.append_user(conversation, "r-1", "Wie heißt der Wärter? 🦊\n")
    exchange = (
        Prompted(role="user", content="Wie heißt der Wärter? 🦊\n"),
        Prompted(role="assistant", content='{"a": 1}'),
    )
    turn = Turn(
        run="r-1", question="Wie heißt der Wärter? 🦊\n", answer="Oda. [1]", exchange=exchange, evidence=tuple(EVIDENCE)
    )
    memory.finish(conversation, turn, _answer("r-1", conversation, "Oda. [1]"), "done")
    assert memory.turns(conversation) == [turn]


def test_a_turn_that_is_written_again_is_left_out(tmp_path: Path) -> None:
    conversations = Conversations(open_database(sqlite_url(tmp_path / "w.db")))
    memory, conversation = ConversationTurns(conversations), conversations.create()
    for run in ("r-1", "r-2"):
        conversations.append_user(conversation, run, f"question {run}")
        memory.finish(
            conversation,
            Turn(run=run, question=f"question {run}", answer="a"),
            _answer(run, conversation, "a"),
            "done",
        )
    assert [turn.run for turn in memory.turns(conversation, before_run="r-2")] == ["r-1"]
