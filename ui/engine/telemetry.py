"""OpenTelemetry GenAI spans of finished runs, sent to a collector that a setting names; off by default.

Phoenix, Langfuse, Jaeger and others read OTLP over HTTP. Spans are made from the record after the answer is out, by a
thread of their own: a collector that is slow or away costs the answer nothing, and what cannot be sent is dropped.
Questions, passages and answers are never sent: names, counts, digests and times only.

Source:
    opentelemetry.io, OTLP 1.x (JSON encoding) and the GenAI semantic conventions as of 2026 (status: development).
"""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from typing import Any

from provenance.entry import Entry

__all__ = ["SpanSender", "spans_of"]

SCHEMA = "https://opentelemetry.io/schemas/1.37.0"
MOST_WAITING = 100
TIMEOUT_S = 5.0
_OK, _ERROR = 1, 2
_INTERNAL, _CLIENT, _SERVER = 1, 3, 2

_log = logging.getLogger("wherefrom.engine")


class SpanSender:
    """Sends the spans of runs in the background."""

    def __init__(self, url: str, entries: Callable[[str], list[Entry]]) -> None:
        """
        Args:
            url: The collector's address for traces, such as http://127.0.0.1:4318/v1/traces.
            entries: The events of a run.
        """
        self._url, self._entries = url, entries
        self._queue: queue.Queue[str | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._thread.start()

    def send(self, run: str) -> None:
        """Queue a finished run; dropped where too many wait."""
        try:
            self._queue.put_nowait(run)
        except queue.Full:
            _log.info("telemetry: too many runs wait, one was dropped")

    def close(self) -> None:
        """Send what waits, within a few seconds, and end."""
        try:
            self._queue.put(None, timeout=TIMEOUT_S)
        except queue.Full:
            return
        self._thread.join(2 * TIMEOUT_S)

    def _run(self) -> None:
        import httpx

        with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
            while (run := self._queue.get()) is not None:
                try:
                    client.post(self._url, json=spans_of(self._entries(run))).raise_for_status()
                except (httpx.HTTPError, httpx.InvalidURL) as exc:
                    _log.info("telemetry: a run could not be sent (%s)", type(exc).__name__)


def spans_of(entries: Iterable[Entry]) -> dict[str, Any]:
    """One trace of a run, as the JSON that a collector takes."""
    events = list(entries)
    trace = hashlib.sha256(events[0].run.encode()).hexdigest()[:32] if events else "0" * 32
    root = _id(trace, 0)
    spans = [_root(events, trace, root)] if events else []
    spans += [span for before, event in pairwise(events) if (span := _step(event, before, trace, root))]
    resource = {"attributes": _attributes({"service.name": "wherefrom", "service.version": _version()})}
    scope = {"name": "wherefrom", "version": _version()}
    scoped = {"scope": scope, "spans": spans, "schemaUrl": SCHEMA}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [scoped], "schemaUrl": SCHEMA}]}


def _root(events: list[Entry], trace: str, span: str) -> dict[str, Any]:
    first, last = events[0], events[-1]
    about = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "wherefrom",
        "gen_ai.conversation.id": first.body.get("conversation"),
        "wherefrom.run": first.run,
        "wherefrom.events": len(events),
        "wherefrom.refused": last.body.get("refused"),
    }
    failed = any(event.kind == "error" for event in events)
    return _span("invoke_agent wherefrom", trace, span, "", (first.at, last.at), about, _SERVER, failed=failed)


def _step(event: Entry, before: Entry, trace: str, parent: str) -> dict[str, Any] | None:
    body, span, kind = event.body, _id(trace, event.seq), _INTERNAL
    match event.kind:
        case "model_call":
            name, about, kind = f"chat {body.get('model', '')}", _call(body), _CLIENT
        case "retrieval":
            name = "retrieval documents"
            about = {"gen_ai.operation.name": "retrieval", "wherefrom.passages": len(body.get("given", []))}
        case "tool_call":
            name = f"execute_tool {body.get('tool', '')}"
            about = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": body.get("tool")}
        case "guard":
            name = f"guard {body.get('ring', '')}"
            about = {f"wherefrom.guard.{key}": body.get(key) for key in ("ring", "id", "action", "score")}
        case _:
            return None
    about |= {"wherefrom.seq": event.seq, "wherefrom.digest": event.digest}
    failed = body.get("state") == "failed" or body.get("status") == "error"
    return _span(name, trace, span, parent, (before.at, event.at), about, kind, failed=failed)


def _call(body: Mapping[str, Any]) -> dict[str, Any]:
    tokens, parameters = body.get("tokens") or {}, body.get("parameters") or {}
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": body.get("backend"),
        "gen_ai.request.model": body.get("model"),
        "gen_ai.request.temperature": parameters.get("temperature"),
        "gen_ai.request.seed": parameters.get("seed"),
        "gen_ai.usage.input_tokens": tokens.get("input"),
        "gen_ai.usage.output_tokens": tokens.get("output"),
        "gen_ai.response.finish_reasons": [body["finish_reason"]] if body.get("finish_reason") else None,
        "wherefrom.weights": body.get("weights"),
        "wherefrom.purpose": body.get("purpose"),
    }


def _span(
    name: str,
    trace: str,
    span: str,
    parent: str,
    times: tuple[str, str],
    about: Mapping[str, Any],
    kind: int,
    *,
    failed: bool,
) -> dict[str, Any]:
    return {
        "traceId": trace,
        "spanId": span,
        **({"parentSpanId": parent} if parent else {}),
        "name": name.strip(),
        "kind": kind,
        "startTimeUnixNano": _nanoseconds(times[0]),
        "endTimeUnixNano": _nanoseconds(times[1]),
        "attributes": _attributes(about),
        "status": {"code": _ERROR if failed else _OK},
    }


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in values.items() if value is not None]


def _value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}  # 64 bits do not fit into a JSON number
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": [_value(one) for one in value]}}
        case _:
            return {"stringValue": str(value)}


def _id(trace: str, number: int) -> str:
    return hashlib.sha256(f"{trace}/{number}".encode()).hexdigest()[:16]


def _nanoseconds(at: str) -> str:
    moment = datetime.fromisoformat(at)
    return str(int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000)


def _version() -> str:
    try:
        return version("wherefrom")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "0"
