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
import io
import itertools
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.updates import Answer, Artifact, Citation, Done, GuardNotice, Step, Stopped, Timings, Token, Update
from provenance.errors import DocumentError, GenerationError, NotFoundError, StorageError, UsageError
from tests.fake_code import FakeCode
from tests.fake_collections import FakeCollections
from tests.fake_guards import FakeGuards
from tests.fake_judging import FakeJudging
from tests.fake_proof import FakeProof
from tests.fake_tools import FakeTools
from ui.api import (
    BackendRow,
    Check,
    ConversationRow,
    DocumentRow,
    Drawing,
    DrawnPicture,
    EngineState,
    EventRow,
    FileResult,
    IngestJob,
    Message,
    ModelRow,
    PageView,
    Record,
    RunRow,
    Scope,
    SearchHit,
    TableColumn,
    TableResult,
    TableRow,
    Verification,
)
from ui.collection_api import CollectionRow
from ui.engine.board import Emit, RunBoard
from ui.judging_api import Evaluation
from ui.settings import Settings

__all__ = ["LIBRARY", "FakeEngine", "serve_fake"]

LIBRARY: dict[str, list[str]] = {
    "turbine-report.pdf": [
        "Halden Wind Park, annual report.\n\nTurbine T7 stood still for 41 days in 2025 because its yaw gear cracked.",
        "Outlook.\n\nThe fund for repairs holds 2.4 million kroner. A new gear costs 310,000 kroner.",
    ],
    "minutes.docx": ["Minutes of 12 March.\n\nMarit Aune was elected to the board of Halden Wind Park."],
    "prices.xlsx": ["Part\tPrice\nYaw gear\t310000\nBrake disc\t18500"],
}
LONGEST_QUESTION = 20_000
MODEL = "qwen2.5-coder-1.5b-instruct-q4_k_m"


