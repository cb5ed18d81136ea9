"""The engine, as the page and the command line hold it: `EngineApi` over HTTP to a process of this machine.

The client finds or starts the engine at the first call and again whenever the engine is gone. A call that was never
sent, or that only reads, is tried once more; one that may have acted is not: it raises, and the next call starts
afresh. Safe to share between threads.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter

from agent.updates import Citation, Update, update_adapter
from provenance.errors import EngineError
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
from ui.engine.client_code import CodeClient
from ui.engine.client_collection import CollectionClient
from ui.engine.client_guard import GuardClient
from ui.engine.client_judging import JudgingClient
from ui.engine.client_proof import ProofClient
from ui.engine.client_tools import ToolsClient
from ui.engine.info import EngineInfo
from ui.engine.launcher import EngineCommand, ensure_engine, find_engine, stop_engine
from ui.engine.wire import rebuild_error
from ui.settings import Settings

__all__ = ["EngineClient", "connect"]

CALL_S = 180.0  # the first search loads the embedder, and the machine may be busy
LONG_S = 3600.0  # the full doctor reads everything
SILENCE_S = 40.0  # a watched run beats every ten seconds
WATCH_ATTEMPTS = 5

T = TypeVar("T")


def connect(settings: Settings, command: EngineCommand | None = None) -> EngineClient:
    """A client whose engine runs: found, or started now.

    Raises:
        EngineError: If it cannot be started.
    """
    client = EngineClient(settings, command)
    client.connection()
    return client


class EngineClient(ProofClient, CodeClient, JudgingClient, GuardClient, ToolsClient, CollectionClient):
    """`EngineApi` over the wire. With `start=False` it only ever speaks to an engine that runs already."""

    def __init__(self, settings: Settings, command: EngineCommand | None = None, *, start: bool = True) -> None:
        self._settings, self._command, self._start = settings, command, start
        self._lock = threading.Lock()
        self._info: EngineInfo | None = None
        self._http = httpx.Client(timeout=httpx.Timeout(CALL_S, connect=10.0), trust_env=False)

    def connection(self) -> EngineInfo:
        """Where the engine is; it is started if need be.

        Raises:
            EngineError: If it cannot be started, or may not be.
        """
        with self._lock:
            if self._info is None and self._start:
                self._info = ensure_engine(self._settings, self._command)
            elif self._info is None:
                found = find_engine(self._settings)
                if found is None:
                    raise EngineError("No engine is running.", hint="Any other command starts one.")
                self._info = found[0]
            return self._info

    def close(self) -> None:
        """Give the connections back; the engine goes on."""
        self._http.close()

    def shutdown(self) -> None:
        """End the engine, and wait for it."""
        self._forget()
        stop_engine(self._settings)

    # -- about itself -------------------------------------------------------------------------------------------
    def state(self) -> EngineState:
        return self._get("/state", EngineState)

    def doctor(self, *, full: bool = False) -> list[Check]:
        return self._get("/doctor", list[Check], {"full": full}, LONG_S)

    def backends(self) -> list[BackendRow]:
        return self._get("/backends", list[BackendRow])

    def models(self) -> list[ModelRow]:
        return self._get("/models", list[ModelRow])

    def card_names(self) -> list[str]:
        return self._get("/cards", list[str])

    def card(self, name: str) -> str:
        return self._get(f"/cards/{name}", str)

    # -- asking -------------------------------------------------------------------------------------------------
    def ask(
        self,
        question: str,
        *,
        conversation: str | None = None,
        regenerate: str | None = None,
        scope: Scope | None = None,
    ) -> str:
        within = None if scope is None else scope.model_dump()
        body = {"question": question, "conversation": conversation, "regenerate": regenerate, "scope": within}
        return str(self._call("POST", "/runs", json=body).json()["run"])

    def updates(self, run: str, *, after: int = -1) -> list[Update]:
        return self._get(f"/runs/{run}/updates", list[Update], {"after": after})

    def watch(self, run: str, *, after: int = -1) -> Iterator[Update]:
        lost = 0
        while True:
            try:
                for update in self._watch_once(run, after):
                    after, lost = update.n, 0
                    yield update
                    if is_final(update):
                        return
            except httpx.TransportError as exc:
                if lost >= WATCH_ATTEMPTS:
                    raise _gone() from exc
            lost += 1
            self._forget()
            time.sleep(0.1 * lost)

    def _watch_once(self, run: str, after: int) -> Iterator[Update]:
        info = self.connection()
        timeout = httpx.Timeout(SILENCE_S, connect=10.0)
        url, headers = f"{info.url}/v1/runs/{run}/watch", _headers(info)
        with self._http.stream("GET", url, headers=headers, params={"after": after}, timeout=timeout) as answer:
            if answer.status_code >= 400:
                answer.read()
                raise _error(answer)
            for line in answer.iter_lines():
                if line.strip():
                    yield update_adapter.validate_json(line)

    def stop(self, run: str) -> None:
        self._call("POST", f"/runs/{run}/stop")

    def citation(self, run: str, n: int) -> Citation:
        return self._get(f"/runs/{run}/citations/{n}", Citation)

    def artifact(self, run: str, n: int) -> bytes:
        return self._call("GET", f"/runs/{run}/artifacts/{n}").content

    # -- conversations ------------------------------------------------------------------------------------------
    def conversations(self) -> list[ConversationRow]:
        return self._get("/conversations", list[ConversationRow])

    def conversation(self, conversation: str) -> list[Message]:
        return self._get(f"/conversations/{conversation}", list[Message])

    def conversation_scope(self, conversation: str) -> Scope:
        return self._get(f"/conversations/{conversation}/scope", Scope)

    def new_conversation(self) -> str:
        return str(self._call("POST", "/conversations").json()["conversation"])

    def rename_conversation(self, conversation: str, title: str) -> None:
        self._call("PATCH", f"/conversations/{conversation}", json={"title": title})

    def delete_conversation(self, conversation: str) -> None:
        self._call("DELETE", f"/conversations/{conversation}")

    # -- the library --------------------------------------------------------------------------------------------
    def ingest(self, paths: list[str], *, collection: str = "") -> IngestJob:
        body = {"paths": paths, "collection": collection}
        return IngestJob.model_validate_json(self._call("POST", "/jobs", json=body).content)

    def upload(self, files: list[tuple[str, bytes]], *, collection: str = "") -> IngestJob:
        # A header cannot carry every file name exactly; the field `names` can.
        fields = {"names": json.dumps([name for name, _ in files]), "collection": collection}
        parts = [("files", (f"file{i}", data, "application/octet-stream")) for i, (_, data) in enumerate(files)]
        answer = self._call("POST", "/uploads", data=fields, files=parts or [("none", ("", b""))])
        return IngestJob.model_validate_json(answer.content)

    def job(self, job: str) -> IngestJob:
        return self._get(f"/jobs/{job}", IngestJob)

    def jobs(self) -> list[IngestJob]:
        return self._get("/jobs", list[IngestJob])

    def watched(self) -> list[str]:
        return self._get("/watched", list[str])

    def watch_folder(self, path: str, *, collection: str = "") -> None:
        self._call("POST", "/watched", json={"path": path, "collection": collection})

    def unwatch_folder(self, path: str) -> None:
        self._call("POST", "/watched/end", json={"path": path})

    def stop_job(self, job: str) -> None:
        self._call("POST", f"/jobs/{job}/stop")

    def documents(self) -> list[DocumentRow]:
        return self._get("/documents", list[DocumentRow])

    def delete_document(self, document_id: int) -> None:
        self._call("DELETE", f"/documents/{document_id}")

    def page(self, document_id: int, page: int, *, start: int | None = None, end: int | None = None) -> PageView:
        return self._get(f"/documents/{document_id}/pages/{page}", PageView, {"start": start, "end": end})

    def page_image(
        self, document_id: int, page: int, *, start: int | None = None, end: int | None = None, width_px: int = 1000
    ) -> bytes:
        path = f"/documents/{document_id}/pages/{page}/image"
        return self._call("GET", path, params=_given({"start": start, "end": end, "width_px": width_px})).content

    def search(self, query: str, *, top_k: int = 10, scope: Scope | None = None) -> list[SearchHit]:
        within = None if scope is None else scope.model_dump()
        body = {"query": query, "top_k": top_k, "scope": within}
        answer = self._call("POST", "/search", json=body, again=True)
        return TypeAdapter(list[SearchHit]).validate_json(answer.content)

    def tables(self, document_id: int) -> list[TableRow]:
        return self._get(f"/documents/{document_id}/tables", list[TableRow])

    def query_table(self, document_id: int, sql: str) -> TableResult:
        answer = self._call("POST", f"/documents/{document_id}/query", json={"sql": sql}, again=True)
        return TableResult.model_validate_json(answer.content)

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
        body: dict[str, Any] = {"prompt": prompt, "style": style, "family": family, "seed": seed, "count": count}
        body |= {"options": options or {}, "enlarging": enlarging, "size": size}
        answer = self._call("POST", "/drawings", json=body)
        return Drawing.model_validate_json(answer.content)

    def mix(self, pictures: list[tuple[str, int]], *, strength: float = 0.5, seed: int = 0, count: int = 4) -> Drawing:
        body = {"pictures": pictures, "strength": strength, "seed": seed, "count": count}
        return Drawing.model_validate_json(self._call("POST", "/mixtures", json=body).content)

    def likelihood(self, run: str, n: int) -> float:
        return float(self._call("GET", f"/drawings/{run}/pictures/{n}/likelihood").json())

    def drawing(self, run: str) -> Drawing:
        return self._get(f"/drawings/{run}", Drawing)

    def drawings(self, *, limit: int = 50) -> list[Drawing]:
        return self._get("/drawings", list[Drawing], {"limit": limit})

    def stop_drawing(self, run: str) -> None:
        self._call("POST", f"/drawings/{run}/stop")

    def picture(self, run: str, n: int, *, preview: bool = False, svg: bool = False) -> bytes:
        params = {"preview": preview, "svg": svg}
        return self._call("GET", f"/drawings/{run}/pictures/{n}", params=params).content

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
        chosen = {"kind": kind, "text": text, "model": model, "guard": guard, "document": document}
        return self._get("/runs", list[RunRow], {"limit": limit, **chosen})

    def record(self, run: str) -> Record:
        return self._get(f"/runs/{run}", Record)

    def events(self, *, after: int = 0, limit: int = 1000) -> list[EventRow]:
        return self._get("/events", list[EventRow], {"after": after, "limit": limit})

    # -- the wire -----------------------------------------------------------------------------------------------
    def _get(self, path: str, kind: type[T], params: dict[str, Any] | None = None, timeout_s: float = CALL_S) -> T:
        timeout = httpx.Timeout(timeout_s, connect=10.0)
        answer = self._call("GET", path, params=_given(params or {}), timeout=timeout)
        return TypeAdapter(kind).validate_json(answer.content)

    def _call(self, method: str, path: str, *, again: bool = False, **request: Any) -> httpx.Response:
        """One request; a second try where the first cannot have changed anything."""
        for attempt in (1, 2):
            info = self.connection()
            try:
                answer = self._http.request(method, f"{info.url}/v1{path}", headers=_headers(info), **request)
            except httpx.TransportError as exc:
                unsent = isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout)
                self._forget()
                if isinstance(exc, httpx.ReadTimeout):
                    raise EngineError("The engine does not answer.", hint="`wherefrom engine stop` ends it.") from exc
                if attempt == 2 or not (unsent or again or method == "GET"):
                    raise _gone() from exc
                continue
            if answer.status_code == 401 and attempt == 1:
                self._forget()  # another engine took the port; ours is gone
                continue
            if answer.status_code >= 400:
                raise _error(answer)
            return answer
        raise _gone()

    def _forget(self) -> None:
        with self._lock:
            self._info = None


def _headers(info: EngineInfo) -> dict[str, str]:
    return {"Authorization": f"Bearer {info.key}"}


def _given(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _gone() -> EngineError:
    return EngineError("The engine ended in the middle of the call.", hint="Try again: a new one starts by itself.")


def _error(answer: httpx.Response) -> Exception:
    try:
        body = answer.json()
    except ValueError:
        body = {}
    return rebuild_error(body if isinstance(body, dict) else {})
