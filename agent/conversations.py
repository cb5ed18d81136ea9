"""Conversation memory: what was asked and answered, and what the model had in front of it.

    store = Conversations(database)
    conversation = store.create()
    store.append_user(conversation, run, "What is the rent?")            # the answer to come is "running"
    store.append_assistant(conversation, run, "950 euros [1].", answer_json=..., exchange=[...], evidence=[...])
    store.history(conversation)                                          # turns for the next question

The exchange and the evidence come back exactly as they went in: a follow-up then repeats the earlier prompt byte for
byte, and the model need not read it again. Deleting takes all text out of the file; what the ledger holds of these
runs is the caller's to erase (`delete` returns the runs).
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, select, update

from agent.tables import conversations, messages
from agent.turns import (
    MAX_NAME,
    UNTITLED,
    Conversation,
    State,
    StoredMessage,
    StoredTurn,
    message_of,
    one_line,
    title_from,
    turn_of,
)
from provenance.database import Database
from provenance.errors import NotFoundError, UsageError
from provenance.ledger import new_run_id

__all__ = ["Conversation", "Conversations", "State", "StoredMessage", "StoredTurn", "title_from"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Conversations:
    """Reads and writes conversations. Safe for threads; several processes may share one database."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = _utc_now) -> None:
        self._database = database
        self._clock = clock

    # -- the list --------------------------------------------------------------------------------------------------
    def create(self) -> str:
        """Begin an empty conversation; its id."""
        conversation, now = "c-" + new_run_id().removeprefix("r-"), self._now()
        row = {"id": conversation, "title": UNTITLED, "named": False, "created_at": now, "updated_at": now}
        with self._database.write() as conn:
            conn.execute(insert(conversations).values(row))
        return conversation

    def list(self) -> builtins.list[Conversation]:
        """All, the latest used first."""
        shown = and_(messages.c.conversation == conversations.c.id, messages.c.superseded_by.is_(None))
        count = select(func.count()).select_from(messages).where(shown).scalar_subquery().label("messages")
        query = select(conversations, count).order_by(conversations.c.updated_at.desc(), conversations.c.id.desc())
        with self._database.read() as conn:
            return [
                Conversation(
                    id=row.id,
                    title=row.title,
                    created_at=row.created_at,
                    updated_at=row.updated_at,
                    messages=row.messages,
                )
                for row in conn.execute(query)
            ]

    def rename(self, conversation: str, title: str) -> None:
        """Give a conversation a name of the person's choice.

        Raises:
            NotFoundError: If it does not exist.
            UsageError: If nothing readable is left of the name.
        """
        name = one_line(title)[:MAX_NAME].strip()
        if not name:
            raise UsageError("The name of a conversation cannot be empty.", hint="Type a few words.")
        with self._database.write() as conn:
            _must_exist(conn, conversation)
            conn.execute(update(conversations).where(conversations.c.id == conversation).values(title=name, named=True))

    def delete(self, conversation: str, *, connection: Connection | None = None) -> builtins.list[str]:
        """Remove a conversation and all its text; the runs it had, oldest first, superseded ones too.

        Args:
            conversation: Which.
            connection: A transaction begun with `Database.write`, to do it together with something else.
        Raises:
            NotFoundError: If it does not exist.
        """
        if connection is not None:
            return _delete(connection, conversation)
        with self._database.write() as conn:
            runs = _delete(conn, conversation)
        self._forget_log()
        return runs

    def scope(self, conversation: str) -> str:
        """Where its last question looked, as `append_user` was given it; "" for everywhere.

        Raises:
            NotFoundError: If the conversation does not exist.
        """
        with self._database.read() as conn:
            _must_exist(conn, conversation)
            kept = conn.execute(select(conversations.c.scope).where(conversations.c.id == conversation)).scalar_one()
        return str(kept or "")

    # -- messages --------------------------------------------------------------------------------------------------
    def messages(self, conversation: str, *, variants: bool = False) -> builtins.list[StoredMessage]:
        """What was said, in order; with `variants` also the answers that were written again.

        Raises:
            NotFoundError: If the conversation does not exist.
        """
        query = select(messages).where(messages.c.conversation == conversation)
        if not variants:
            query = query.where(messages.c.superseded_by.is_(None))
        with self._database.read() as conn:
            _must_exist(conn, conversation)
            return [message_of(row) for row in conn.execute(query.order_by(messages.c.turn, messages.c.id))]

    def find(self, run: str) -> StoredMessage | None:
        """The answer of a run, whichever conversation it is in; None where it was deleted or never was."""
        with self._database.read() as conn:
            row = conn.execute(select(messages).where(_answer_of(run))).one_or_none()
        return None if row is None else message_of(row)

    def append_user(self, conversation: str, run: str, text: str, *, scope: str | None = None) -> StoredMessage:
        """A question. Its answer stands beside it as "running" from now on; the first one gives the title.

        Args:
            conversation: Where it is asked.
            run: Of its answer.
            text: As the person wrote it.
            scope: JSON of where to look from now on, "" for everywhere; None leaves that as it was.
        Raises:
            NotFoundError: If the conversation does not exist.
        """
        with self._database.write() as conn:
            _must_exist(conn, conversation)
            if scope is not None:
                mine = conversations.c.id == conversation
                conn.execute(update(conversations).where(mine).values(scope=scope or None))
            last = conn.execute(
                select(func.max(messages.c.turn)).where(messages.c.conversation == conversation)
            ).scalar()
            turn = (last or 0) + 1
            row = self._insert(conn, conversation, turn, "user", run, text=text, state="done")
            self._insert(conn, conversation, turn, "assistant", run, text="", state="running")
            if turn == 1:
                _retitle(conn, conversation, text)
            self._touch(conn, conversation)
        return message_of(row)

    def append_assistant(
        self,
        conversation: str,
        run: str,
        text: str,
        answer_json: str | None = None,
        state: State = "done",
        *,
        question: str | None = None,
        exchange: Sequence[Mapping[str, Any]] = (),
        evidence: Sequence[Mapping[str, Any]] = (),
    ) -> bool:
        """The answer of a run, in place of the running one (or of an earlier state of it).

        Args:
            conversation: Where the question was asked.
            run: The run that `append_user` or `replace_last_assistant` was called with.
            text: As the person sees it.
            answer_json: The whole answer as it was recorded.
            state: What became of the run.
            question: The question as it may be kept, where a guard redacted it.
            exchange: The messages as the model read and wrote them; plain JSON.
            evidence: The numbered passages that this turn brought; plain JSON.
        Returns:
            False if the conversation is gone: it was deleted meanwhile, and nothing of the answer is kept.
        """
        values = {
            "text": text,
            "answer": answer_json,
            "state": state,
            "at": self._now(),
            "exchange": _json(exchange),
            "evidence": _json(evidence),
        }
        with self._database.write() as conn:
            kept = conn.execute(
                select(messages).where(_answer_of(run), messages.c.conversation == conversation)
            ).first()
            if kept is None:
                return False
            conn.execute(update(messages).where(messages.c.id == kept.id).values(values))
            if question is not None:
                _reword(conn, kept, question)
            self._touch(conn, conversation)
        return True

    def replace_last_assistant(self, conversation: str, old_run: str, run: str) -> str:
        """Begin to write the last answer again: `run` takes its place as "running", the old one is kept, superseded.

        Returns:
            The question of that turn.
        Raises:
            NotFoundError: If the conversation has no answer of `old_run`.
            UsageError: If that is not the last answer, or is still being written.
        """
        last = select(func.max(messages.c.turn)).where(messages.c.conversation == conversation).scalar_subquery()
        with self._database.write() as conn:
            old = conn.execute(
                select(messages, last.label("last")).where(_answer_of(old_run), messages.c.conversation == conversation)
            ).first()
            if old is None:
                raise NotFoundError(f"This conversation has no answer of the run {old_run}.")
            if old.turn != old.last or old.superseded_by is not None:
                raise UsageError("Only the last answer can be written again.", hint="Ask the question once more.")
            if old.state == "running":
                raise UsageError("This answer is still being written.", hint="Wait for it, or stop it first.")
            conn.execute(update(messages).where(messages.c.id == old.id).values(superseded_by=run))
            self._insert(conn, conversation, old.turn, "assistant", run, text="", state="running")
            self._touch(conn, conversation)
            question = conn.execute(
                select(messages.c.text).where(
                    messages.c.conversation == conversation, messages.c.turn == old.turn, messages.c.role == "user"
                )
            ).scalar_one()
        return str(question)

    # -- memory ----------------------------------------------------------------------------------------------------
    def history(self, conversation: str, *, before_run: str | None = None) -> builtins.list[StoredTurn]:
        """The finished turns, oldest first; those before the turn of `before_run`, if it is named.

        A turn that is running is left out. One that was stopped or failed is there with its state: its passage numbers
        were shown to the person and must not be given to others.

        Raises:
            NotFoundError: If the conversation does not exist.
        """
        asked = messages.alias("asked")
        query = (
            select(messages, asked.c.text.label("question"))
            .join(asked, and_(asked.c.conversation == messages.c.conversation, asked.c.turn == messages.c.turn))
            .where(messages.c.conversation == conversation, messages.c.role == "assistant", asked.c.role == "user")
            .where(messages.c.superseded_by.is_(None), messages.c.state != "running")
            .order_by(messages.c.turn)
        )
        if before_run is not None:
            turn = select(messages.c.turn).where(_answer_of(before_run), messages.c.conversation == conversation)
            query = query.where(messages.c.turn < turn.scalar_subquery())
        with self._database.read() as conn:
            _must_exist(conn, conversation)
            return [turn_of(row) for row in conn.execute(query)]

    def recover(self) -> builtins.list[str]:
        """Mark what a dead process left "running" as "interrupted"; the runs. Call it once, before any run starts."""
        running = messages.c.state == "running"
        with self._database.write() as conn:
            runs = conn.execute(select(messages.c.run).where(running).order_by(messages.c.id)).scalars().all()
            conn.execute(update(messages).where(running).values(state="interrupted"))
        return list(runs)

    # -- helpers ---------------------------------------------------------------------------------------------------
    def _insert(
        self, conn: Connection, conversation: str, turn: int, role: str, run: str, *, text: str, state: State
    ) -> Row[Any]:
        row = {
            "conversation": conversation,
            "turn": turn,
            "role": role,
            "run": run,
            "text": text,
            "state": state,
            "at": self._now(),
        }
        return conn.execute(insert(messages).values(row).returning(messages)).one()

    def _touch(self, conn: Connection, conversation: str) -> None:
        conn.execute(update(conversations).where(conversations.c.id == conversation).values(updated_at=self._now()))

    def _now(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def _forget_log(self) -> None:
        """Empty the write-ahead log, where deleted text would stand a while; if readers hold it, the next time."""
        if self._database.engine.dialect.name == "sqlite":
            with self._database.engine.connect() as conn:
                raw = conn.connection.driver_connection
                assert raw is not None
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _answer_of(run: str) -> ColumnElement[bool]:
    return and_(messages.c.run == run, messages.c.role == "assistant")


def _must_exist(conn: Connection, conversation: str) -> None:
    if conn.execute(select(conversations.c.id).where(conversations.c.id == conversation)).first() is None:
        raise NotFoundError("This conversation does not exist.", hint="It may have been deleted in another window.")


def _retitle(conn: Connection, conversation: str, question: str) -> None:
    ours = and_(conversations.c.id == conversation, conversations.c.named.is_(False))
    conn.execute(update(conversations).where(ours).values(title=title_from(question)))


def _reword(conn: Connection, answer: Row[Any], question: str) -> None:
    _overwrite(conn)
    asked = and_(
        messages.c.conversation == answer.conversation, messages.c.turn == answer.turn, messages.c.role == "user"
    )
    conn.execute(update(messages).where(asked).values(text=question))
    if answer.turn == 1:
        _retitle(conn, answer.conversation, question)


def _delete(conn: Connection, conversation: str) -> builtins.list[str]:
    _must_exist(conn, conversation)
    _overwrite(conn)
    theirs = messages.c.conversation == conversation
    query = select(messages.c.run).where(theirs, messages.c.role == "assistant").order_by(messages.c.id)
    runs = list(conn.execute(query).scalars())
    conn.execute(delete(messages).where(theirs))
    conn.execute(delete(conversations).where(conversations.c.id == conversation))
    return runs


def _overwrite(conn: Connection) -> None:
    """From now on SQLite overwrites what this connection deletes, instead of leaving it in free pages."""
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql("PRAGMA secure_delete=ON")


def _json(values: Sequence[Mapping[str, Any]]) -> str | None:
    return json.dumps([dict(value) for value in values], ensure_ascii=False) if values else None
