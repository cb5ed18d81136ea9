"""Turns a record into a report, a disclosure, and a picture: what exports, packs and the audit page are made from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agent.updates import Citation
from provenance.credentials.disclosure import Disclosure, Source
from provenance.reports.report import Report, ReportEvent, ReportSource
from ui.api import EventRow, Record
from ui.proof_api import CheckpointRow

__all__ = ["disclosure_of", "report_of"]

_ENDS = ("answer", "stopped", "interrupted")


def report_of(record: Record, *, private: bool, checkpoint: CheckpointRow | None = None, vkey: str = "") -> Report:
    """The report of a run. `private`: with its question and the passages it quotes."""
    return Report(
        run=record.run.run,
        at=record.run.at,
        question=_content(record.events, "question") if private else "",
        answer=_content(record.events, "answer"),
        refused=record.run.refused,
        withheld=not private,
        sources=tuple(_sources(record)) if private else (),
        facts=tuple(_facts(record)),
        events=tuple(
            ReportEvent(seq=event.seq, at=event.at, title=event.kind.replace("_", " "), digest=event.digest)
            for event in record.events
        ),
        checkpoint=checkpoint.code if checkpoint else "",
        vkey=vkey,
    )


def disclosure_of(record: Record, *, private: bool) -> Disclosure:
    """What the file's own credentials say: at full disclosure prompt, model and sources, else that AI made it."""
    call = _answering(record.events)
    sources = tuple(
        Source(title=one.document, digest=one.document_digest, page=str(one.page_label or one.page), quote=one.quote)
        for one in _citations(record)
    )
    return Disclosure(
        record=record.run.run,
        origin="generated",
        level="full" if private else "public",
        title=record.run.title,
        prompt=_content(record.events, "question"),
        model=str(call.get("model") or record.run.model),
        weights=str(call.get("weights", "")).removeprefix("sha256:"),
        sources=sources,
    )


def _content(events: Iterable[EventRow], name: str) -> str:
    """The last private text of this name that is still there."""
    found = ""
    for event in events:
        if event.kind in ("request", *_ENDS) and event.contents.get(name):
            found = event.contents[name] or ""
    return found


def _citations(record: Record) -> list[Citation]:
    return list(record.answer.citations) if record.answer is not None else []


def _sources(record: Record) -> Iterable[ReportSource]:
    for one in _citations(record):
        place = one.page_label or f"page {one.page}"
        yield ReportSource(n=one.n, document=one.document, place=place, quote=one.quote, digest=one.document_digest)


def _answering(events: Iterable[EventRow]) -> dict[str, Any]:
    """The body of the model call that wrote the answer."""
    calls = [event.body for event in events if event.kind == "model_call"]
    return next((body for body in reversed(calls) if body.get("purpose") == "answer"), calls[-1] if calls else {})


def _facts(record: Record) -> Iterable[tuple[str, str]]:
    call = _answering(record.events)
    if call:
        yield "Model", str(call.get("model", ""))
        yield "Weights", str(call.get("weights", ""))
        for name, value in (call.get("details") or {}).items():
            yield name.replace("_", " ").capitalize(), str(value)
        for name, value in (call.get("parameters") or {}).items():
            yield name.capitalize(), str(value)
        prompt = call.get("prompt") or {}
        if prompt:
            yield "Prompt version", f"{prompt.get('name', '')} {prompt.get('digest', '')}"
    guards = [event.body.get("action") for event in record.events if event.kind == "guard"]
    if guards:
        acted = sorted({str(action) for action in guards if action != "allow"})
        yield "Guards", f"{len(guards)} decisions" + (f", among them {', '.join(acted)}" if acted else ", all allow")
