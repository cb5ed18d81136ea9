"""An engine that lives in memory: a small canned library, tokens with delays, a refusal, a file that fails.

It answers every call of `ui.api.EngineApi` without weights, files or processes, for tests and for building a page.
What a question does is decided by words in it:

    "turbine", "fund", "Halden"   answered from the canned documents, with citations
    "fail"                        ends in Failed
    "key" or "password"           answered, with a guard notice that redacts
    "chart"                       answered with a picture, a table and code beside the text
    "ignore all"                  waits for a person's word first
    "long"                        a long answer, good for pressing stop
    anything else                 refused: the documents do not say
Files whose name holds "broken" or "secret", and empty ones, fail to ingest.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from agent.updates import Answer, Artifact, Citation, Done, GuardNotice, Step, Stopped, Timings, Token, Update
from provenance.errors import GenerationError, NotFoundError, StorageError, UsageError
from tests.fake_code import FakeCode
from tests.fake_drawing import FakeDrawing
from tests.fake_guards import FakeGuards
from tests.fake_judging import FakeJudging
from tests.fake_library import LIBRARY, FakeLibrary, now
from tests.fake_proof import FakeProof
from tests.fake_tools import FakeTools
from ui.api import (
    BackendRow,
    Check,
    ConversationRow,
    DocumentRow,
    Drawing,
    EngineState,
    EventRow,
    IngestJob,
    Message,
    ModelRow,
    Record,
    RunRow,
    Scope,
    SearchHit,
    Verification,
)
from ui.collection_api import CollectionRow
from ui.engine.board import Emit, RunBoard
from ui.judging_api import Evaluation
from ui.settings import Settings

__all__ = ["LIBRARY", "FakeEngine", "serve_fake"]

LONGEST_QUESTION = 20_000
MODEL = "qwen2.5-coder-1.5b-instruct-q4_k_m"


class FakeEngine(FakeProof, FakeCode, FakeJudging, FakeGuards, FakeTools, FakeDrawing, FakeLibrary):
    """`token_s` is the pause between two tokens, `long` how often a long answer says the same thing."""

    def __init__(self, *, token_s: float = 0.03, file_s: float = 0.15, library: bool = True, long: int = 40) -> None:
        self.token_s, self.file_s, self.long = token_s, file_s, long
        self.corrupt_at: int | None = None  # the row that `verify` finds bad
        self.board = RunBoard()
        self._lock = threading.RLock()
        self._ids = itertools.count(1)
        self._documents: dict[int, DocumentRow] = {}
        self._pages: dict[int, list[str]] = {}
        self._conversations: dict[str, ConversationRow] = {}
        self._messages: dict[str, list[Message]] = {}
        self._answers: dict[str, Answer] = {}
        self._runs: dict[str, RunRow] = {}
        self._events: list[EventRow] = []
        self._jobs: dict[str, IngestJob] = {}
        self.verdicts: dict[str, tuple[str, str]] = {}
        self.kept: list[Evaluation] = []
        self.permits: set[str] = set()
        self.kept_collections: dict[str, CollectionRow] = {}
        self.scopes: list[Scope | None] = []  # of every question and search, for tests
        self._looks: dict[str, Scope] = {}  # where the last question of a conversation looked
        self._watched: set[str] = set()
        self._drawings: dict[str, Drawing] = {}
        self._stopped_jobs: set[str] = set()
        self._started = now()
        for name, pages in LIBRARY.items() if library else ():
            self._add(name, pages, path=f"/home/marit/Documents/{name}")

    # -- about itself -------------------------------------------------------------------------------------------
    def state(self) -> EngineState:
        return EngineState(
            version="0.1.0",
            pid=os.getpid(),
            started_at=self._started,
            home="/home/marit/.local/share/wherefrom",
            memory_bytes=412_000_000,
            model=MODEL,
            model_loaded=True,
            model_pid=os.getpid(),
            model_memory_bytes=1_420_000_000,
            threads=2,
            documents=len(self._documents),
            passages=sum(row.passages for row in self._documents.values()),
            jobs_running=sum(job.state in ("waiting", "running") for job in self._jobs.values()),
            runs_running=len(self.board.running()),
            settings={"top_k": 6, "context_tokens": 4096, "ocr": True, "offline": False},
        )

    def doctor(self, *, full: bool = False) -> list[Check]:
        return [
            Check(name="python", ok=True, detail="3.11.7"),
            Check(name="data folder", ok=True, detail="private, 41 GB free"),
            Check(name="ledger", ok=self.corrupt_at is None, detail=f"{len(self._events)} events"),
            Check(name="weights", ok=not full, detail="one file is missing" if full else "present", hint="Fetch it."),
        ]

    def backends(self) -> list[BackendRow]:
        options = {"type": "object", "properties": {"threads": {"type": "integer", "minimum": 1, "default": 2}}}
        return [
            BackendRow(name="fake", kind="chat", distribution="wherefrom 0.1.0"),
            BackendRow(name="llamacpp", kind="chat", distribution="wherefrom 0.1.0", options=options),
            BackendRow(name="openai", kind="chat", distribution="wherefrom 0.1.0", problem="No server URL is set."),
            BackendRow(
                name="diffusion",
                kind="image",
                distribution="wherefrom 0.1.0",
                options={
                    "type": "object",
                    "properties": {
                        "steps": {"type": "integer", "minimum": 1, "maximum": 200, "default": 16},
                        "guidance": {"type": "number", "minimum": 0.0, "maximum": 12.0, "default": 2.5},
                    },
                },
                styles=["fluent flat", "noto"],
            ),
            BackendRow(name="vae", kind="image", distribution="wherefrom 0.1.0", problem="There are no weights."),
        ]

    def models(self) -> list[ModelRow]:
        rows = [
            ("qwen2.5-coder-1.5b-instruct-q4_k_m", 1_117_320_768, True),
            ("smollm2-135m-instruct-q4_1", 98_362_432, False),
        ]
        return [
            ModelRow(
                name=name,
                kind="chat",
                file=f"{name}.gguf",
                size_bytes=size,
                licence="Apache-2.0",
                present=default,
                verified=default,
                default=default,
                backend="llamacpp",
                description="Answers questions." if default else "For quick tests.",
            )
            for name, size, default in rows
        ]

    def card_names(self) -> list[str]:
        return ["system", *(row.name for row in self.models())]

    def card(self, name: str) -> str:
        if name not in self.card_names():
            raise NotFoundError(f"The catalogue has no model called “{name}”.")
        return f"# Card of {name}\n\n**Known limits.** It is small.\n"

    # -- asking -------------------------------------------------------------------------------------------------
    def ask(
        self,
        question: str,
        *,
        conversation: str | None = None,
        regenerate: str | None = None,
        scope: Scope | None = None,
    ) -> str:
        self.scopes.append(scope)
        if regenerate is not None:
            old = self._answers.get(regenerate)
            if old is None:
                raise NotFoundError(f"There is no run {regenerate!r}.")
            question, conversation = old.question, old.conversation
        if not question.strip():
            raise UsageError("The question is empty.", hint="Type what you want to know.")
        if len(question) > LONGEST_QUESTION:
            raise UsageError("The question is too long.", hint=f"Ask in at most {LONGEST_QUESTION:,} characters.")
        with self._lock:
            conversation = conversation or self.new_conversation()
            if conversation not in self._conversations:
                raise NotFoundError(f"There is no conversation {conversation!r}.")
            self.collections(names=(scope or self.conversation_scope(conversation)).collections)
            self._looks |= {} if scope is None else {conversation: scope}
            run = f"r-fake{next(self._ids):06d}"
            messages = self._messages[conversation]
            if regenerate is not None:
                messages[:] = [m for m in messages if m.run != regenerate]
            messages.append(Message(id=next(self._ids), role="user", text=question, run=run, at=now()))
            row = self._conversations[conversation]
            title = row.title if row.messages else question[:60]
            update = {"title": title, "messages": row.messages + 2, "updated_at": now()}
            self._conversations[conversation] = row.model_copy(update=update)
            model = "qwen2.5-coder-1.5b-instruct-q4_k_m"
            self._runs[run] = RunRow(
                run=run, kind="ask", at=now(), title=question[:80], model=model, events=0, state="running"
            )
            self._record(run, "request", {"characters": len(question)}, {"question": question})

        def work(stop: threading.Event, emit: Emit) -> None:
            for update in self._answer(run, conversation, question, stop):
                emit(update)

        self.board.start(run, work)
        return run

    def watch(self, run: str, *, after: int = -1) -> Iterator[Update]:
        return self.board.watch(run, after=after)

    def updates(self, run: str, *, after: int = -1) -> list[Update]:
        if run in self._coded():
            return []
        return self.board.updates(run, after=after)

    def stop(self, run: str) -> None:
        if run in self._coded():
            self.stop_code(run)
        else:
            self.board.stop(run)

    def citation(self, run: str, n: int) -> Citation:
        answer = self._answers.get(run)
        for citation in answer.citations if answer else []:
            if citation.n == n:
                return citation
        raise NotFoundError(f"Run {run!r} has no citation {n}.")

    def artifact(self, run: str, n: int) -> bytes:
        if run in self._coded():
            return self.code(run).files[n - 1].text.encode()
        answer = self._answers.get(run)
        for artifact in answer.artifacts if answer else []:
            if artifact.n == n:
                return self._square(n) if artifact.kind == "image" else artifact.text.encode()
        raise NotFoundError(f"Run {run!r} has no file {n}.")

    def _answer(self, run: str, conversation: str, question: str, stop: threading.Event) -> Iterator[Update]:
        began = time.monotonic()
        yield Step(id="plan", name="plan", status="started")
        stop.wait(self.token_s * 2)
        yield Step(id="plan", name="plan", status="done", detail="search the documents", seconds=0.02)
        self._record(run, "plan", {"tool": "search_documents"}, {"query": question})
        yield Step(id="search", name="search_documents", status="started", detail=question[:60])
        hits = self.search(question, top_k=6)
        yield Step(id="search", name="search_documents", status="done", detail=f"{len(hits)} passages", seconds=0.01)
        self._record(run, "retrieval", {"passages": [{"id": h.passage_id, "score": h.score} for h in hits]}, {})
        if "fail" in question.lower():
            self._finish(run, None, "failed")
            raise GenerationError("The model stopped in the middle of the answer.", hint="Ask again.")
        if any(word in question.lower() for word in ("key", "password")):
            yield GuardNotice(ring="input", id="secret", action="redact", detail="A secret was hidden from the model.")
        if "ignore all" in question.lower():
            yield from self.ask_person(run, question, stop)
        text, citations = _canned(question, hits)
        if "long" in question.lower():
            text = " ".join([text or "This goes on and on."] * self.long)
        written, first = "", None
        yield Step(id="write", name="write", status="started")
        for word in (text or "").split(" "):
            if stop.wait(self.token_s):
                break
            piece = word if not written else f" {word}"
            first = first or time.monotonic() - began
            written += piece
            yield Token(text=piece)
        seconds = time.monotonic() - began
        yield Step(id="write", name="write", status="done", seconds=seconds)
        refused = text is None
        answer = Answer(
            run=run,
            conversation=conversation,
            question=question,
            text="The documents do not say." if refused else written,
            refused=refused,
            reason="No passage answers this." if refused else "",
            citations=[] if refused else [c for c in citations if f"[{c.n}]" in written],
            nearest=[_cite(n, hit) for n, hit in enumerate(hits[:2], 1)] if refused else [],
            timings=Timings(
                total_s=seconds, first_token_s=first, output_tokens=len(written.split()), tokens_per_s=29.5
            ),
            model=MODEL,
            artifacts=_artifacts(run) if "chart" in question.lower() else [],
        )
        state = "stopped" if stop.is_set() else "done"
        self._record(run, "model_call", {"seed": 0, "output_tokens": len(written.split())}, {"prompt": question})
        self._finish(run, answer, state)
        yield Stopped(answer=answer) if stop.is_set() else Done(answer=answer)

    def _finish(self, run: str, answer: Answer | None, state: str) -> None:
        with self._lock:
            kind = {"done": "answer", "stopped": "stopped"}.get(state, "error")
            self._record(run, kind, {"state": state}, {"answer": answer.text if answer else None})
            update: dict[str, Any] = {"state": state, "refused": bool(answer and answer.refused)}
            self._runs[run] = self._runs[run].model_copy(update=update)
            if answer is not None:
                self._answers[run] = answer
                message = Message(
                    id=next(self._ids), role="assistant", text=answer.text, run=run, at=now(), answer=answer
                )
                self._messages.get(answer.conversation, []).append(message.model_copy(update={"state": state}))

    # -- conversations ------------------------------------------------------------------------------------------
    def conversations(self) -> list[ConversationRow]:
        return sorted(self._conversations.values(), key=lambda row: row.updated_at, reverse=True)

    def conversation(self, conversation: str) -> list[Message]:
        if conversation not in self._messages:
            raise NotFoundError(f"There is no conversation {conversation!r}.")
        given = {run: verdict for run, (verdict, _) in self.verdicts.items()}
        return [m.model_copy(update={"feedback": given.get(m.run, "")}) for m in self._messages[conversation]]

    def conversation_scope(self, conversation: str) -> Scope:
        self.conversation(conversation)
        return self._looks.get(conversation, Scope())

    def new_conversation(self) -> str:
        with self._lock:
            id_ = f"c-{next(self._ids):06d}"
            row = ConversationRow(id=id_, title="New conversation", created_at=now(), updated_at=now(), messages=0)
            self._conversations[id_], self._messages[id_] = row, []
            return id_

    def rename_conversation(self, conversation: str, title: str) -> None:
        self.conversation(conversation)
        self._conversations[conversation] = self._conversations[conversation].model_copy(update={"title": title})

    def delete_conversation(self, conversation: str) -> None:
        self.conversation(conversation)
        del self._conversations[conversation], self._messages[conversation]

    # -- the ledger ---------------------------------------------------------------------------------------------
    def runs(
        self,
        *,
        limit: int = 100,
        kind: str | None = None,
        text: str | None = None,
        model: str | None = None,
        guard: str | None = None,
        document: str | None = None,
    ) -> list[RunRow]:
        rows = [self._count(row) for row in reversed(self._runs.values()) if model in (None, row.model)]
        for wanted in (document, f"'action': '{guard}'" if guard else None):
            named = {event.run for event in self._events if wanted is None or wanted in str(event.body)}
            rows = [row for row in rows if row.run in named]
        rows = [row for row in rows if kind in (None, row.kind) and (text or "").lower() in row.title.lower()]
        return rows[:limit]

    def record(self, run: str) -> Record:
        if run not in self._runs:
            raise NotFoundError(f"There is no run {run!r}.", hint="`wherefrom audit list` shows them.")
        events = [event for event in self._events if event.run == run]
        return Record(run=self._count(self._runs[run]), events=events, answer=self._answers.get(run))

    def events(self, *, after: int = 0, limit: int = 1000) -> list[EventRow]:
        return [event for event in self._events if event.seq > after][:limit]

    def verify(self, *, notes: Sequence[str] = (), codes: Sequence[str] = (), head: str = "") -> Verification:
        head = self._events[-1].digest if self._events else head
        if self.corrupt_at is not None:
            reason = f"Event {self.corrupt_at} does not follow from the one before it."
            return Verification(ok=False, events=len(self._events), head=head, first_bad=self.corrupt_at, reason=reason)
        return Verification(ok=True, events=len(self._events), head=head, seconds=0.01)

    def busy(self) -> bool:
        return bool(self.board.running()) or any(job.state in ("waiting", "running") for job in self._jobs.values())

    def close(self) -> None:
        self.board.close()

    def _count(self, row: RunRow) -> RunRow:
        return row.model_copy(update={"events": sum(event.run == row.run for event in self._events)})

    def _record(self, run: str, kind: str, body: dict[str, Any], contents: dict[str, str | None]) -> None:
        with self._lock:
            seq = len(self._events) + 1
            before = self._events[-1].digest if self._events else ""
            digest = "v1:" + hashlib.sha256(f"{before}{seq}{kind}{body}".encode()).hexdigest()
            row = EventRow(seq=seq, at=now(), run=run, kind=kind, digest=digest, body=body, contents=contents)
            self._events.append(row)


def serve_fake(settings: Settings) -> FakeEngine:
    """For `python -m ui.engine --services tests.fake_engine:serve_fake`: a process that answers from memory."""
    if settings.seed == 666:
        raise StorageError("The data folder is broken on purpose.", hint="Choose another seed.")
    return FakeEngine(token_s=0.01, file_s=0.01)


def _canned(question: str, hits: list[SearchHit]) -> tuple[str | None, list[Citation]]:
    """An answer that quotes the best passages, or None where nothing known is asked for."""
    if not any(word in question.lower() for word in ("turbine", "fund", "halden", "chart", "long", "key", "password")):
        return None, []
    citations = [_cite(n, hit) for n, hit in enumerate(hits[:2], 1)]
    return " ".join(f"{c.quote} [{c.n}]" for c in citations) or None, citations


def _artifacts(run: str) -> list[Artifact]:
    """One of each kind that is shown."""
    table, code = "supplier,euros\nLund,310\nBrandt,120\n", "print(310 + 120)\n"
    made = [("image", "chart.png", "image/png", ""), ("table", "sums.csv", "text/csv", table)]
    made.append(("code", "sum.py", "text/x-python", code))
    query = {"sql": "SELECT SUM(euros) FROM sums", "notes": ["Row 4 adds others up and was left out."]}
    return [
        Artifact.model_validate(
            {"run": run, "n": n, "kind": kind, "name": name, "media_type": media, "title": f"The {kind}", "text": text}
            | ({"details": query} if kind == "table" else {})
        )
        for n, (kind, name, media, text) in enumerate(made, 1)
    ]


def _cite(n: int, hit: SearchHit) -> Citation:
    return Citation(
        n=n,
        document_id=hit.document_id,
        document=hit.document,
        document_digest=hashlib.sha256(hit.document.encode()).hexdigest(),
        page=hit.page,
        page_label=hit.page_label,
        start=hit.start,
        end=hit.end,
        quote=hit.text,
        passage_id=hit.passage_id,
        score=hit.score,
    )
