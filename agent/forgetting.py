"""Takes the texts of erased runs out of conversations; the conversation itself, and that something was said, stay.

What covers a whole conversation is `Conversations.delete`. What a model keeps in memory of an earlier prompt is gone
when it leaves memory; what it kept on disk, `backends.base.Forgets` drops.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, and_, or_, select, update

from agent.tables import conversations, messages
from agent.updates import Answer
from provenance.database import Database

__all__ = [
    "ERASED",
    "Mentions",
    "conversation_runs",
    "forget_folders",
    "forget_questions",
    "forget_read",
    "forget_runs",
    "forget_titles",
    "runs_that_mention",
    "turn_mates",
]

ERASED = "(erased)"
_MANY = 10_000


def turn_mates(database: Database, run: str) -> list[str]:
    """The runs that answered the same question as `run`, itself included: an answer may have been written again."""
    mine = select(messages.c.conversation, messages.c.turn).where(messages.c.run == run).limit(1).subquery()
    here = and_(messages.c.conversation == mine.c.conversation, messages.c.turn == mine.c.turn)
    query = select(messages.c.run).join(mine, here).order_by(messages.c.id)
    with database.read() as conn:
        return list(dict.fromkeys([run, *conn.execute(query).scalars()]))


def conversation_runs(database: Database, runs: Sequence[str]) -> list[str]:
    """Every run of the conversations that these runs belong to."""
    with database.read() as conn:
        theirs = set(conn.execute(select(messages.c.conversation).where(messages.c.run.in_(runs[:_MANY]))).scalars())
        query = select(messages.c.run).where(messages.c.conversation.in_(theirs)).order_by(messages.c.id)
        return list(dict.fromkeys(conn.execute(query).scalars()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Mentions:
    """Runs in which a text is mentioned: in the question, in the answer, or only in what the model read."""

    questions: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)


def runs_that_mention(database: Database, folded: Sequence[str]) -> Mentions:
    """Where one of these texts, casefolded, is mentioned."""
    found = Mentions()
    with database.read() as conn:
        for row in conn.execute(select(messages).order_by(messages.c.id)):
            said = " ".join(text for text in (row.text, row.answer) if text).casefold()
            read = " ".join(text for text in (row.exchange, row.evidence) if text).casefold()
            if any(name in said for name in folded):
                (found.questions if row.role == "user" else found.answers).append(row.run)
            if any(name in read for name in folded):
                found.read.append(row.run)
    return found


def forget_read(database: Database, runs: Sequence[str]) -> None:
    """Drop what the model read and was given in these runs; questions and answers stay."""
    with database.write() as conn:
        mine = and_(messages.c.run.in_(runs), messages.c.role == "assistant")
        conn.execute(update(messages).where(mine).values(exchange=None, evidence=None))


def forget_runs(database: Database, runs: Sequence[str]) -> int:
    """Overwrite the answers of these runs, with what was quoted and what the model read; how many."""
    count = 0
    with database.write() as conn:
        for row in conn.execute(select(messages).where(messages.c.run.in_(runs), messages.c.role == "assistant")).all():
            answer = Answer.model_validate_json(row.answer) if row.answer else None
            kept = None if answer is None else _emptied(answer).model_dump_json()
            gone = {"text": ERASED, "answer": kept, "exchange": None, "evidence": None}
            conn.execute(update(messages).where(messages.c.id == row.id).values(gone))
            count += 1
    return count


def forget_questions(database: Database, runs: Sequence[str]) -> int:
    """Overwrite the questions of the turns of these runs, and titles made from them; how many."""
    count = 0
    with database.write() as conn:
        turns = conn.execute(
            select(messages.c.conversation, messages.c.turn).where(messages.c.run.in_(runs)).distinct()
        ).all()
        for turn in turns:
            here = and_(messages.c.conversation == turn.conversation, messages.c.turn == turn.turn)
            count += conn.execute(update(messages).where(here, messages.c.role == "user").values(text=ERASED)).rowcount
            _unask(conn, turn.conversation, turn.turn)
            if turn.turn == 1:
                ours = and_(conversations.c.id == turn.conversation, conversations.c.named.is_(False))
                conn.execute(update(conversations).where(ours).values(title=ERASED))
    return count


def forget_titles(database: Database, folded: Sequence[str]) -> int:
    """Overwrite the titles that mention a text; how many."""
    with database.write() as conn:
        rows = conn.execute(select(conversations.c.id, conversations.c.title)).all()
        found = [row.id for row in rows if any(name in row.title.casefold() for name in folded)]
        if found:
            conn.execute(update(conversations).where(conversations.c.id.in_(found)).values(title=ERASED))
    return len(found)


def forget_folders(database: Database, folded: Sequence[str]) -> int:
    """Overwrite the folders that conversations look in and that mention a text; how many. They look nowhere then."""
    count = 0
    with database.write() as conn:
        for row in conn.execute(select(conversations).where(conversations.c.scope.is_not(None))).all():
            scope = json.loads(row.scope)
            if any(name in scope["folder"].casefold() for name in folded):
                kept = json.dumps(scope | {"folder": ERASED})
                conn.execute(update(conversations).where(conversations.c.id == row.id).values(scope=kept))
                count += 1
    return count


def _unask(conn: Connection, conversation: str, turn: int) -> None:
    """The answers of a turn repeat its question."""
    mine = and_(messages.c.conversation == conversation, messages.c.turn == turn, messages.c.role == "assistant")
    asked = or_(messages.c.answer.is_not(None), messages.c.exchange.is_not(None))
    for row in conn.execute(select(messages).where(mine, asked)).all():
        answer = Answer.model_validate_json(row.answer) if row.answer else None
        kept = None if answer is None else answer.model_copy(update={"question": ERASED}).model_dump_json()
        conn.execute(update(messages).where(messages.c.id == row.id).values(answer=kept, exchange=None))


def _emptied(answer: Answer) -> Answer:
    """Only what is named here stays: a field that is added to answers later is erased without being thought of."""
    return Answer(
        run=answer.run,
        conversation=answer.conversation,
        question=answer.question,
        text=ERASED,
        refused=answer.refused,
        timings=answer.timings,
        model=answer.model,
    )