class FakeEngine(FakeProof, FakeCode, FakeJudging, FakeGuards, FakeTools, FakeCollections):
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
        self._started = _now()
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

    # -- pictures -----------------------------------------------------------------------------------------------
    def draw(
        self,
        prompt: str,
        *,
        style: str = "",
        family: str = "",
        seed: int | None = None,
        count: int = 1,
        options: dict[str, Any] | None = None,
        enlarging: str = "",
        size: int = 512,
    ) -> Drawing:
        """Plain squares; "slow" in a prompt goes on until it is stopped, "weapon" is refused."""
        if not prompt.strip():
            raise UsageError("The prompt is empty.", hint="Say what the picture should show.")
        if style not in ("", "fluent flat", "noto"):
            raise UsageError(f"There is no style “{style}”.", hint="There are: fluent flat, noto.")
        run = f"r-fake{next(self._ids):06d}"
        drawing = Drawing(
            run=run,
            state="done",
            prompt=prompt,
            style=style,
            family=family or "diffusion",
            seed=7 if seed is None else seed,
            count=count,
            options=options or {},
            steps=16,
            step=16,
            seconds=0.4,
            model="diffusion-64",
            note="Enlarged by a plain filter." if enlarging == "filter" else "",
        )
        if "slow" in prompt:
            drawing = drawing.model_copy(update={"state": "drawing", "step": 4, "previews": 1})
        elif "weapon" in prompt:
            drawing = drawing.model_copy(update={"state": "refused", "message": "A guard stopped this prompt."})
        else:
            pictures = [
                DrawnPicture(
                    n=n,
                    seed=drawing.seed + n - 1,
                    width=size,
                    height=size,
                    pixels_sha256=hashlib.sha256(f"{prompt}{drawing.seed + n - 1}".encode()).hexdigest(),
                    file_sha256=hashlib.sha256(self._square(drawing.seed + n - 1)).hexdigest(),
                    path=f"/home/marit/pictures/{run}/{n}.png",
                )
                for n in range(1, count + 1)
            ]
            drawing = drawing.model_copy(update={"pictures": pictures})
        self._drawings[run] = drawing
        return drawing

    def mix(self, pictures: list[tuple[str, int]], *, strength: float = 0.5, seed: int = 0, count: int = 4) -> Drawing:
        titles = [self.drawing(run).prompt for run, _n in pictures]
        prompt = " to ".join(titles) if len(titles) == 2 else f"{titles[0]}, varied"
        return self.draw(prompt, family="vae", seed=seed, count=count, options={"strength": strength})

    def likelihood(self, run: str, n: int) -> float:
        return 1.25 + n / 100 + 0 * len(self.drawing(run).prompt)

    def drawing(self, run: str) -> Drawing:
        if run not in self._drawings:
            raise NotFoundError(f"There is no drawing {run!r}.")
        return self._drawings[run]

    def drawings(self, *, limit: int = 50) -> list[Drawing]:
        return list(reversed(self._drawings.values()))[:limit]

    def stop_drawing(self, run: str) -> None:
        drawing = self.drawing(run)
        if drawing.state == "drawing":
            self._drawings[run] = drawing.model_copy(update={"state": "stopped"})

    def picture(self, run: str, n: int, *, preview: bool = False, svg: bool = False) -> bytes:
        drawing = self.drawing(run)
        if svg:
            return b'<svg xmlns="http://www.w3.org/2000/svg"/>'
        if not 1 <= n <= drawing.count:
            raise NotFoundError(f"Drawing {run} has no picture {n}.")
        return self._square(drawing.seed + n - 1)

    @staticmethod
    def _square(seed: int) -> bytes:
        from PIL import Image

        out = io.BytesIO()
        Image.new("RGBA", (64, 64), (seed * 40 % 256, 90, 160, 255)).save(out, "PNG")
        return out.getvalue()

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
            messages.append(Message(id=next(self._ids), role="user", text=question, run=run, at=_now()))
            row = self._conversations[conversation]
            title = row.title if row.messages else question[:60]
            update = {"title": title, "messages": row.messages + 2, "updated_at": _now()}
            self._conversations[conversation] = row.model_copy(update=update)
            model = "qwen2.5-coder-1.5b-instruct-q4_k_m"
            self._runs[run] = RunRow(
                run=run, kind="ask", at=_now(), title=question[:80], model=model, events=0, state="running"
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
                    id=next(self._ids), role="assistant", text=answer.text, run=run, at=_now(), answer=answer
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
            row = ConversationRow(id=id_, title="New conversation", created_at=_now(), updated_at=_now(), messages=0)
            self._conversations[id_], self._messages[id_] = row, []
            return id_

    def rename_conversation(self, conversation: str, title: str) -> None:
        self.conversation(conversation)
        self._conversations[conversation] = self._conversations[conversation].model_copy(update={"title": title})

    def delete_conversation(self, conversation: str) -> None:
        self.conversation(conversation)
        del self._conversations[conversation], self._messages[conversation]

    # -- the library --------------------------------------------------------------------------------------------
    def ingest(self, paths: list[str], *, collection: str = "") -> IngestJob:
        if not paths:
            raise UsageError("No file was named.", hint="Name a file or a folder.")
        missing = [path for path in paths if not Path(path).exists()]
        if missing:
            raise NotFoundError(f"{missing[0]!r} does not exist.", hint="Check the path.")
        found = [p for path in paths for p in ([Path(path)] if Path(path).is_file() else sorted(Path(path).rglob("*")))]
        return self._start_job([(p.name, p.read_bytes(), str(p)) for p in found if p.is_file()], collection)

    def upload(self, files: list[tuple[str, bytes]], *, collection: str = "") -> IngestJob:
        if not files:
            raise UsageError("No file was sent.")
        return self._start_job([(name, data, "") for name, data in files], collection)

    def upload_files(self, files: list[tuple[str, Path]], *, collection: str = "") -> IngestJob:
        """What the server calls: the files lie in the staging folder."""
        sent = [(name, path.read_bytes()) for name, path in files]
        for _, path in files:
            path.unlink()
        return self.upload(sent, collection=collection)

    def staging(self) -> Path:
        return Path(tempfile.gettempdir())

    def busy(self) -> bool:
        return bool(self.board.running()) or any(job.state in ("waiting", "running") for job in self._jobs.values())

    def job(self, job: str) -> IngestJob:
        if job not in self._jobs:
            raise NotFoundError(f"There is no job {job!r}.")
        return self._jobs[job]

    def jobs(self) -> list[IngestJob]:
        return list(reversed(self._jobs.values()))

    def stop_job(self, job: str) -> None:
        self.job(job)
        self._stopped_jobs.add(job)

    def documents(self) -> list[DocumentRow]:
        return list(self._documents.values())

    def delete_document(self, document_id: int) -> None:
        self._document(document_id)
        del self._documents[document_id], self._pages[document_id]
        self._record("", "document_removed", {"document": document_id}, {})

    def page(self, document_id: int, page: int, *, start: int | None = None, end: int | None = None) -> PageView:
        row, text = self._document(document_id), self._page_text(document_id, page)
        return PageView(
            document_id=document_id,
            document=row.name,
            page=page,
            page_label=f"page {page}",
            pages=row.pages,
            text=text,
            start=start,
            end=end,
            has_image=row.kind == "pdf",
        )

    def page_image(
        self, document_id: int, page: int, *, start: int | None = None, end: int | None = None, width_px: int = 1000
    ) -> bytes:
        from PIL import Image, ImageDraw

        text = self._page_text(document_id, page)
        picture = Image.new("RGB", (width_px, int(width_px * 1.414)), "white")
        draw, position, y = ImageDraw.Draw(picture), 0, 60
        for line in text.split("\n"):
            marked = start is not None and end is not None and position < end and start < position + len(line)
            if marked and line:
                draw.rectangle((55, y - 4, width_px - 55, y + 22), fill="#fff3b0")
            draw.text((60, y), line, fill="black")
            position, y = position + len(line) + 1, y + 30
        out = io.BytesIO()
        picture.save(out, format="PNG")
        return out.getvalue()

    def watched(self) -> list[str]:
        return sorted(self._watched)

    def watch_folder(self, path: str, *, collection: str = "") -> None:
        if collection:
            self._collection(collection)
        if not Path(path).is_dir():
            raise UsageError(f"{path} is no folder.", hint="Name a folder to keep in step.")
        self._watched.add(path)

    def unwatch_folder(self, path: str) -> None:
        if path not in self._watched:
            raise NotFoundError(f"{path} is not watched.")
        self._watched.remove(path)

    def search(self, query: str, *, top_k: int = 10, scope: Scope | None = None) -> list[SearchHit]:
        self.scopes.append(scope)
        if not query.strip():
            raise UsageError("The search is empty.", hint="Type some words.")
        words = {word.strip("?.,!").lower() for word in query.split()} - {
            "the",
            "a",
            "of",
            "is",
            "in",
            "for",
            "how",
            "what",
        }
        hits = []
        for id_, pages in list(self._pages.items()):
            for number, text in enumerate(pages, 1):
                for start, end in _sentences(text):
                    found = sum(word in text[start:end].lower() for word in words)
                    if found:
                        hits.append((found / max(len(words), 1), id_, number, start, end, text[start:end]))
        hits.sort(key=lambda hit: -hit[0])
        return [
            SearchHit(
                n=n,
                passage_id=id_ * 1000 + number * 100 + start % 100,
                document_id=id_,
                document=self._documents[id_].name,
                page=number,
                page_label=f"page {number}",
                start=start,
                end=end,
                text=text,
                score=score,
                dense=score * 0.8,
                lexical=score * 7,
            )
            for n, (score, id_, number, start, end, text) in enumerate(hits[:top_k], 1)
        ]

    def tables(self, document_id: int) -> list[TableRow]:
        """The prices are the only table."""
        if self._document(document_id).kind != "xlsx":
            raise DocumentError("This kind of file holds no table that can be queried.", hint="Ask about its text.")
        columns = [TableColumn(name=name.lower(), header=name, kind="text") for name in ("Part", "Price")]
        return [TableRow(name="prices", sheet="Prices", rows=2, columns=columns)]

    def query_table(self, document_id: int, sql: str) -> TableResult:
        self.tables(document_id)
        if not sql.lower().startswith("select"):
            raise UsageError("The query cannot be run: only one SELECT is allowed.")
        row = self._document(document_id)
        rows = [["Yaw gear", "310000"], ["Brake disc", "18500"]]
        return TableResult(
            document=row.name,
            document_digest=row.digest,
            sql=sql,
            columns=["part", "price"],
            rows=rows,
            cells="Prices!A2:B3",
            rows_used=2,
        )

    def _document(self, document_id: int) -> DocumentRow:
        if document_id not in self._documents:
            raise NotFoundError(f"There is no document {document_id}.", hint="It may have been deleted.")
        return self._documents[document_id]

    def _page_text(self, document_id: int, page: int) -> str:
        pages = self._pages[self._document(document_id).id]
        if not 1 <= page <= len(pages):
            raise NotFoundError(f"There is no page {page}.", hint=f"It has {len(pages)}.")
        return pages[page - 1]

    def _add(self, name: str, pages: list[str], *, path: str) -> DocumentRow:
        with self._lock:
            id_ = next(self._ids)
            data = "\f".join(pages).encode()
            row = DocumentRow(
                id=id_,
                name=name,
                path=path,
                digest=hashlib.sha256(data).hexdigest(),
                kind=Path(name).suffix.lstrip(".") or "text",
                title=pages[0].split("\n")[0][:60],
                size_bytes=len(data),
                pages=len(pages),
                passages=sum(len(list(_sentences(page))) for page in pages),
                added_at=_now(),
            )
            self._documents[id_], self._pages[id_] = row, pages
            self._record("", "document_added", {"document": id_, "digest": row.digest}, {"name": name})
            return row

    def _start_job(self, files: list[tuple[str, bytes, str]], collection: str = "") -> IngestJob:
        if collection:
            self._collection(collection)
        with self._lock:
            id_ = f"j-{next(self._ids):06d}"
            rows = [FileResult(path=path or name, status="waiting") for name, _, path in files]
            run = f"r-fake{next(self._ids):06d}"
            self._jobs[id_] = IngestJob(
                id=id_, run=run, state="running", files_total=len(files), files_done=0, files=rows
            )
        threading.Thread(target=self._ingest, args=(id_, files, collection), daemon=True).start()
        return self._jobs[id_]

    def _ingest(self, job: str, files: list[tuple[str, bytes, str]], collection: str) -> None:
        began = time.monotonic()
        for i, (name, data, path) in enumerate(files):
            if job in self._stopped_jobs:
                self._set_file(job, i, {"status": "stopped"}, began)
                continue
            for status in ("reading", "embedding"):
                self._set_file(job, i, {"status": status}, began)
                time.sleep(self.file_s)
            told = self._read(name, data, path)
            if collection and "document_id" in told:
                self.change_collection(collection, add=[told["document_id"]])
            self._set_file(job, i, told, began)
        state = "stopped" if job in self._stopped_jobs else "done"
        self._jobs[job] = self._jobs[job].model_copy(update={"state": state})

    def _read(self, name: str, data: bytes, path: str) -> dict[str, Any]:
        if not data:
            return {"status": "failed", "reason": "The file is empty.", "hint": "Choose another file."}
        if "broken" in name or "secret" in name:
            return {
                "status": "failed",
                "reason": "The file is protected by a password.",
                "hint": "Save it without one.",
            }
        text = data.decode("utf-8", errors="replace")
        same = [row for row in self._documents.values() if row.digest == hashlib.sha256(text.encode()).hexdigest()]
        row = same[0] if same else self._add(name, text.split("\f"), path=path)
        status = "unchanged" if same else "added"
        return {"status": status, "document_id": row.id, "pages": row.pages, "passages": row.passages}

    def _set_file(self, job: str, i: int, update: dict[str, Any], began: float) -> None:
        with self._lock:
            rows = list(self._jobs[job].files)
            rows[i] = rows[i].model_copy(update=update)
            ended = [row for row in rows if row.status not in ("waiting", "reading", "embedding")]
            fields = {
                "files": rows,
                "files_done": len(ended),
                "pages_done": sum(row.pages for row in ended),
                "passages_done": sum(row.passages for row in ended),
                "passages_total": sum(row.passages for row in rows),
                "seconds": time.monotonic() - began,
            }
            self._jobs[job] = self._jobs[job].model_copy(update=fields)

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

    def close(self) -> None:
        self.board.close()

    def _count(self, row: RunRow) -> RunRow:
        return row.model_copy(update={"events": sum(event.run == row.run for event in self._events)})

    def _record(self, run: str, kind: str, body: dict[str, Any], contents: dict[str, str | None]) -> None:
        with self._lock:
            seq = len(self._events) + 1
            before = self._events[-1].digest if self._events else ""
            digest = "v1:" + hashlib.sha256(f"{before}{seq}{kind}{body}".encode()).hexdigest()
            row = EventRow(seq=seq, at=_now(), run=run, kind=kind, digest=digest, body=body, contents=contents)
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


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    position = 0
    for line in text.split("\n"):
        for part in line.replace(". ", ".\x00").split("\x00"):
            if part.strip():
                yield position, position + len(part)
            position += len(part) + 1


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
