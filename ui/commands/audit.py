"""`wherefrom record` and `wherefrom audit`: what happened, and whether the ledger still says so."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import NotFoundError, StorageError, UsageError
from ui.commands.output import Output, counted, shown
from ui.commands.session import open_client, read_note

if TYPE_CHECKING:
    from ui.api import EngineApi, EventRow, Record, RunRow

__all__ = ["export", "last_run", "list_runs", "record", "show_record", "verify"]

NOT_VERIFIED = 1
PAGE = 1000
# Not what a person means by "last".
HOUSEKEEPING = frozenset({"erasure", "ledger_key", "conversation_deleted", "tool_permit"})
MOST_ERASURES = 50
TELLING = frozenset({"model", "weights", "tool", "refused", "action", "citations", "tokens", "seconds", "doubt"})
FIELD_WIDTH = 200


def record(options: argparse.Namespace, output: Output) -> int:
    """The events of one run as a tree."""
    with open_client() as client:
        found = client.record(last_run(client) if options.run == "last" else options.run)
    output.result(found.model_dump(), lambda: show_record(found, output))
    return 0


def show_record(found: Record, output: Output, *, brief: bool = False) -> None:
    """A run as a tree: its events in order, with what each recorded. `brief` leaves out what did not matter."""
    from rich.text import Text
    from rich.tree import Tree

    row = found.run
    tree = Tree(Text(f"{row.run}  {shown(row.title)}  ({row.kind}, {row.state}, {row.events} events)", style="bold"))
    allowed = 0
    for event in found.events:
        if brief and event.kind == "guard" and event.body.get("action") == "allow":
            allowed += 1
            continue
        branch = tree.add(Text.assemble((event.kind, "cyan"), f"  #{event.seq}  {event.at}  {event.digest[:15]}…"))
        for name, value in event.body.items():
            if name != "commitments" and not (brief and name not in TELLING):
                branch.add(Text(f"{name}: {_brief(value)}"))
        for name, text in event.contents.items():
            branch.add(Text(f"{name}: {'(erased)' if text is None else _brief(text)}", style="italic"))
    if allowed:
        tree.add(Text(f"guards: {allowed} more decisions, all of them allow"))
    output.console.print(tree)


def verify(options: argparse.Namespace, output: Output) -> int:
    """Every event, every signature, every exported checkpoint, and those that are brought along."""
    notes, codes = _brought(options.against)
    with open_client() as client:
        found = client.verify(notes=notes, codes=codes, head=options.head)

    def words() -> None:
        if found.ok:
            output.line(f"The ledger is whole: {found.events} events, head {found.head}.")
            output.line(
                f"{counted(found.checkpoints, 'checkpoint')} agree; the first {found.signed} events are signed."
            )
        else:
            first = "" if found.first_bad is None else f" First bad entry: {found.first_bad}."
            output.line(f"The ledger is NOT whole.{first} {shown(found.reason)}")
        for note in found.notes:
            output.line(f"Note: {shown(note)}")

    output.result(found.model_dump(), words)
    return 0 if found.ok else NOT_VERIFIED


def _brought(given: list[str]) -> tuple[list[str], list[str]]:
    """Checkpoints from files, and codes from paper.

    Raises:
        UsageError: If a file cannot be read or is no text.
    """
    codes = [one for one in given if one.strip().upper().startswith("WF-") and not Path(one).exists()]
    return [read_note(one) for one in given if one not in codes], codes


def list_runs(options: argparse.Namespace, output: Output) -> int:
    """The newest first."""
    if options.limit < 1:
        raise UsageError("--limit must be 1 or more.")
    with open_client() as client:
        rows = client.runs(limit=options.limit, kind=options.kind, text=options.text)

    def words() -> None:
        for row in rows:
            output.line(f"{row.at}  {row.run}  {_state(row)}  {shown(row.title)}")
        if not rows:
            output.line("Nothing is recorded yet.")

    output.result({"runs": [row.model_dump() for row in rows]}, words)
    return 0


def _state(row: RunRow) -> str:
    return f"{row.kind}, {'refused' if row.refused else row.state}{', blocked' if row.blocked else ''}"


def export(options: argparse.Namespace, output: Output) -> int:
    """One event a line, oldest first; private texts only on request."""
    with open_client() as client:
        return _export(client, options, output)


def _export(client: EngineApi, options: argparse.Namespace, output: Output) -> int:
    lines = (_exported(event, contents=options.contents) for event in _events(client))
    if options.out is None:
        if output.json_mode:
            output.result({"events": list(lines)}, lambda: None)
        for line in () if output.json_mode else lines:
            output.line(json.dumps(line, ensure_ascii=False))
        return 0
    target, count = Path(options.out), 0
    try:
        with target.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                count += 1
    except OSError as exc:
        reason = exc.strerror or "it cannot be opened"
        raise StorageError(f"{shown(options.out)} cannot be written: {reason}.", hint="Name another file.") from exc
    output.result(
        {"file": str(target), "events": count}, lambda: output.line(f"{count} events in {shown(str(target))}.")
    )
    return 0


def _events(client: EngineApi) -> Iterator[EventRow]:
    after = 0
    while page := client.events(after=after, limit=PAGE):
        yield from page
        after = page[-1].seq


def _exported(event: EventRow, *, contents: bool) -> dict[str, object]:
    return event.model_dump(exclude=set() if contents else {"contents"})


def last_run(client: EngineApi) -> str:
    """The newest run. Raises NotFoundError while there is none."""
    rows = client.runs(limit=MOST_ERASURES)
    if not rows:
        raise NotFoundError("Nothing is recorded yet.", hint="Ask something first.")
    return next((row.run for row in rows if row.kind not in HOUSEKEEPING), rows[0].run)


def _brief(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = shown(" ".join(text.split()))
    return text if len(text) <= FIELD_WIDTH else f"{text[: FIELD_WIDTH - 1]}…"
