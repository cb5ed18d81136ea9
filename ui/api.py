"""What the page and the command line may ask of the engine: one protocol, and the values that cross the border.

`ui/engine/client.py` speaks it to the engine process; `tests/fake_engine.py` answers it from memory.
This module imports nothing heavy: it is what `import ui` and `--help` pay for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from agent.updates import Answer, Citation, Update
from ui.code_api import CodeApi
from ui.collection_api import CollectionApi, CollectionRow
from ui.guard_api import GuardApi
from ui.judging_api import JudgingApi
from ui.proof_api import ProofApi, Verification
from ui.tools_api import ToolsApi

__all__ = [
    "BackendRow",
    "Check",
    "CollectionRow",
    "ConversationRow",
    "DocumentRow",
    "Drawing",
    "DrawnPicture",
    "EngineApi",
    "EngineState",
    "EventRow",
    "FileResult",
    "IngestJob",
    "Message",
    "ModelRow",
    "PageView",
    "Record",
    "RunRow",
    "Scope",
    "SearchHit",
    "TableColumn",
    "TableResult",
    "TableRow",
    "Verification",
]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class FileResult(_Wire):
    """What became of one file of an ingest job."""

    path: str  # as the person named it; safe to show
    status: Literal["waiting", "reading", "embedding", "added", "changed", "unchanged", "failed", "stopped"]
    reason: str = ""  # for failed: one sentence
    hint: str = ""
    document_id: int | None = None
    pages: int = 0
    passages: int = 0
    warnings: list[str] = Field(default_factory=list)


class IngestJob(_Wire):
    """A running or finished ingest."""

    id: str
    run: str
    state: Literal["waiting", "running", "done", "stopped", "failed"]
    files_total: int
    files_done: int
    pages_done: int = 0
    passages_done: int = 0
    passages_total: int = 0
    seconds: float = 0.0
    files: list[FileResult] = Field(default_factory=list)


class DocumentRow(_Wire):
    """One document of the library."""

    id: int
    name: str
    path: str
    digest: str
    kind: str
    title: str
    size_bytes: int
    pages: int
    passages: int
    added_at: str
    warnings: list[str] = Field(default_factory=list)


class Scope(_Wire):
    """Which documents may be looked at: what is given must all hold."""

    documents: list[int] = Field(default_factory=list)
    collections: list[str] = Field(default_factory=list)  # names; what is in one of them
    folder: str = ""  # with everything below it
    kinds: list[str] = Field(default_factory=list)
    since: str = ""  # the day a document was added, YYYY-MM-DD, both included
    until: str = ""


class SearchHit(_Wire):
    """One row of `search`."""

    n: int
    passage_id: int
    document_id: int
    document: str
    page: int
    page_label: str = ""
    start: int
    end: int
    text: str
    heading: str = ""
    score: float
    dense: float
    lexical: float


class TableColumn(_Wire):
    """A column of a table, as a query calls it and as the file calls it."""

    name: str
    header: str
    kind: str  # "text", "whole", "number", "date", "time", "truth"
    unit: str = ""
    samples: list[str] = Field(default_factory=list)


class TableRow(_Wire):
    """A table of a document."""

    name: str
    sheet: str
    rows: int
    columns: list[TableColumn]
    notes: list[str] = Field(default_factory=list)


class TableResult(_Wire):
    """What a query over a document's tables brought, and the cells it rests on."""

    document: str
    document_digest: str
    sql: str
    columns: list[str]
    rows: list[list[str]]
    more: bool = False
    cells: str = ""
    rows_used: int = 0
    rows_sha256: str = ""


class PageView(_Wire):
    """A page to show: its text, and a picture with the span highlighted where the format has one."""

    document_id: int
    document: str
    page: int
    page_label: str = ""
    pages: int
    text: str
    start: int | None = None
    end: int | None = None
    has_image: bool = False


class ConversationRow(_Wire):
    """One conversation of the list."""

    id: str
    title: str
    created_at: str
    updated_at: str
    messages: int


