"""Questions and conversations: a run is started, watched, stopped, and never lost.

A question is in the database before `ask` returns. While it is answered the journal keeps what was shown. If the
engine is killed, the next one marks the run as interrupted and keeps what was written; the ledger says so too.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.question import check_question
from agent.updates import Answer, Citation, Done, Failed, Stopped, Update
from provenance.errors import AppError, BackendUnavailableError, NotFoundError
from provenance.feedback import feedback_of
from provenance.ledger import new_run_id
from ui.api import ConversationRow, Message, Scope
from ui.engine.board import Emit, is_final
from ui.engine.calls.base import Calls
from ui.engine.calls.scoping import documents_within, kept_scope, scope_again
from ui.engine.journal import written_text

if TYPE_CHECKING:
    from agent.conversations import StoredMessage

__all__ = ["AskingCalls"]

INTERRUPTED = "The engine ended while this answer was being written."
ASK_AGAIN = "What was written is kept; ask again for a whole answer."

_log = logging.getLogger("wherefrom.engine")


class AskingCalls(Calls):
    """`ask` to `delete_conversation` of `EngineApi`."""

    def ask(
        self,
        question: str,
        *,
        conversation: str | None = None,
        regenerate: str | None = None,
        scope: Scope | None = None,
    ) -> str:
        """Start a run. Raises before anything is written where the question or the backend cannot be."""
        if regenerate is None:
            check_question(question)
        self._backend_must_run()
        documents = self._within(conversation, regenerate, scope)
        conversations, run = self.parts.conversations, new_run_id()
        if regenerate is not None:
            conversation = self._stored(regenerate).conversation
            question = conversations.replace_last_assistant(conversation, regenerate, run)
        else:
            conversation = conversation or conversations.create()
            kept = None if scope is None else kept_scope(self.parts, scope)
            conversations.append_user(conversation, run, question, scope=kept)
        self.asked.set()
        self.warm()
        asked = conversation

        def work(stop: threading.Event, emit: Emit) -> None:
            self._answer(run, asked, question, regenerate, documents, stop, emit)

        self.parts.board.start(run, work)
        return run

    def watch(self, run: str, *, after: int = -1) -> Iterator[Update]:
        """From the board, or from the record where the board no longer holds the run."""
        if self.parts.board.knows(run):
            return self.parts.board.watch(run, after=after)
        return iter(self._recorded(run, after))

    def updates(self, run: str, *, after: int = -1) -> list[Update]:
        """The same without waiting."""
        if self.parts.board.knows(run):
            return self.parts.board.updates(run, after=after)
        return self._recorded(run, after)

    def stop(self, run: str) -> None:
        """Ask a run to end; one that has ended stays as it is."""
        if self.parts.board.knows(run):
            self.parts.board.stop(run)
        else:
            self._stored(run)

    def citation(self, run: str, n: int) -> Citation:
        """One numbered source of an answer."""
        answer = stored_answer(self._stored(run))
        for citation in answer.citations if answer is not None else ():
            if citation.n == n:
                return citation
        raise NotFoundError(f"The answer has no source [{n}].", hint="`wherefrom record` shows its sources.")

    def artifact(self, run: str, n: int) -> bytes:
        """A file that a tool made for an answer."""
        return self.parts.artifacts.read(run, n)

    def conversations(self) -> list[ConversationRow]:
        """The latest used first. Whoever looks at them is about to ask: the model is loaded meanwhile."""
        self.warm()
        return [
            ConversationRow(
                id=row.id,
                title=row.title,
                created_at=row.created_at,
                updated_at=row.updated_at,
                messages=row.messages,
            )
            for row in self.parts.conversations.list()
        ]

    def conversation(self, conversation: str) -> list[Message]:
        """Everything said in one."""
        rows = self.parts.conversations.messages(conversation)
        verdicts = feedback_of(self.parts.database, [row.run for row in rows])
        return [
            Message(
                id=row.id,
                role=row.role,
                text=row.text,
                run=row.run,
                at=row.at,
                answer=stored_answer(row),
                state=row.state,
                feedback=verdicts.get(row.run, "") if row.role == "assistant" else "",
            )
            for row in rows
        ]

    def conversation_scope(self, conversation: str) -> Scope:
        """Where its questions look."""
        return scope_again(self.parts, self.parts.conversations.scope(conversation))

    def new_conversation(self) -> str:
        """An empty one."""
        return self.parts.conversations.create()

    def rename_conversation(self, conversation: str, title: str) -> None:
        """Give it a name."""
        self.parts.conversations.rename(conversation, title)

    def delete_conversation(self, conversation: str) -> None:
        """Stop what is being written in it, delete it, and erase its texts from the ledger; the chain stays whole."""
        from provenance.erasure import erase_run

        for row in self.parts.conversations.messages(conversation):
            if row.state == "running" and self.parts.board.knows(row.run):
                self.parts.board.stop(row.run)
                for _ in self.parts.board.watch(row.run):
                    pass
        runs = self.parts.conversations.delete(conversation)
        self.parts.forget_prompts()
        self.parts.ledger.append(
            kind="conversation_deleted", run=new_run_id(), body={"conversation": conversation, "runs": runs}
        )
        for run in runs:
            self.parts.artifacts.forget(run)
            if self.parts.ledger.entries(run=run, limit=1):
                erase_run(self.parts.ledger, run, requested_by="the user", reason="The conversation was deleted.")

    def recover_runs(self) -> None:
        """Mark what a killed engine left unfinished, and keep what it had shown. Call before any run starts."""
        conversations, journal = self.parts.conversations, self.parts.journal
        shown = journal.unfinished()
        for run in sorted({*conversations.recover(), *shown}):
            message = conversations.find(run)
            text = written_text(shown.get(run, []))
            if message is not None and message.state == "interrupted":
                conversations.append_assistant(message.conversation, run, text, state="interrupted")
                self._record_interruption(run, text)
                _log.warning("run %s was interrupted", run)
            journal.forget(run)

    def warm(self) -> None:
        """Bring model, embedder and the beginning of every prompt into memory in the background, once."""
        if getattr(self, "_warming", None) is None:
            self._warming = threading.Thread(target=self._warm, name="warm", daemon=True)
            self._warming.start()

    def _warm(self) -> None:
        try:
            model = threading.Thread(target=_quietly, args=(getattr(self.parts.backend, "warm", None),), daemon=True)
            model.start()
            _quietly(getattr(self.parts.embedder, "load", None))
            assistant = self.parts.assistant
            _quietly(assistant.load)
            model.join()
            # A question that is there already reads the same beginning itself; a server elsewhere is not ours to warm.
            if callable(getattr(self.parts.backend, "warm", None)) and not self.asked.is_set():
                _quietly(lambda: assistant.prime(self.asked))
        except AppError:
            _log.info("nothing to warm up: the model or the embedder is not there")

    def _backend_must_run(self) -> None:
        problem = self.parts.backend.available()
        if problem:
            raise BackendUnavailableError(problem, hint="`wherefrom doctor` shows what is missing.")

    def _answer(
        self,
        run: str,
        conversation: str,
        question: str,
        again: str | None,
        documents: list[int] | None,
        stop: threading.Event,
        emit: Emit,
    ) -> None:
        """Run the assistant; an end that it did not record itself is recorded here."""
        ended = False

        def pass_on(update: Update) -> None:
            nonlocal ended
            ended = ended or is_final(update)
            emit(update)

        try:
            self.parts.policy_shelf.refresh()  # a policy that a person edited counts from the next question on
            self.parts.assistant.run(
                question,
                run=run,
                conversation=conversation,
                stop=stop,
                emit=pass_on,
                regenerate=again,
                documents=documents,
            )
        except Exception as exc:
            # The border of a run, together with the board's: a conversation must not say "running" for ever.
            if not ended:
                self.parts.ledger.append(kind="error", run=run, body={"error": type(exc).__name__})
                self.parts.conversations.append_assistant(conversation, run, "", state="failed")
            raise

    def _within(self, conversation: str | None, regenerate: str | None, scope: Scope | None) -> list[int] | None:
        """Ids of the documents that may be looked at; an answer that is written again keeps to what it had."""
        if regenerate is not None:
            before = self.parts.ledger.entries(run=regenerate, kind="request", limit=1)
            return before[0].body.get("documents") if before else None
        if scope is None and conversation is not None:
            scope = self.conversation_scope(conversation)
        return documents_within(self.parts, scope)

    def _stored(self, run: str) -> StoredMessage:
        message = self.parts.conversations.find(run)
        if message is None:
            hint = "Its conversation may have been deleted; `wherefrom audit list` shows the runs."
            raise NotFoundError(f"There is no answer of run {run!r}.", hint=hint)
        return message

    def _recorded(self, run: str, after: int) -> list[Update]:
        """The end of a run that nobody works on, as one update that comes after whatever was seen."""
        message = self._stored(run)
        answer, n = stored_answer(message), after + 1
        if message.state == "done" and answer is not None:
            return [Done(n=n, answer=answer)]
        if message.state == "stopped" and answer is not None:
            return [Stopped(n=n, answer=answer)]
        if message.state == "failed":
            return [Failed(n=n, message="This answer failed.", hint="Ask again; the record says what went wrong.")]
        return [Failed(n=n, message=INTERRUPTED, hint=ASK_AGAIN)]

    def _record_interruption(self, run: str, text: str) -> None:
        kinds = {entry.kind for entry in self.parts.ledger.entries(run=run)}
        if kinds and "interrupted" not in kinds:
            body = {"characters": len(text)}
            self.parts.ledger.append(kind="interrupted", run=run, body=body, contents={"answer": text})


def stored_answer(message: StoredMessage) -> Answer | None:
    """The answer as it was recorded; None for a question, and for what has none."""
    return Answer.model_validate_json(message.answer_json) if message.answer_json else None


def _quietly(call: object) -> None:
    """Try it; what is missing is said when it is really needed."""
    if callable(call):
        try:
            call()
        except AppError as exc:
            _log.info("not warmed up: %s", type(exc).__name__)
