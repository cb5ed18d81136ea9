"""Erasure, in every room at once: ledger, conversations, library, manifests, fingerprints, what runs have shown.

Afterwards no readable copy is left in the data folder: SQLite overwrites what it frees, the full-text index is
written anew, the write-ahead log is emptied. What this cannot reach: files that were exported, backups, and what a
disk keeps of overwritten blocks.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from sqlalchemy import select, update

from provenance.errors import NotFoundError, UsageError
from ui.engine.calls.base import Calls
from ui.proof_api import Erased, Mention

if TYPE_CHECKING:
    from provenance.erasure import ErasurePlan
    from retrieval.document import DocumentInfo

__all__ = ["ErasingCalls"]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scope:
    """What is meant, in all rooms."""

    scope: Literal["run", "document", "person"]
    of: str
    plan: ErasurePlan
    answers: list[str]  # runs whose answers go from conversations
    questions: list[str] = field(default_factory=list)  # runs whose questions go
    read: list[str] = field(default_factory=list)  # runs of which only what the model read goes
    documents: list[DocumentInfo] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)  # texts that no title of a conversation may hold


class ErasingCalls(Calls):
    """`erase` of `ProofApi`."""

    def erase(
        self,
        *,
        run: str = "",
        document: str = "",
        names: Sequence[str] = (),
        requested_by: str = "",
        reason: str = "",
        dry_run: bool = False,
    ) -> Erased:
        """See `ProofApi.erase`. Raises before anything is erased."""
        if sum(map(bool, (run, document, names))) != 1:
            raise UsageError("Name one run, one document, or a person.", hint="`wherefrom audit erase --help`.")
        if not dry_run and not (requested_by.strip() and reason.strip()):
            raise UsageError("An erasure says by whose request and why.", hint="Name the person and give a reason.")
        scope = self._of_run(run) if run else self._of_document(document) if document else self._of_person(names)
        told = Erased(
            dry_run=dry_run,
            scope=scope.scope,
            of=scope.of,
            contents=len(scope.plan.targets),
            runs=scope.plan.runs,
            answers=len(scope.answers),
            questions=len(scope.questions),
            documents=[info.name for info in scope.documents],
            mentions=scope.mentions,
        )
        return told if dry_run else self._carry_out(scope, told, requested_by, reason)

    def _of_run(self, run: str) -> _Scope:
        from agent.forgetting import conversation_runs, turn_mates
        from provenance.erasure import plan_runs, widened

        database, ledger = self.parts.database, self.parts.ledger
        runs = turn_mates(database, run)
        plan = plan_runs(ledger, runs)
        fellows = conversation_runs(database, runs)
        plan = widened(ledger, plan, fellows=fellows, names=("question", "query", "answer", "output"))
        return _Scope(scope="run", of=run, plan=plan, answers=runs, questions=runs)

    def _of_document(self, named: str) -> _Scope:
        from agent.forgetting import conversation_runs, runs_that_mention
        from provenance.erasure import plan_document, widened

        database, ledger = self.parts.database, self.parts.ledger
        infos = self._documents(named)
        digest = infos[0].digest if infos else named.lower()
        plan = plan_document(ledger, digest, names=[info.name for info in infos])
        found = runs_that_mention(database, [digest])
        answers = list(dict.fromkeys([*found.answers, *found.read, *plan.runs]))
        fellows = conversation_runs(database, answers)
        plan = widened(ledger, plan, fellows=fellows, names=("passage", "answer", "output"))
        if not infos and not plan.targets:
            raise NotFoundError(f"There is no document {named!r}.", hint="`wherefrom documents` lists them.")
        return _Scope(scope="document", of=digest, plan=plan, answers=answers, documents=infos)

    def _of_person(self, names: Sequence[str]) -> _Scope:
        from agent.forgetting import runs_that_mention
        from provenance.erasure import folded_names, plan_person

        folded = folded_names(names)
        found = runs_that_mention(self.parts.database, folded)
        return _Scope(
            scope="person",
            of="",
            plan=plan_person(self.parts.ledger, names),
            answers=found.answers,
            questions=found.questions,
            read=found.read,
            mentions=self._mentions(folded),
            titles=folded,
        )

    def _carry_out(self, scope: _Scope, told: Erased, requested_by: str, reason: str) -> Erased:
        from agent.forgetting import forget_folders, forget_questions, forget_read, forget_runs, forget_titles
        from provenance.erasure import carry_out, plan_document
        from ui.origins import manifest_store

        parts = self.parts
        runs = list(dict.fromkeys([*scope.answers, *scope.questions, *scope.plan.runs]))
        for run in runs:
            self._end(run)
        # The library first: once a document is out of it, no new answer can quote what is being erased.
        plan = scope.plan
        for info in scope.documents:
            self._drop_document(info)
            removal = plan_document(parts.ledger, info.digest).targets  # the event of its removal holds its name
            plan = replace(plan, targets=list(dict.fromkeys([*plan.targets, *removal])))
        done = carry_out(parts.ledger, plan, requested_by=requested_by, reason=reason)
        forget_read(parts.database, scope.read)
        answers = forget_runs(parts.database, scope.answers)
        questions = forget_questions(parts.database, scope.questions)
        if scope.titles:
            forget_titles(parts.database, scope.titles)
            forget_folders(parts.database, scope.titles)
            parts.library.collections.forget_names(scope.titles)
        store = manifest_store(parts.settings)
        manifests = sum(store.forget(run) for run in scope.plan.runs if run.startswith("r-"))
        self._forget_fingerprints(scope.plan.runs)
        for run in runs:
            parts.board.forget(run)
            parts.easel.forget(run)
            parts.desk.forget(run)
            parts.journal.forget(run)
        for run in scope.plan.runs:
            self._drop_pictures(run)
            parts.artifacts.forget(run)
        parts.forget_prompts()
        parts.database.flush_log()
        update = {
            "run": done.run,
            "contents": done.contents,
            "answers": answers,
            "questions": questions,
            "manifests": manifests,
        }
        return told.model_copy(update=update)

    def _end(self, run: str) -> None:
        board = self.parts.board
        if board.knows(run) and run in board.running():
            board.stop(run)
            for _ in board.watch(run):
                pass

    def _drop_pictures(self, run: str) -> None:
        """What a run drew shows what was asked for."""
        folder = self.parts.settings.home / "pictures" / run
        if folder.is_dir() and folder.parent == self.parts.settings.home / "pictures":
            shutil.rmtree(folder, ignore_errors=True)

    def _drop_document(self, info: DocumentInfo) -> None:
        """Rows, original, words of the full-text index, vectors, and its name in the list of jobs."""
        from retrieval.tables import job_files

        library, database = self.parts.library, self.parts.database
        library.delete(info.id)
        library.purge(info.id)
        with database.write() as conn:
            library.store.lexical.forget_removed(conn)
            mine = job_files.c.document == info.id
            conn.execute(update(job_files).where(mine).values(name="(erased)", path=None, warnings="[]"))
        library.dense.save()

    def _forget_fingerprints(self, runs: Sequence[str]) -> None:
        from provenance.answers import follow_ledger
        from provenance.fingerprint import FingerprintIndex

        index = FingerprintIndex(self.parts.database)
        for run in runs:
            index.forget(run)
        follow_ledger(self.parts.database, index)  # what was not erased of these runs is matched as before

    def _documents(self, named: str) -> list[DocumentInfo]:
        """By number, digest or name; several may share a name only if they are all meant, so that is refused."""
        every = self.parts.library.documents()
        found = [info for info in every if named in (str(info.id), info.name) or named.lower() == info.digest]
        if len(found) > 1:
            numbers = ", ".join(str(info.id) for info in found)
            raise UsageError(
                f"{len(found)} documents are called {named!r}.", hint=f"Name one by its number: {numbers}."
            )
        return found

    def _mentions(self, folded: Sequence[str]) -> list[Mention]:
        from retrieval.tables import documents, passages

        found: Counter[tuple[int, str]] = Counter()
        query = select(passages.c.text, documents.c.id, documents.c.name).join(documents)
        with self.parts.database.read() as conn:
            for row in conn.execute(query.where(documents.c.state == "ready")):
                text = row.text.casefold()
                found[row.id, row.name] += any(name in text for name in folded)
        return [Mention(document_id=id_, name=name, passages=n) for (id_, name), n in found.items() if n]
