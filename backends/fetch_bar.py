"""A progress bar in the terminal for `backends.fetch.fetch`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from backends.fetch import FetchProgress

__all__ = ["fetch_bar"]

_SAYS = {"waiting": "waits for another fetch of", "downloading": "fetching", "checking": "checking", "done": "have"}


@contextmanager
def fetch_bar(console: Console | None = None) -> Iterator[Callable[[FetchProgress], None]]:
    """Yields what to pass as `progress`. Writes to standard error, so that `--json` output stays clean."""
    shown = console or Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=shown, transient=False) as bar:
        tasks: dict[tuple[str, str], object] = {}

        def show(progress: FetchProgress) -> None:
            stage = "checking" if progress.stage == "checking" else "downloading"
            key = (progress.model, stage)
            if key not in tasks:
                tasks[key] = bar.add_task("", total=progress.total_bytes)
            bar.update(
                tasks[key],  # type: ignore[arg-type]
                completed=progress.done_bytes,
                description=f"{_SAYS[progress.stage]} {progress.model}",
            )

        yield show
