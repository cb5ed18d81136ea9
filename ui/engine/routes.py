"""One endpoint for each call of `EngineApi`. Values are the models of `ui.api`; a run is watched as NDJSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter, BackgroundTasks, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

from agent.updates import Citation, Update, update_adapter
from provenance.errors import StorageError, UsageError
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
    PageView,
    Record,
    RunRow,
    Scope,
    SearchHit,
    TableResult,
    TableRow,
)
from ui.engine.board import is_final
from ui.engine.served import Engine, ServedEngine

__all__ = ["router"]

HEARTBEAT_S = 10.0  # an empty line, so that either side notices when the other is gone
COPY_BYTES = 1 << 20
SPARE_DISK_BYTES = 64 << 20

router = APIRouter()


class Question(BaseModel):
    question: str
    conversation: str | None = None
    regenerate: str | None = None
    scope: Scope | None = None


class Paths(BaseModel):
    paths: list[str]
    collection: str = ""


class Folder(BaseModel):
    path: str
    collection: str = ""


class Title(BaseModel):
    title: str


class Query(BaseModel):
    query: str
    top_k: int = 10
    scope: Scope | None = None


class Select(BaseModel):
    sql: str


class Wanted(BaseModel):
    prompt: str
    style: str = ""
    family: str = ""
    seed: int | None = None
    count: int = 1
    options: dict[str, Any] = {}
    enlarging: str = ""
    size: int = 512


class Mixture(BaseModel):
    pictures: list[tuple[str, int]]
    strength: float = 0.5
    seed: int = 0
    count: int = 4


@router.get("/hello")
def hello(request: Request, api: Engine) -> dict[str, object]:
    """Who this engine is, and whether it works: what a client asks first."""
    return {**request.app.state.identity, "busy": api.busy()}


@router.post("/shutdown", status_code=202)
def shutdown(request: Request, tasks: BackgroundTasks) -> dict[str, bool]:
    """End the engine once this answer is out."""
    if request.app.state.end is not None:
        tasks.add_task(request.app.state.end)
    return {"ending": request.app.state.end is not None}


@router.get("/state")
def state(api: Engine) -> EngineState:
    return api.state()


@router.get("/doctor")
def doctor(api: Engine, full: bool = False) -> list[Check]:
    return api.doctor(full=full)


@router.get("/backends")
def backends(api: Engine) -> list[BackendRow]:
    return api.backends()


@router.get("/models")
def models(api: Engine) -> list[ModelRow]:
    return api.models()


@router.get("/cards")
def card_names(api: Engine) -> list[str]:
    return api.card_names()


@router.get("/cards/{name}")
def card(api: Engine, name: str) -> str:
    return api.card(name)


@router.post("/runs")
def ask(api: Engine, body: Question) -> dict[str, str]:
    run = api.ask(body.question, conversation=body.conversation, regenerate=body.regenerate, scope=body.scope)
    return {"run": run}


@router.get("/runs")
def runs(
    api: Engine,
    limit: int = 100,
    kind: str | None = None,
    text: str | None = None,
    model: str | None = None,
    guard: str | None = None,
    document: str | None = None,
) -> list[RunRow]:
    return api.runs(limit=limit, kind=kind, text=text, model=model, guard=guard, document=document)


@router.get("/runs/{run}")
def record(api: Engine, run: str) -> Record:
    return api.record(run)


@router.get("/runs/{run}/updates")
def updates(api: Engine, run: str, after: int = -1) -> list[Update]:
    return api.updates(run, after=after)


@router.get("/runs/{run}/watch")
async def watch(api: Engine, run: str, after: int = -1) -> StreamingResponse:
    """Updates as lines of JSON. A run that the board no longer holds is told from the record, in one go."""
    if api.board.knows(run):
        lines = _follow(api, run, after)
    else:
        lines = _told(await asyncio.to_thread(api.updates, run, after=after))
    return StreamingResponse(lines, media_type="application/x-ndjson")


async def _told(recorded: list[Update]) -> AsyncIterator[bytes]:
    for update in recorded:
        yield _line(update)


async def _follow(api: ServedEngine, run: str, after: int) -> AsyncIterator[bytes]:
    loop, news = asyncio.get_running_loop(), asyncio.Event()

    def ring() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the engine ends, nobody watches any more
            loop.call_soon_threadsafe(news.set)

    unlisten = api.board.listen(run, ring)
    try:
        while True:
            news.clear()
            for update in api.board.updates(run, after=after):
                yield _line(update)
                after = update.n
                if is_final(update):
                    return
            try:
                await asyncio.wait_for(news.wait(), HEARTBEAT_S)
            except TimeoutError:
                yield b"\n"
    finally:
        unlisten()


def _line(update: Update) -> bytes:
    return update_adapter.dump_json(update) + b"\n"


@router.post("/runs/{run}/stop", status_code=204)
def stop(api: Engine, run: str) -> None:
    api.stop(run)


@router.get("/runs/{run}/citations/{n}")
def citation(api: Engine, run: str, n: int) -> Citation:
    return api.citation(run, n)


@router.get("/runs/{run}/artifacts/{n}")
def artifact(api: Engine, run: str, n: int) -> Response:
    return Response(api.artifact(run, n), media_type="application/octet-stream")


@router.get("/conversations")
def conversations(api: Engine) -> list[ConversationRow]:
    return api.conversations()


@router.post("/conversations")
def new_conversation(api: Engine) -> dict[str, str]:
    return {"conversation": api.new_conversation()}


@router.get("/conversations/{conversation}")
def conversation(api: Engine, conversation: str) -> list[Message]:
    return api.conversation(conversation)


@router.get("/conversations/{conversation}/scope")
def conversation_scope(api: Engine, conversation: str) -> Scope:
    return api.conversation_scope(conversation)


@router.patch("/conversations/{conversation}", status_code=204)
def rename_conversation(api: Engine, conversation: str, body: Title) -> None:
    api.rename_conversation(conversation, body.title)


@router.delete("/conversations/{conversation}", status_code=204)
def delete_conversation(api: Engine, conversation: str) -> None:
    api.delete_conversation(conversation)


@router.get("/jobs")
def jobs(api: Engine) -> list[IngestJob]:
    return api.jobs()


@router.post("/jobs")
def ingest(api: Engine, body: Paths) -> IngestJob:
    return api.ingest(body.paths, collection=body.collection)


@router.get("/watched")
def watched(api: Engine) -> list[str]:
    return api.watched()


@router.post("/watched", status_code=204)
def watch_folder(api: Engine, body: Folder) -> None:
    api.watch_folder(body.path, collection=body.collection)


@router.post("/watched/end", status_code=204)
def unwatch_folder(api: Engine, body: Folder) -> None:
    api.unwatch_folder(body.path)


@router.get("/jobs/{job}")
def job(api: Engine, job: str) -> IngestJob:
    return api.job(job)


@router.post("/jobs/{job}/stop", status_code=204)
def stop_job(api: Engine, job: str) -> None:
    api.stop_job(job)


@router.post("/uploads")
async def upload(api: Engine, request: Request) -> IngestJob:
    """Files as multipart `files`; a field `names` (JSON list) gives names that a header cannot carry exactly, and
    `collection` says where their documents go."""
    staging = api.staging()
    length = int(request.headers.get("content-length") or 0)
    if shutil.disk_usage(staging).free < 2 * length + SPARE_DISK_BYTES:
        raise StorageError("The disk is too full for these files.", hint="Free some space and try again.")
    try:
        async with request.form(max_files=10_000, max_part_size=4 << 20) as form:
            collection = str(form.get("collection", ""))
            parts = [part for part in form.getlist("files") if isinstance(part, UploadFile)]
            names = json.loads(str(form.get("names", "null"))) or [part.filename or "unnamed" for part in parts]
            if not parts or len(names) != len(parts):
                raise UsageError("No file was sent.", hint="Choose at least one file.")
            files = [
                (str(name), await asyncio.to_thread(_stage, part, staging))
                for name, part in zip(names, parts, strict=True)
            ]
    except (MultiPartException, ValueError) as exc:
        raise UsageError("The upload cannot be read.", hint="Send the files as multipart form data.") from exc
    return await asyncio.to_thread(api.upload_files, files, collection=collection)


def _stage(part: UploadFile, staging: Path) -> Path:
    target = staging / secrets.token_hex(8)
    try:
        with target.open("xb") as out:
            shutil.copyfileobj(part.file, out, COPY_BYTES)
    except OSError as exc:
        target.unlink(missing_ok=True)
        raise StorageError("The upload could not be stored.", hint="Free some space and try again.") from exc
    return target


@router.get("/documents")
def documents(api: Engine) -> list[DocumentRow]:
    return api.documents()


@router.delete("/documents/{document_id}", status_code=204)
def delete_document(api: Engine, document_id: int) -> None:
    api.delete_document(document_id)


@router.get("/documents/{document_id}/pages/{page}")
def page(api: Engine, document_id: int, page: int, start: int | None = None, end: int | None = None) -> PageView:
    return api.page(document_id, page, start=start, end=end)


@router.get("/documents/{document_id}/pages/{page}/image")
def page_image(
    api: Engine, document_id: int, page: int, start: int | None = None, end: int | None = None, width_px: int = 1000
) -> Response:
    if not 50 <= width_px <= 4000:
        raise UsageError("The width must lie between 50 and 4000 pixels.")
    return Response(api.page_image(document_id, page, start=start, end=end, width_px=width_px), media_type="image/png")


@router.get("/documents/{document_id}/tables")
def tables(api: Engine, document_id: int) -> list[TableRow]:
    return api.tables(document_id)


@router.post("/documents/{document_id}/query")
def query_table(api: Engine, document_id: int, body: Select) -> TableResult:
    return api.query_table(document_id, body.sql)


@router.post("/drawings")
def draw(api: Engine, body: Wanted) -> Drawing:
    return api.draw(
        body.prompt,
        style=body.style,
        family=body.family,
        seed=body.seed,
        count=body.count,
        options=body.options,
        enlarging=body.enlarging,
        size=body.size,
    )


@router.post("/mixtures")
def mix(api: Engine, body: Mixture) -> Drawing:
    return api.mix(body.pictures, strength=body.strength, seed=body.seed, count=body.count)


@router.get("/drawings/{run}/pictures/{n}/likelihood")
def likelihood(api: Engine, run: str, n: int) -> float:
    return api.likelihood(run, n)


@router.get("/drawings")
def drawings(api: Engine, limit: int = 50) -> list[Drawing]:
    return api.drawings(limit=limit)


@router.get("/drawings/{run}")
def drawing(api: Engine, run: str) -> Drawing:
    return api.drawing(run)


@router.post("/drawings/{run}/stop", status_code=204)
def stop_drawing(api: Engine, run: str) -> None:
    api.stop_drawing(run)


@router.get("/drawings/{run}/pictures/{n}")
def picture(api: Engine, run: str, n: int, preview: bool = False, svg: bool = False) -> Response:
    media_type = "image/svg+xml" if svg else "image/png"
    return Response(api.picture(run, n, preview=preview, svg=svg), media_type=media_type)


@router.post("/search")
def search(api: Engine, body: Query) -> list[SearchHit]:
    return api.search(body.query, top_k=body.top_k, scope=body.scope)


@router.get("/events")
def events(api: Engine, after: int = 0, limit: int = 1000) -> list[EventRow]:
    return api.events(after=after, limit=limit)