class Message(_Wire):
    """One message of a conversation."""

    id: int
    role: Literal["user", "assistant"]
    text: str
    run: str
    at: str
    answer: Answer | None = None  # for the assistant's
    state: Literal["running", "done", "stopped", "failed", "interrupted"] = "done"
    feedback: Literal["", "up", "down"] = ""  # what the person thought of it


class RunRow(_Wire):
    """One run of the audit list."""

    run: str
    kind: str  # "ask", "ingest", ...
    at: str
    title: str  # the question, or the files; "(erased)" where it was erased
    model: str = ""
    refused: bool = False
    blocked: bool = False
    events: int
    state: Literal["running", "done", "stopped", "failed", "interrupted"]


class EventRow(_Wire):
    """One ledger entry, readable."""

    seq: int
    at: str
    run: str
    kind: str
    digest: str
    body: dict[str, Any]
    contents: dict[str, str | None] = Field(default_factory=dict)  # name -> text; None where erased


class Record(_Wire):
    """The readable tree of a run."""

    run: RunRow
    events: list[EventRow]
    answer: Answer | None = None


class ModelRow(_Wire):
    """One model of the catalogue."""

    name: str
    kind: str
    file: str
    size_bytes: int
    licence: str
    present: bool
    verified: bool
    default: bool
    backend: str = ""
    description: str = ""


class BackendRow(_Wire):
    """One installed backend."""

    name: str
    kind: str
    distribution: str
    problem: str = ""  # empty when it can run
    options: dict[str, Any] = Field(default_factory=dict)  # JSON schema of its options model
    styles: list[str] = Field(default_factory=list)  # of a family of pictures


class Check(_Wire):
    """One line of `doctor`."""

    name: str
    ok: bool
    detail: str
    hint: str = ""


class EngineState(_Wire):
    """What the System page shows about the engine."""

    version: str
    pid: int
    started_at: str
    home: str
    memory_bytes: int
    model: str
    model_loaded: bool
    model_pid: int | None = None
    model_memory_bytes: int = 0
    threads: int = 0
    documents: int = 0
    passages: int = 0
    jobs_running: int = 0
    runs_running: int = 0
    settings: dict[str, Any] = Field(default_factory=dict)


class DrawnPicture(_Wire):
    """One finished picture of a drawing."""

    n: int  # from 1
    seed: int
    width: int
    height: int
    pixels_sha256: str  # of the pixels: the same request gives the same
    file_sha256: str  # of the PNG as it was handed out, with its marks and credentials
    path: str  # where it lies on this machine


class Drawing(_Wire):
    """A request for pictures, and how far it has come."""

    run: str
    state: Literal["waiting", "drawing", "done", "stopped", "failed", "refused"]
    prompt: str
    style: str
    family: str
    seed: int
    count: int
    options: dict[str, Any] = Field(default_factory=dict)
    step: int = 0
    steps: int = 0
    previews: int = 0  # how many previews there were so far; `picture(..., preview=True)` gives the last
    seconds: float = 0.0
    model: str = ""
    message: str = ""  # for failed and refused: one sentence
    hint: str = ""
    note: str = ""  # of a finished one: what else a person should know, such as how it had to be enlarged
    pictures: list[DrawnPicture] = Field(default_factory=list)


