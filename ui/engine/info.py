"""`engine.json`: where a running engine listens, and with what key. Private to the user (0600), replaced atomically.

The file is a hint, not a truth: a killed engine leaves it behind. Whoever reads it must still reach the engine with
the key that it holds.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from provenance.errors import StorageError
from ui.settings import Settings

__all__ = ["PAGE_ONLY", "EngineInfo", "build_id", "engine_file", "fingerprint", "lock_file", "log_file", "prepare_home"]

PACKAGES = ("agent", "backends", "provenance", "retrieval", "ui")
# Settings that the engine does not read: two clients that differ only here share one engine.
PAGE_ONLY = frozenset({"page_host", "page_port", "password", "home"})


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineInfo:
    """What a client needs to reach the engine, and to know whether it is the right one."""

    pid: int
    port: int
    key: str
    build: str  # version and a digest of the code, see `build_id`
    settings: str  # see `fingerprint`
    started_at: str

    @property
    def url(self) -> str:
        """Base URL; loopback, always."""
        return f"http://127.0.0.1:{self.port}"

    def write(self, home: Path) -> None:
        """Replace `engine.json` in one step; nobody else can read it, not even for a moment."""
        target = engine_file(home)
        temporary = target.with_name(f".engine-{secrets.token_hex(4)}.json")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
        temporary.replace(target)

    @classmethod
    def read(cls, home: Path) -> EngineInfo | None:
        """The engine that says it runs here; None where there is none or the file cannot be understood."""
        try:
            data = json.loads(engine_file(home).read_text(encoding="utf-8"))
            return cls(**{name: data[name] for name in cls.__dataclass_fields__})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remove(self, home: Path) -> None:
        """Take the file away, if it is still this engine's."""
        found = EngineInfo.read(home)
        if found is not None and found.key == self.key:
            engine_file(home).unlink(missing_ok=True)


def engine_file(home: Path) -> Path:
    """Where the engine says that it runs."""
    return home / "engine.json"


def lock_file(home: Path) -> Path:
    """Locked by the engine for as long as it lives: one engine a data folder."""
    return home / "engine.lock"


def log_file(home: Path) -> Path:
    """What the engine prints. No questions, passages or answers are written there."""
    return home / "logs" / "engine.log"


def prepare_home(home: Path) -> None:
    """Make the data folder, private to the user.

    Raises:
        StorageError: If it cannot be made or written.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        log_file(home).parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        hint = "Check its permissions, or set WHEREFROM_HOME."
        raise StorageError(f"The data folder cannot be written: {reason}.", hint=hint) from exc


def fingerprint(settings: Settings) -> str:
    """A digest of every setting that an engine acts on."""
    values = settings.model_dump(mode="json", exclude=set(PAGE_ONLY))
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


@cache
def build_id() -> str:
    """The version and, because code may change under it, a digest of the names, sizes and times of the modules."""
    try:
        number = version("wherefrom")
    except PackageNotFoundError:
        number = "0"
    digest = hashlib.sha256()
    for path in _modules():
        stat = path.stat()
        digest.update(f"{path.name}:{stat.st_size}:{stat.st_mtime_ns}\n".encode())
    return f"{number}+{digest.hexdigest()[:12]}"


def _modules() -> Iterator[Path]:
    root = Path(__file__).resolve().parents[2]
    for package in PACKAGES:
        yield from sorted((root / package).rglob("*.py"))
