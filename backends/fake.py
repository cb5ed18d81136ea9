"""A chat backend without weights: deterministic, instant. Demos, the page's tests and CI run on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from backends.base import BackendContext, Kind, ModelIdentity
from backends.options import chosen_options

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["FakeChatBackend", "FakeOptions"]


class FakeOptions(BaseModel):
    """What a person, or a test, may choose."""

    model_config = ConfigDict(frozen=True, extra="ignore")  # it stands in for any backend, so it takes any settings

    replies: tuple[str, ...] = Field((), description="Said in turn instead of an answer; JSON where a schema is asked.")
    delay_ms: float = Field(0.0, ge=0.0, le=10_000.0, description="Pause before each word, to watch tokens arrive.")
    seed: int = Field(0, ge=0, description="Another seed says the same in other words.")


class FakeChatBackend:
    """Quotes the passage that fits the question best, or says what it was asked."""

    name: ClassVar[str] = "fake"
    kind: ClassVar[Kind] = Kind.CHAT
    options_model: ClassVar[type[BaseModel]] = FakeOptions

    def __init__(self, context: BackendContext) -> None:
        self._context = context

    def available(self) -> str:
        """Always."""
        return ""

    def chat_model(self, options: BaseModel | None = None) -> BaseChatModel:
        """A chat model that needs no weights."""
        from backends.llm.fake_chat import FakeChatModel

        chosen = chosen_options(FakeOptions, options, self._context.options, backend=self.name)
        return FakeChatModel(replies=chosen.replies, delay_ms=chosen.delay_ms, seed=chosen.seed)

    def identity(self, options: BaseModel | None = None) -> ModelIdentity:
        """A digest of nothing, said so."""
        return ModelIdentity(
            backend=self.name, model="fake-1", digest="sha256:" + "0" * 64, details={"weights": "none"}
        )

    def close(self) -> None:
        """Nothing is held."""
