"""Chat models of the `transformers` library in this process: a GPU when there is one, any safetensors model."""

from __future__ import annotations

import threading
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from backends.base import BackendContext, Kind, ModelIdentity
from backends.options import chosen_options
from provenance.errors import ConfigError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from backends.llm.decoding import Decoder
    from backends.llm.loaded import LoadedModel

__all__ = ["TransformersBackend", "TransformersOptions"]


class TransformersOptions(BaseModel):
    """What a person may choose."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field("", description="Hub id, folder, or GGUF file.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps; auto takes a GPU when there is one.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Precision; auto takes the weights' own on a GPU and float32 on a CPU."
    )
    quantization: Literal["none", "int8"] = Field(
        "none", description="int8 keeps linear layers in 8 bits: a quarter of the memory of float32, not faster."
    )
    threads: int = Field(0, ge=0, le=256, description="Threads of torch on a CPU; 0 leaves them as they are.")
    context_tokens: int = Field(4096, ge=64, le=1 << 20, description="Context window, prompt and answer together.")
    temperature: float = Field(0.0, ge=0.0, le=2.0, description="0 always takes the likeliest token.")
    seed: int = Field(0, ge=0, le=2**63 - 1, description="Seed of the sampler.")
    max_tokens: int | None = Field(None, ge=1, description="Longest answer in tokens; empty: no limit.")
    offline: bool = Field(False, description="Never ask the hub.")


class TransformersBackend:
    """Holds one model in memory; asking for another one drops the first."""

    name: ClassVar[str] = "transformers"
    kind: ClassVar[Kind] = Kind.CHAT
    options_model: ClassVar[type[BaseModel]] = TransformersOptions

    def __init__(self, context: BackendContext) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._held: tuple[tuple[object, ...], LoadedModel, Decoder] | None = None

    def available(self) -> str:
        """Empty when it can run now, else one sentence that says what is missing."""
        for package in ("torch", "transformers", "llguidance"):
            if util.find_spec(package) is None:
                return f"The package {package} is not installed."
        if not self._options(None).model:
            return "No model is named. Set WHEREFROM_MODEL to a hub id, a folder or a GGUF file."
        return ""

    def chat_model(self, options: BaseModel | None = None) -> BaseChatModel:
        """A chat model; the weights load on its first call.

        Raises:
            ConfigError: If no model is named.
        """
        from backends.llm.transformers_chat import TransformersChatModel

        chosen = self._options(options)
        if not chosen.model:
            raise ConfigError("No model is named for the transformers backend.", hint="Set WHEREFROM_MODEL.")
        return TransformersChatModel(
            runtime=lambda: self._runtime(chosen),
            model=_shown(chosen.model),
            temperature=chosen.temperature,
            seed=chosen.seed,
            max_tokens=chosen.max_tokens,
            text_mark=self._context.text_mark(),
        )

    def identity(self, options: BaseModel | None = None) -> ModelIdentity:
        """What the ledger writes down. A model that was not fetched from the hub yet has no digest to name."""
        from backends.llm.loaded import folder_digest

        chosen = self._options(options)
        digest = folder_digest(chosen.model)
        details = {
            "engine": f"transformers {metadata.version('transformers')}, torch {metadata.version('torch')}",
            "device": chosen.device,
            "dtype": chosen.dtype,
            "quantization": chosen.quantization,
            "context_tokens": chosen.context_tokens,
        }
        return ModelIdentity(
            backend=self.name,
            model=_shown(chosen.model),
            digest=f"sha256:{digest}" if digest else f"unverified:{_shown(chosen.model)}",
            details=details,
        )

    def close(self) -> None:
        """Drop the weights. May be used again afterwards."""
        with self._lock:
            held, self._held = self._held, None
        if held is not None:
            _, loaded, decoder = held
            decoder.forget()
            if loaded.device.type == "cuda":
                import torch

                torch.cuda.empty_cache()

    def _options(self, options: BaseModel | None) -> TransformersOptions:
        return chosen_options(TransformersOptions, options, self._context.options, backend=self.name)

    def _runtime(self, options: TransformersOptions) -> tuple[LoadedModel, Decoder]:
        from backends.llm.decoding import Decoder
        from backends.llm.loaded import load_model

        key = (options.model, options.device, options.dtype, options.quantization, options.context_tokens)
        with self._lock:
            if self._held is None or self._held[0] != key:
                self._held = None  # two models at once may not fit
                if options.threads:
                    import torch

                    torch.set_num_threads(options.threads)
                loaded = load_model(
                    options.model,
                    device=options.device,
                    dtype=options.dtype,
                    quantization=options.quantization,
                    context_tokens=options.context_tokens,
                    offline=options.offline,
                )
                self._held = (key, loaded, Decoder(loaded))
            return self._held[1], self._held[2]


def _shown(model: str) -> str:
    """A path's last name: records should not tell where on a disk something lay."""
    return Path(model).stem if Path(model).exists() else model
