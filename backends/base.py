"""The contract of a model backend: a name, a kind, an options model, and one method.

A backend is cheap to build: weights load on first use. It is found by the entry point group `wherefrom.backends`;
the built-in ones come the same way. What only some can do is a small `@runtime_checkable` protocol, not a base
method that raises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from pydantic import BaseModel

    from provenance.textmark.marker import TextMarker


__all__ = [
    "Backend",
    "BackendContext",
    "ChatBackend",
    "HasLatents",
    "HasLikelihood",
    "ImageBackend",
    "ImageProgress",
    "ImageRequest",
    "Kind",
    "MarksText",
    "ModelIdentity",
    "Picture",
]


class Kind(StrEnum):
    """What a backend makes."""

    CHAT = "chat"
    IMAGE = "image"
    EMBEDDING = "embedding"
    RERANK = "rerank"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelIdentity:
    """Which weights answered, as the ledger records it."""

    backend: str
    model: str  # catalogue name, hub id, or the URL's model name
    digest: str  # "sha256:..." of the weights; "unverified:..." where the server is not ours
    details: dict[str, Any] = field(default_factory=dict)  # library versions, device, threads, quantization


def _no_mark() -> None:
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendContext:
    """What the house hands to every backend when it is built."""

    models_dir: str  # verified weights lie here
    runtime_dir: str  # sockets, logs, scratch; private to this user
    options: dict[str, Any] = field(default_factory=dict)  # the backend's section of the settings
    keep_dir: str = ""  # where a model may keep what it has read while it is out of memory; empty: nowhere
    text_mark: Callable[[], TextMarker | None] = _no_mark  # what marks free text; None where a setting turned it off


class Backend(Protocol):
    """Every backend. Built as `cls(context)`; building loads nothing."""

    name: ClassVar[str]
    kind: ClassVar[Kind]
    options_model: ClassVar[type[BaseModel]]  # the page draws its form from this; requests are validated with it

    def __init__(self, context: BackendContext) -> None: ...

    def available(self) -> str:
        """Empty when the backend can run now, else one sentence that says what is missing. Loads no weights."""

    def close(self) -> None:
        """Free memory and end child processes. May be used again afterwards."""


@runtime_checkable
class ChatBackend(Backend, Protocol):
    """A backend that gives a LangChain chat model.

    The model it returns must: stream; stop within a second when the consumer closes the stream; honour `seed`,
    `temperature`, `max_tokens`, `stop` and `response_format={"type": "json_schema", "json_schema": {"schema": ...}}`
    passed through `.bind(...)`; set `usage_metadata` on the last chunk, and `response_metadata["timings"]` with
    `prompt_tokens_cached`, `prompt_ms`, `predicted_ms` where the engine knows them.
    """

    def chat_model(self, options: BaseModel | None = None) -> BaseChatModel:
        """A chat model with these options; the weights load on the first call.

        Raises:
            BackendUnavailableError: If weights, device or package are missing.
        """

    def identity(self, options: BaseModel | None = None) -> ModelIdentity:
        """What the ledger writes down about this model."""


@runtime_checkable
class MarksText(Protocol):
    """A chat model that can put a keyed mark into free text while it decodes.

    `.bind(text_mark=True)` asks for it, for one call. It is never put into what a schema, a grammar or tools shape,
    whatever is asked. What was applied, without the key, stands in `response_metadata["text_mark"]` of the last chunk;
    nothing stands there when none was.
    """

    text_mark: TextMarker | None


@runtime_checkable
class Forgets(Protocol):
    """A backend that keeps something of earlier prompts beyond an answer."""

    def forget(self) -> None:
        """Something was deleted or erased: keep nothing on disk that was made from a prompt up to now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageRequest:
    """What to draw. Picture `i` of a request has the seed `seed + i`."""

    prompt: str
    style: str = ""  # one of `styles()`, or "" for whichever the model likes
    seed: int = 0
    count: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture in memory: rows from the top, four bytes a pixel, straight alpha."""

    width: int
    height: int
    rgba: bytes
    seed: int
    numbers: dict[str, float] = field(default_factory=dict)  # "bits_per_dim", where the family knows it


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageProgress:
    """How far a request has come. `previews` has one picture each, still rough, or none."""

    step: int
    steps: int
    previews: tuple[Picture, ...] = ()


@runtime_checkable
class ImageBackend(Backend, Protocol):
    """A backend that draws.

    `draw` stops within a second when the `Cancellation` of the enclosing `cancellable` is cancelled, by raising
    `GenerationStopped`; the same request on the same device and versions gives the same bytes.
    """

    def styles(self) -> list[str]:
        """The styles it knows, or none where any words will do. Loads no weights."""

    def draw(
        self,
        request: ImageRequest,
        options: BaseModel | None = None,
        *,
        progress: Callable[[ImageProgress], None] | None = None,
    ) -> list[Picture]:
        """As many pictures as asked for.

        Raises:
            UsageError: If the prompt is empty or too long, the style unknown, the count out of bounds.
            BackendUnavailableError: If weights are missing or are not the right ones.
            GenerationError: If the device ran out of memory.
        """

    def identity(self, options: BaseModel | None = None) -> ModelIdentity:
        """What the ledger writes down about this model."""


@runtime_checkable
class HasLatents(Protocol):
    """An image backend whose pictures can be taken apart and mixed."""

    def between(self, first: Picture, second: Picture, *, steps: int) -> list[Picture]:
        """Pictures on the way from one to the other, both ends included (as the model redraws them)."""

    def vary(self, picture: Picture, *, strength: float, seed: int, count: int) -> list[Picture]:
        """Relatives of a picture; `strength` 0 redraws it, 1 forgets it."""


@runtime_checkable
class HasLikelihood(Protocol):
    """An image backend that knows how likely a picture is: exactly, not as a bound."""

    def bits_per_dim(self, picture: Picture, *, prompt: str, style: str = "") -> float:
        """Minus log2 of the density per number of the model's space; lower is likelier."""
