"""The embedded default: llama.cpp in a supervised child process, for GGUF weights of the catalogue."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from backends.base import BackendContext, Kind, ModelIdentity
from backends.load import CpuLoad, FixedThreads
from backends.options import chosen_options

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from backends.llm.served import Endpoint
    from backends.llm.supervisor import Supervisor, SupervisorState
    from provenance.errors import BackendError

__all__ = ["LlamaCppBackend", "LlamaCppOptions"]


class LlamaCppOptions(BaseModel):
    """What a person may choose. The page draws its form from this."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str = Field("qwen2.5-coder-1.5b-instruct-q4_k_m", description="Catalogue name of the weights.")
    model_file: str = Field("", description="Path of a GGUF file of your own, instead of one of the catalogue.")
    context_tokens: int = Field(4096, ge=256, le=131072, description="Context window, prompt and answer together.")
    threads: int = Field(0, ge=0, le=256, description="Threads of the model; 0 follows the load of the machine.")
    gpu_layers: int = Field(0, ge=0, le=999, description="Layers on the GPU, where this llama.cpp was built for one.")
    temperature: float = Field(0.0, ge=0.0, le=2.0, description="0 always takes the likeliest token.")
    seed: int = Field(0, ge=0, le=2**32 - 2, description="Seed of the sampler.")
    max_tokens: int | None = Field(
        None, ge=1, description="Longest answer in tokens; empty: until the context is full."
    )
    idle_s: float = Field(600.0, gt=0, description="Seconds after which the unused model leaves memory.")


class LlamaCppBackend:
    """Chat models from GGUF files. One worker per file and context size; page and command line share it."""

    name: ClassVar[str] = "llamacpp"
    kind: ClassVar[Kind] = Kind.CHAT
    options_model: ClassVar[type[BaseModel]] = LlamaCppOptions

    def __init__(self, context: BackendContext) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._supervisors: dict[tuple[Any, ...], Supervisor] = {}

    def available(self) -> str:
        """Empty when it can run now, else one sentence that says what is missing."""
        if util.find_spec("xllamacpp") is None:
            return "The package xllamacpp is not installed."
        options = self._options(None)
        if not self._weights(options).is_file():
            return f"The weights of {options.model} are not there. Run: wherefrom models fetch {options.model}"
        return ""

    def chat_model(self, options: BaseModel | None = None) -> BaseChatModel:
        """A chat model with these options; the weights load on its first call."""
        from backends.llm.served import ServedChatModel
        from backends.llm.vocabulary import words_of_file

        chosen = self._options(options)
        return ServedChatModel(
            host=_LlamaCppHost(self._supervisor(chosen)),
            model=self._model_name(chosen),
            temperature=chosen.temperature,
            seed=chosen.seed,
            max_tokens=chosen.max_tokens,
            extra={"cache_prompt": True, "return_progress": True},
            bias_in_pairs=True,
            text_mark=self._context.text_mark(),
            words=lambda: words_of_file(self._weights(chosen)),
        )

    def identity(self, options: BaseModel | None = None) -> ModelIdentity:
        """What the ledger writes down about this model.

        Raises:
            BackendUnavailableError: If the weights are missing.
        """
        from backends.digest import file_digest

        chosen = self._options(options)
        state = self._supervisor(chosen).state()
        return ModelIdentity(
            backend=self.name,
            model=self._model_name(chosen),
            digest=f"sha256:{file_digest(self._weights(chosen))}",
            details={
                "engine": f"xllamacpp {metadata.version('xllamacpp')}",
                "context_tokens": chosen.context_tokens,
                "gpu_layers": chosen.gpu_layers,
                "threads": state.threads,
            },
        )

    def state(self, options: BaseModel | None = None) -> SupervisorState:
        """Whether the model is in memory, and what it costs. Starts nothing."""
        return self._supervisor(self._options(options)).state()

    def warm(self, options: BaseModel | None = None) -> None:
        """Load the weights now instead of on the first call.

        Raises:
            BackendUnavailableError: If they cannot be loaded.
        """
        with self._supervisor(self._options(options)).lease():
            pass

    def forget(self) -> None:
        """Keep nothing on disk of what the models have read up to now."""
        with self._lock:
            kept = [supervisor.warmth for supervisor in self._supervisors.values()]
        for warmth in kept:
            if warmth is not None:
                warmth.forget()
        if self._context.keep_dir:  # of models that did not run since the start
            shutil.rmtree(self._context.keep_dir, ignore_errors=True)

    def close(self) -> None:
        """End the workers. May be used again afterwards."""
        with self._lock:
            supervisors = list(self._supervisors.values())
        for supervisor in supervisors:
            supervisor.close()

    def _options(self, options: BaseModel | None) -> LlamaCppOptions:
        return chosen_options(LlamaCppOptions, options, self._context.options, backend=self.name)

    def _model_name(self, options: LlamaCppOptions) -> str:
        return Path(options.model_file).stem if options.model_file else options.model

    def _weights(self, options: LlamaCppOptions) -> Path:
        from backends.weights import weights_file

        if options.model_file:
            return Path(options.model_file)
        return weights_file(options.model, Path(self._context.models_dir))

    def _supervisor(self, options: LlamaCppOptions) -> Supervisor:
        from backends.catalog import find_model
        from backends.llm.supervisor import Supervisor
        from backends.llm.warmth import Warmth
        from backends.llm.worker import WorkerSpec

        path = self._weights(options)
        key = (str(path), options.context_tokens, options.threads, options.gpu_layers, options.idle_s)
        with self._lock:
            if key not in self._supervisors:
                name = hashlib.sha256(repr(key).encode()).hexdigest()[:16]  # no two workers share a folder
                keep = Path(self._context.keep_dir) / name if self._context.keep_dir else None
                spec = WorkerSpec(
                    model=self._model_name(options),
                    model_path=str(path),
                    sha256="" if options.model_file else find_model(options.model).main_file.sha256,
                    context_tokens=options.context_tokens,
                    gpu_layers=options.gpu_layers,
                    keep_folder=str(keep or ""),
                )
                self._supervisors[key] = Supervisor(
                    spec,
                    policy=FixedThreads(options.threads) if options.threads else CpuLoad(),
                    log_path=Path(self._context.runtime_dir) / "llamacpp.log",
                    idle_s=options.idle_s,
                    warmth=Warmth(keep, spec) if keep is not None else None,
                )
            return self._supervisors[key]


class _LlamaCppHost:
    """Leads requests to whatever worker runs at the moment."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    @contextmanager
    def lease(self) -> Iterator[Endpoint]:
        import time

        from backends.llm.served import Endpoint

        begun = time.perf_counter()
        with self._supervisor.lease() as worker:
            waited_ms = (time.perf_counter() - begun) * 1000
            yield Endpoint(url=f"{worker.url}/v1", key=worker.key, root=worker.url, load_ms=waited_ms, owner=worker)

    def explain(self, endpoint: Endpoint, exc: Exception) -> BackendError:
        from backends.llm.worker import Worker

        assert isinstance(endpoint.owner, Worker)
        return endpoint.owner.why_it_died()

    def may_ask_again(self) -> bool:
        return not self._supervisor.state().loaded
