"""Weights on this disk: are they there, are they the right ones, where do they lie.

Layout: `models_dir/<catalogue name>/<file>`. Getting them there is `backends/fetch.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backends.catalog import CatalogModel, card, find_model, load_catalog
from backends.digest import file_digest, known_digest
from provenance.errors import BackendUnavailableError

__all__ = ["Verified", "card", "load_catalog", "model_dir", "path", "present", "verified", "verify", "weights_file"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What a check of one model found."""

    name: str
    ok: bool
    full: bool  # every byte was read now, not only size and time compared
    problems: tuple[str, ...] = ()  # one sentence per file that is missing or wrong


def model_dir(name: str, models_dir: Path) -> Path:
    """The folder of a model, whether it is there or not.

    Raises:
        NotFoundError: If the catalogue has no such model.
    """
    return models_dir / find_model(name).name


def weights_file(name: str, models_dir: Path) -> Path:
    """The main file of a model (the GGUF, the safetensors), whether it is there or not."""
    model = find_model(name)
    return models_dir / model.name / model.main_file.path


def present(name: str, models_dir: Path) -> bool:
    """Whether all files are there with the right size. Reads none of them."""
    model = find_model(name)
    return not any(_size_problem(model, models_dir))


def path(name: str, models_dir: Path) -> Path:
    """The folder of a model that is there and was verified; reads every byte only if it changed since the last time.

    Raises:
        BackendUnavailableError: If files are missing or are not the ones of the catalogue.
    """
    found = verify(name, models_dir)
    if not found.ok:
        raise BackendUnavailableError(found.problems[0], hint=f"Run: wherefrom models fetch {name}")
    return model_dir(name, models_dir)


def verified(name: str, models_dir: Path) -> bool:
    """Whether a full check passed and nothing was touched since. Reads no weights."""
    model = find_model(name)
    folder = models_dir / model.name
    return all(known_digest(folder / file.path) == file.sha256 for file in model.file)


def verify(name: str, models_dir: Path, *, full: bool = False) -> Verified:
    """Compare a model with the catalogue; with `full` (for `doctor`) every byte is read again.

    Raises:
        NotFoundError: If the catalogue has no such model.
    """
    model = find_model(name)
    folder = models_dir / model.name
    problems = _size_problem(model, models_dir)
    if not problems:
        problems = [
            f"{file.path} of {name} is not the file of the catalogue (its SHA-256 differs)."
            for file in model.file
            if file_digest(folder / file.path, full=full) != file.sha256
        ]
    return Verified(name=name, ok=not problems, full=full, problems=tuple(problems))


def _size_problem(model: CatalogModel, models_dir: Path) -> list[str]:
    problems = []
    for file in model.file:
        found = models_dir / model.name / file.path
        try:
            size = found.stat().st_size if found.is_file() else -1
        except OSError as exc:
            problems.append(f"{file.path} of {model.name} cannot be read: {exc.strerror or exc}.")
            continue
        if size < 0:
            problems.append(f"{file.path} of {model.name} is missing.")
        elif size != file.size:
            problems.append(f"{file.path} of {model.name} has {size:,} bytes instead of {file.size:,}.")
    return problems
