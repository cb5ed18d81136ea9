"""`wherefrom ask`: the answer streams; its sources follow, each with document and page."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from agent.updates import Answer, ApprovalAsked, Done, Failed, GuardNotice, Step, Stopped, Token
from provenance.errors import GenerationError, NotFoundError
from ui.commands.approving import answer_approval
from ui.commands.output import Output, place, shown
from ui.commands.scoping import limits_told, scope_of
from ui.commands.session import folder_of, on_interrupt, open_client, text_of, write_out

if TYPE_CHECKING:
    from ui.api import EngineApi

__all__ = ["answer_fields", "ask", "follow", "saved_files", "show_files", "show_sources"]

REFUSED, INTERRUPTED = 1, 130
QUOTE_WIDTH = 160


def ask(options: argparse.Namespace, output: Output) -> int:
    """Ask, follow, print. Ctrl-C stops the answer; what was written is kept and recorded."""
    question = text_of(options.text)
    with open_client() as client:
        conversation, scope = _conversation(client, options.conversation), scope_of(client, options)
        if conversation is not None and scope is None:
            _say_limits(client, conversation, output)
        run = client.ask(question, conversation=conversation, scope=scope)
        with on_interrupt(lambda: client.stop(run)):
            answer = follow(client, run, output)
        files = saved_files(client, answer, options.out)
    fields = answer_fields(answer) | {"artifacts": files}

    def words() -> None:
        show_files(files, output)
        show_sources(answer, output)

    output.result(fields, words)
    if answer.refused:
        return REFUSED
    return INTERRUPTED if answer.reason == "stopped" else 0


def answer_fields(answer: Answer) -> dict[str, object]:
    """The stable fields of `ask --json`."""
    return {
        "answer": answer.text,
        "refused": answer.refused,
        "reason": answer.reason,
        "citations": [
            {
                "n": c.n,
                "document": c.document,
                "page": c.page,
                "quote": c.quote,
                "document_id": c.document_id,
                "start": c.start,
                "end": c.end,
                "also": [{"document": other.document, "page": other.page} for other in c.also],
            }
            for c in answer.citations
        ],
        "nearest": [{"document": c.document, "page": c.page, "quote": c.quote} for c in answer.nearest],
        "run": answer.run,
        "conversation": answer.conversation,
        "model": answer.model,
        "timings": answer.timings.model_dump(),
    }


def saved_files(client: EngineApi, answer: Answer, out: str | None) -> list[dict[str, object]]:
    """The files that tools made, copied into the folder `out` where one is named.

    Raises:
        StorageError: If a copy cannot be written.
    """
    files: list[dict[str, object]] = []
    names = [one.name for one in answer.artifacts]
    for one in answer.artifacts:
        path = one.path
        if out is not None:
            name = one.name if names.count(one.name) == 1 else f"{one.n}-{one.name}"
            path = str(write_out(str(folder_of(out) / name), client.artifact(one.run, one.n)))
        facts = one.model_dump(include={"n", "kind", "name", "title", "media_type", "sha256", "text", "details"})
        files.append(facts | {"path": path})
    return files


def show_files(files: list[dict[str, object]], output: Output) -> None:
    """Code and tables as they are, and where each file lies."""
    for one in files:
        for line in str(one["text"]).splitlines():
            output.line(f"    {shown(line.expandtabs(4))}")
        facts = one["details"]
        if isinstance(facts, dict) and facts.get("sql"):
            output.line(f"  query: {shown(str(facts['sql']))}")
        output.line(f"  {one['kind']} {shown(str(one['title'] or one['name']))}: {shown(str(one['path']))}")


def show_sources(answer: Answer, output: Output) -> None:
    """The numbered sources, or the nearest passages where the documents do not say."""
    for c in answer.citations:
        also = "".join(f"; also in {place(other.document, other.page_label)}" for other in c.also)
        output.line(f"  [{c.n}] {place(c.document, c.page_label)}: {_short(c.quote)}{also}")
    if answer.refused and answer.reason.strip() not in ("", answer.text.strip()):
        output.line(shown(answer.reason))
    if answer.refused and answer.nearest:
        output.line("Nearest in your documents:")
        for c in answer.nearest:
            output.line(f"  {place(c.document, c.page_label)}: {_short(c.quote)}")
    output.line()
    output.line(f"record {answer.run} · conversation {answer.conversation} · {_pace(answer)}")


def _conversation(client: EngineApi, wanted: str | None) -> str | None:
    if wanted != "last":
        return wanted
    rows = client.conversations()
    if not rows:
        raise NotFoundError("There is no conversation yet.", hint="Ask without --conversation first.")
    return rows[0].id


def _say_limits(client: EngineApi, conversation: str, output: Output) -> None:
    """A conversation keeps to where its last question looked: nobody should have to remember that."""
    limits = limits_told(client, client.conversation_scope(conversation))
    if limits:
        output.note(f"(looking only in {limits}; --everywhere lifts this)")


def follow(client: EngineApi, run: str, output: Output) -> Answer:
    """Print tokens as they come; return the recorded answer (`reason` is "stopped" where it was).

    Raises:
        GenerationError: If the run failed.
    """
    written = ""
    for update in client.watch(run):
        match update:
            case Token(text=text):
                output.piece(text)
                written += text
            case GuardNotice(detail=detail, action=action) if action != "allow":
                output.note(f"({shown(detail)})")
            case Step(name="waiting", status="started"):
                output.note("(another answer is being written; this one waits)")
            case ApprovalAsked():
                answer_approval(client, update, output)
            case Failed(message=message, hint=hint):
                output.line() if written else None
                raise GenerationError(message, hint=hint)
            case Done(answer=answer) | Stopped(answer=answer):
                _settle(written, answer, output)
                stopped = isinstance(update, Stopped)
                return answer.model_copy(update={"reason": "stopped"}) if stopped else answer
            case _:
                pass
    raise GenerationError("The answer ended without a result.", hint="Ask again.")


def _settle(written: str, answer: Answer, output: Output) -> None:
    """The recorded text is what counts: print it where the stream differs from it."""
    if not written:
        output.line(answer.text)
    elif written.strip() == answer.text.strip():
        output.line()
    else:
        output.line()
        output.line("After checking its sources:")
        output.line(answer.text)


def _short(quote: str) -> str:
    text = shown(" ".join(quote.split()))
    return f"“{text}”" if len(text) <= QUOTE_WIDTH else f"“{text[: QUOTE_WIDTH - 1]}…”"


def _pace(answer: Answer) -> str:
    timings = answer.timings
    pace = f", {timings.tokens_per_s:.0f} tokens/s" if timings.tokens_per_s else ""
    return f"{timings.total_s:.1f} s{pace}"
