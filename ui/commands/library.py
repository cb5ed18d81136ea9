"""`wherefrom ingest`, `search` and `documents`."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import NotFoundError, UsageError
from ui.commands.output import Output, counted, place, shown
from ui.commands.scoping import scope_of
from ui.commands.session import on_interrupt, open_client, text_of

if TYPE_CHECKING:
    from ui.api import EngineApi, FileResult, IngestJob

__all__ = ["documents", "follow_job", "ingest", "search"]

REFUSED, FAULT, INTERRUPTED = 1, 3, 130
POLL_S = 0.15
MARKS = {"added": "+", "changed": "~", "unchanged": "=", "failed": "!", "stopped": "-"}


def ingest(options: argparse.Namespace, output: Output) -> int:
    """Read files and folders. Status 1 if any file failed, though the others are in the library."""
    paths = [_absolute(path) for path in options.paths]
    watch = [_absolute(path) for path in options.watch]
    unwatch = [str(Path(path).absolute()) for path in options.unwatch]
    if not (paths or watch or unwatch):
        raise UsageError("No file was named.", hint="Name a file or a folder.")
    with open_client() as client:
        for folder in unwatch:
            client.unwatch_folder(folder)
            output.line(f"No longer kept in step with {shown(folder)}.")
        for folder in watch:
            client.watch_folder(folder, collection=options.collection)
            output.line(f"Kept in step with {shown(folder)} from now on, as long as the engine runs.")
        if not paths:
            output.result({"watched": client.watched()}, lambda: None)
            return 0
        job = client.ingest(paths, collection=options.collection)
        with _progress(output, job) as show:
            job = follow_job(client, job, show)
    failed = [row for row in job.files if _failed(row)]
    output.result(_fields(job), lambda: _print_job(job, output))
    if job.state == "failed":
        return FAULT
    if job.state == "stopped":
        return INTERRUPTED
    return REFUSED if failed else 0


def follow_job(client: EngineApi, job: IngestJob, show: Callable[[IngestJob], None]) -> IngestJob:
    """Wait for a job, showing each state; Ctrl-C stops the job, and its state after that is returned."""
    with on_interrupt(lambda: client.stop_job(job.id)):
        while job.state in ("waiting", "running"):
            time.sleep(POLL_S)
            job = client.job(job.id)
            show(job)
    return job


def search(options: argparse.Namespace, output: Output) -> int:
    """Passages, best first."""
    if not 1 <= options.top <= 100:
        raise UsageError("--top must lie between 1 and 100.")
    with open_client() as client:
        hits = client.search(text_of(options.text), top_k=options.top, scope=scope_of(client, options))
    fields = ("document", "page", "start", "end", "text", "score", "dense", "lexical", "document_id", "heading")

    def words() -> None:
        for hit in hits:
            output.line(f"{hit.n:3}. {place(hit.document, hit.page_label)}  ({hit.score:.3f})")
            output.line(f"     {shown(' '.join(hit.text.split()))}")
        if not hits:
            output.line("Nothing found.")

    output.result({"passages": [hit.model_dump(include=set(fields)) for hit in hits]}, words)
    return 0


def documents(options: argparse.Namespace, output: Output) -> int:
    """List documents, or delete some by number."""
    with open_client() as client:
        if options.action == "delete":
            return _delete(client, options.ids, output)
        if options.ids:
            raise UsageError("`documents list` takes no numbers.")
        rows = client.documents()

    def words() -> None:
        for row in rows:
            size = f"{counted(row.pages, 'page')}, {counted(row.passages, 'passage')}"
            output.line(f"{row.id:5}  {shown(row.name)}  ({row.kind}, {size})")
        if not rows:
            output.line("The library is empty. `wherefrom ingest PATH` fills it.")

    output.result({"documents": [row.model_dump() for row in rows]}, words)
    return 0


def _delete(client: EngineApi, ids: list[int], output: Output) -> int:
    if not ids:
        raise UsageError("Which document?", hint="`wherefrom documents list` shows their numbers.")
    known = {row.id: row.name for row in client.documents()}
    missing = [id_ for id_ in ids if id_ not in known]
    if missing:
        hint = "`wherefrom documents list` shows the numbers. Nothing was deleted."
        raise NotFoundError(f"There is no document {missing[0]}.", hint=hint)
    for id_ in dict.fromkeys(ids):
        client.delete_document(id_)
        output.line(f"Deleted {shown(known[id_])}.")
    output.result({"deleted": list(dict.fromkeys(ids))}, lambda: None)
    return 0


def _absolute(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError as exc:
        raise UsageError(f"The name {shown(path)} is not valid UTF-8.", hint="Rename it, or name its folder.") from exc
    if "\0" in path or not path:
        raise UsageError("A path is empty.", hint="Name a file or a folder.")
    absolute = Path(path).expanduser().absolute()
    try:
        exists = absolute.exists() or absolute.is_symlink()
    except OSError:  # a name that is too long, a folder that may not be entered: the engine says which
        return str(absolute)
    if not exists:
        raise NotFoundError(f"{shown(path)} does not exist.", hint="Check the path.")
    return str(absolute)


def _failed(row: FileResult) -> bool:
    """Not in the library, for a reason: its own, or that of a job that ended badly."""
    return row.status == "failed" or (row.status == "stopped" and bool(row.reason))


def _fields(job: IngestJob) -> dict[str, object]:
    count = {status: sum(row.status == status for row in job.files) for status in MARKS}
    return {
        "added": count["added"],
        "changed": count["changed"],
        "unchanged": count["unchanged"],
        "failed": [{"path": r.path, "reason": r.reason, "hint": r.hint} for r in job.files if _failed(r)],
        "stopped": count["stopped"],
        "state": job.state,
        "run": job.run,
        "seconds": round(job.seconds, 3),
        "files": [row.model_dump(include={"path", "status", "document_id", "warnings"}) for row in job.files],
    }


@contextlib.contextmanager
def _progress(output: Output, job: IngestJob) -> Iterator[Callable[[IngestJob], None]]:
    """A bar on a terminal; elsewhere nothing."""
    if not output.interactive:
        yield lambda _job: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=job.files_total or None)

        def show(now: IngestJob) -> None:
            at_work = next((r for r in now.files if r.status in ("reading", "embedding")), None)
            words = f"{at_work.status} {shown(Path(at_work.path).name)}" if at_work else now.state
            progress.update(task, completed=now.files_done, total=now.files_total or None, description=words)

        yield show


def _print_job(job: IngestJob, output: Output) -> None:
    for row in job.files:
        output.line(_file_line(row))
        for warning in row.warnings:
            output.line(f"    {shown(warning)}")
    said = ", ".join(
        f"{sum(row.status == status for row in job.files)} {status}"
        for status in MARKS
        if status != "stopped" or job.state != "done"
    )
    read = f"{counted(job.pages_done, 'page')}, {counted(job.passages_done, 'passage')}"
    output.line(f"{said} · {read}, {job.seconds:.1f} s · record {job.run}")


def _file_line(row: FileResult) -> str:
    if _failed(row):
        hint = f" {shown(row.hint)}" if row.hint else ""
        return f"{MARKS['failed']} {shown(row.path)}: {shown(row.reason)}{hint}"
    return f"{MARKS.get(row.status, '?')} {shown(row.path)}"
