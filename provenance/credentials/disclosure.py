"""What a file says about itself. Public: made by AI, and the record's id. Full: prompt, model, weights, sources too."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

__all__ = ["AI_SOURCE_TYPES", "RECORD_LABEL", "Disclosure", "Origin", "SoftBinding", "Source", "source_type"]

Origin = Literal["generated", "edited", "composite"]

RECORD_LABEL = "org.wherefrom.record"
_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_SOURCE_TYPES: dict[Origin, str] = {
    "generated": "trainedAlgorithmicMedia",  # all of it came from a model
    "edited": "compositeWithTrainedAlgorithmicMedia",  # a model changed or filled in a part of something given
    "composite": "compositeSynthetic",  # put together from several things, at least one of them from a model
}
AI_SOURCE_TYPES = frozenset(_TYPES + name for name in _SOURCE_TYPES.values())


def source_type(origin: Origin) -> str:
    """The IPTC term.

    Example:
        >>> source_type("generated").rsplit("/")[-1]
        'trainedAlgorithmicMedia'
    """
    return _TYPES + _SOURCE_TYPES[origin]


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A document that an answer cites; named in the file only at full disclosure."""

    title: str
    digest: str = ""  # SHA-256 of the document, hex
    page: str = ""
    quote: str = ""
    mime: str = "application/octet-stream"


@dataclass(frozen=True, kw_only=True, slots=True)
class SoftBinding:
    """What a watermark in the file holds, so that the manifest can be found by it."""

    algorithm: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Disclosure:
    """What is known about a file. `level` decides how much of it the file tells; the record keeps all of it."""

    record: str
    origin: Origin = "generated"
    level: Literal["public", "full"] = "public"
    title: str = ""  # told at full only: a title often is the prompt
    prompt: str = ""
    model: str = ""
    weights: str = ""  # SHA-256, hex
    sources: tuple[Source, ...] = ()
    soft_binding: SoftBinding | None = None

    def manifest(self, *, opened: bool) -> dict[str, Any]:
        """The manifest's definition. `opened`: an input is kept as parent, which the library records by itself."""
        software = {"name": "Wherefrom", "version": _version()}
        action = {
            "action": "c2pa.edited" if opened else "c2pa.created",
            "digitalSourceType": source_type(self.origin),
            "softwareAgent": software,
        }
        manifest: dict[str, Any] = {
            "claim_generator_info": [software],
            "assertions": [
                {"label": "c2pa.actions.v2", "created": True, "data": {"actions": [action, *self._bound()]}},
                {"label": RECORD_LABEL, "created": True, "data": self.told()},
            ],
        }
        if self.soft_binding:
            blocks = [{"scope": {}, "value": self.soft_binding.value}]
            binding = {"alg": self.soft_binding.algorithm, "blocks": blocks}
            manifest["assertions"].append({"label": "c2pa.soft-binding", "created": True, "data": binding})
        if self.level == "full":
            manifest["ingredients"] = [_ingredient(source, n) for n, source in enumerate(self.sources, 1)]
            if self.title:
                manifest["title"] = self.title
        return manifest

    def told(self) -> dict[str, Any]:
        """The project's own assertion."""
        public = {"record": self.record, "ai_made": True, "software": "Wherefrom", "version": _version()}
        if self.level == "public":
            return public
        return public | {
            key: value
            for key, value in (("prompt", self.prompt), ("model", self.model), ("weights_sha256", self.weights))
            if value
        }

    def _bound(self) -> list[dict[str, str]]:
        return [{"action": "c2pa.watermarked.bound"}] if self.soft_binding else []


def _ingredient(source: Source, n: int) -> dict[str, Any]:
    told = {"org.wherefrom.page": source.page, "org.wherefrom.quote": source.quote}
    ingredient: dict[str, Any] = {
        "title": source.title,
        "format": source.mime,
        "relationship": "inputTo",
        "instance_id": f"sha256:{source.digest or 'unknown'}#{n}",
    }
    if details := {key: value for key, value in told.items() if value}:
        ingredient["metadata"] = details
    return ingredient


def _version() -> str:
    try:
        return version("wherefrom")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "0"
