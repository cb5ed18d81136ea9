"""A model of the `transformers` library in memory: its weights, its tokenizer, its device, its digest."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from backends.digest import file_digest
from backends.llm.int8 import to_int8
from provenance.errors import BackendUnavailableError

__all__ = ["LoadedModel", "best_device", "folder_digest", "load_model"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedModel:
    """What decoding needs."""

    model: Any  # transformers.PreTrainedModel
    tokenizer: Any  # transformers.PreTrainedTokenizerFast
    device: torch.device
    context_tokens: int
    eos: frozenset[int]
    constraints: Any  # llguidance.LLTokenizer: the tokenizer as the schema engine sees it

    def decode(self, ids: Sequence[int]) -> str:
        """Ids to text, special tokens left out."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))


def best_device(wanted: str) -> torch.device:
    """The device asked for; "auto" takes a GPU when there is one.

    Raises:
        BackendUnavailableError: If it is not there.
    """
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as exc:
        raise BackendUnavailableError(
            f"This machine, or this torch, has no device “{wanted}”.", hint='Choose device "auto" or "cpu".'
        ) from exc
    return device


def load_model(
    name: str, *, device: str, dtype: str, quantization: str, context_tokens: int, offline: bool
) -> LoadedModel:
    """Load weights and tokenizer. safetensors and GGUF only; no code of the model's repository is ever run.

    Args:
        name: Hub id, a folder, or a `.gguf` file.
        dtype: "auto" takes the weights' own on a GPU and float32 on a CPU.
        quantization: "none" or "int8".

    Raises:
        BackendUnavailableError: If it cannot be found, read, or held in memory.
    """
    import llguidance.hf
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as library_log

    library_log.disable_progress_bar()  # type: ignore[no-untyped-call]
    place = best_device(device)
    where, extra = _where(name)
    common: dict[str, Any] = {"trust_remote_code": False, "local_files_only": offline, **extra}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library's advice to its own users
            tokenizer: Any = AutoTokenizer.from_pretrained(where, **common)
            if not extra:
                common["use_safetensors"] = True
            model: Any = AutoModelForCausalLM.from_pretrained(where, dtype=_dtype(dtype, place), **common)
            if quantization == "int8":
                to_int8(model)
            model = model.to(place).eval()
        eos = _eos(model, tokenizer)
        vocabulary = int(model.get_output_embeddings().weight.shape[0])
        constraints = llguidance.hf.from_tokenizer(tokenizer, n_vocab=vocabulary, eos_token=sorted(eos))
    except ImportError as exc:
        raise BackendUnavailableError(f"{name} needs a package that is missing: {exc}.", hint="Install it.") from exc
    except (torch.OutOfMemoryError, MemoryError) as exc:
        raise BackendUnavailableError(
            f"{name} does not fit into the memory of {place}.", hint='Choose quantization "int8" or a smaller model.'
        ) from exc
    except (OSError, ValueError, KeyError, RuntimeError) as exc:
        raise _why(name, exc, offline=offline) from exc
    longest = int(getattr(model.config, "max_position_embeddings", 0) or context_tokens)
    return LoadedModel(
        model=model,
        tokenizer=tokenizer,
        device=place,
        context_tokens=min(context_tokens, longest),
        eos=eos,
        constraints=constraints,
    )


def folder_digest(name: str) -> str:
    """SHA-256 over the names and digests of a model's weight files; "" for a hub id that is not on this disk.

    One file is its own digest.
    """
    path = Path(name)
    if path.is_file():
        return file_digest(path)
    if not path.is_dir():
        snapshot = _snapshot(name)
        if snapshot is None:
            return ""
        path = snapshot
    files = sorted(path.glob("*.safetensors"))
    if not files:
        return ""
    if len(files) == 1:
        return file_digest(files[0])
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file_digest(file)}  {file.name}\n".encode())
    return whole.hexdigest()


def _snapshot(name: str) -> Path | None:
    """Where the hub's library keeps this model, if it does. Asks no network."""
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(name, "config.json")
    except ValueError:  # no hub id
        return None
    return Path(found).parent if isinstance(found, str) else None


def _where(name: str) -> tuple[str, dict[str, str]]:
    path = Path(name)
    if path.suffix == ".gguf":
        return str(path.parent), {"gguf_file": path.name}
    return name, {}


def _dtype(wanted: str, device: torch.device) -> Any:
    if wanted == "auto":
        return torch.float32 if device.type == "cpu" else "auto"
    return getattr(torch, wanted)


def _eos(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends an answer."""
    found: set[int] = set()
    for value in (getattr(model.generation_config, "eos_token_id", None), tokenizer.eos_token_id):
        found |= set(value) if isinstance(value, list) else {value} if value is not None else set()
    return frozenset(found)


def _why(name: str, exc: Exception, *, offline: bool) -> BackendUnavailableError:
    said = str(exc).strip().splitlines()[0][:240] if str(exc).strip() else type(exc).__name__
    if "trust_remote_code" in str(exc):
        return BackendUnavailableError(
            f"{name} wants to run code of its own, which is never done here.",
            hint="Choose a model that the transformers library knows.",
        )
    if "safetensors" in str(exc) and not Path(name).suffix:
        return BackendUnavailableError(
            f"{name} has no weights in safetensors form.", hint="Choose a model that has: pickled weights can run code."
        )
    if not Path(name).exists() and ("/" not in name or isinstance(exc, OSError)):
        where = "on this disk, and this machine works offline" if offline else "on this disk nor at the hub"
        return BackendUnavailableError(
            f"The model {name} was not found {where}.", hint="Name a folder, a hub id that exists, or a GGUF file."
        )
    return BackendUnavailableError(
        f"The model {name} cannot be loaded: {said}", hint="Check its files, or choose another."
    )