class EngineApi(ProofApi, CodeApi, JudgingApi, GuardApi, ToolsApi, CollectionApi, Protocol):
    """Every call may raise an `AppError` from `provenance.errors`; the client rebuilds it from the wire."""

    def state(self) -> EngineState: ...
    def doctor(self, *, full: bool = False) -> list[Check]: ...
    def backends(self) -> list[BackendRow]: ...
    def models(self) -> list[ModelRow]: ...
    def card_names(self) -> list[str]: ...
    def card(self, name: str) -> str:
        """Markdown. Raises NotFoundError where there is nothing of this name."""

    def ask(
        self,
        question: str,
        *,
        conversation: str | None = None,
        regenerate: str | None = None,
        scope: Scope | None = None,
    ) -> str:
        """Start a run and return its id at once. `regenerate` names a run to answer again, within its own scope.

        Without a `scope` a conversation looks where its last question did; an empty one is everywhere.
        """

    def watch(self, run: str, *, after: int = -1) -> Iterator[Update]:
        """Updates with n > after, as they come, ending after Done, Stopped or Failed. Closing it stops nothing."""

    def updates(self, run: str, *, after: int = -1) -> list[Update]:
        """The same without waiting: for a page that polls."""

    def stop(self, run: str) -> None: ...

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
        """Start drawing, return at once. Without `family` the best that has weights, without `seed` a fresh one.

        `enlarging` a small picture to `size` (256 or 512 pixels): "network" or "filter"; "" is what the settings say.
        """

    def mix(self, pictures: list[tuple[str, int]], *, strength: float = 0.5, seed: int = 0, count: int = 4) -> Drawing:
        """Start drawing relatives of one picture (run, n), or the way from one to another in `count` steps."""

    def likelihood(self, run: str, n: int) -> float:
        """How unlikely a drawn picture is under its own prompt, in bits a number: what the flow family says."""

    def drawing(self, run: str) -> Drawing: ...
    def drawings(self, *, limit: int = 50) -> list[Drawing]:
        """The newest first, of this engine's life."""

    def stop_drawing(self, run: str) -> None: ...
    def picture(self, run: str, n: int, *, preview: bool = False, svg: bool = False) -> bytes:
        """PNG of the n-th picture, counted from 1; or its outlines as SVG, signed like it."""

    def conversations(self) -> list[ConversationRow]: ...
    def conversation(self, conversation: str) -> list[Message]: ...
    def conversation_scope(self, conversation: str) -> Scope:
        """Where its last question looked, as that is called now."""

    def new_conversation(self) -> str: ...
    def rename_conversation(self, conversation: str, title: str) -> None: ...
    def delete_conversation(self, conversation: str) -> None: ...

    def ingest(self, paths: list[str], *, collection: str = "") -> IngestJob:
        """Queue files and folders of this machine (absolute paths). `collection` names where the documents go."""

    def upload(self, files: list[tuple[str, bytes]], *, collection: str = "") -> IngestJob: ...
    def job(self, job: str) -> IngestJob: ...
    def jobs(self) -> list[IngestJob]: ...
    def watched(self) -> list[str]:
        """Folders that are kept in step."""

    def watch_folder(self, path: str, *, collection: str = "") -> None:
        """Read a folder, and what is new, changed or gone in it from now on; `collection` takes what is read."""

    def unwatch_folder(self, path: str) -> None: ...
    def stop_job(self, job: str) -> None: ...

    def documents(self) -> list[DocumentRow]: ...
    def delete_document(self, document_id: int) -> None: ...
    def page(self, document_id: int, page: int, *, start: int | None = None, end: int | None = None) -> PageView: ...
    def page_image(
        self, document_id: int, page: int, *, start: int | None = None, end: int | None = None, width_px: int = 1000
    ) -> bytes:
        """PNG of the page with the span highlighted."""

    def search(self, query: str, *, top_k: int = 10, scope: Scope | None = None) -> list[SearchHit]: ...

    def tables(self, document_id: int) -> list[TableRow]:
        """The tables of a spreadsheet, a CSV file or an HTML page."""

    def query_table(self, document_id: int, sql: str) -> TableResult:
        """One SELECT over them; nothing else is allowed."""

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
        """The newest first. `guard` is a decision ("block" ...), `document` a SHA-256 that an event names."""

    def record(self, run: str) -> Record: ...
    def events(self, *, after: int = 0, limit: int = 1000) -> list[EventRow]: ...

    def citation(self, run: str, n: int) -> Citation: ...
    def artifact(self, run: str, n: int) -> bytes:
        """The n-th file that tools made in a run."""
