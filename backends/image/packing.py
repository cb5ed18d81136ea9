"""Weights in and out of memory: safetensors, int8 for the large matrices, one file a model.

A file holds the generator under `generator.`, the sketch under `sketch.` and the codec under `codec.`. A matrix of more
than 4,096 numbers is stored as int8 with one scale a row, its neighbours as fp16; the codec and a codebook are kept as
they are, because what they hold has an exact inverse.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from backends.digest import file_digest
from backends.image.codec import Codec
from backends.image.generator import Generator
from backends.image.shipped import header
from backends.image.sketch import Sketch
from backends.image.upscaler import Upscaler
from provenance.errors import BackendUnavailableError
from provenance.whole_file import replacing

__all__ = ["Loaded", "load", "load_upscaler", "packed", "save", "save_upscaler", "unpacked"]

_SMALL = 4096
_EXACT = ("codec.", "generator.codebook.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A model in memory."""

    generator: Generator
    codec: Codec
    sketch: Sketch
    meta: dict[str, Any]


def load(path: Path, generator_class: type[Generator]) -> Loaded:
    """The model in this file.

    Raises:
        BackendUnavailableError: If it is damaged or holds another network.
    """
    meta = header(path)
    try:
        tensors = unpacked(load_file(path))
        generator = generator_class(dims=meta["dims"], styles=len(meta["styles"]), **meta["sizes"])
        codec = Codec(dims=meta["dims"])
        sketch = Sketch(dims=meta["dims"], styles=len(meta["styles"]), **meta["sketch"])
        for module, prefix in ((generator, "generator."), (codec, "codec."), (sketch, "sketch.")):
            module.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    except (OSError, SafetensorError, KeyError, TypeError, RuntimeError, ValueError) as exc:
        raise BackendUnavailableError(f"{path.name} cannot be read: {exc}.", hint="Fetch or train it again.") from exc
    return Loaded(generator=generator.eval(), codec=codec.eval(), sketch=sketch.eval(), meta=meta)


def save(path: Path, generator: Generator, codec: Codec, sketch: Sketch, meta: dict[str, Any]) -> str:
    """Write a model; returns the file's SHA-256."""
    tensors = {f"generator.{name}": value for name, value in generator.state_dict().items()}
    tensors |= {f"codec.{name}": value for name, value in codec.state_dict().items()}
    tensors |= {f"sketch.{name}": value for name, value in sketch.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as draft:
        save_file(packed(tensors), draft, metadata={"meta": json.dumps(meta, sort_keys=True)})
    return file_digest(path, full=True)


def load_upscaler(path: Path) -> Upscaler:
    """The upscaler in this file.

    Raises:
        BackendUnavailableError: If it is damaged or holds another network.
    """
    meta = header(path)
    try:
        network = Upscaler(**meta["sizes"])
        network.load_state_dict(unpacked(load_file(path)))
    except (OSError, SafetensorError, KeyError, TypeError, RuntimeError, ValueError) as exc:
        raise BackendUnavailableError(f"{path.name} cannot be read: {exc}.", hint="Fetch or train it again.") from exc
    return network.eval()


def save_upscaler(path: Path, network: Upscaler, meta: dict[str, Any]) -> str:
    """Write an upscaler in fp16: it is small, and rounding shows in flat colours. Returns the file's SHA-256."""
    tensors = {name: value.detach().to(torch.float16).contiguous() for name, value in network.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as draft:
        save_file(tensors, draft, metadata={"meta": json.dumps({**meta, "sizes": network.sizes}, sort_keys=True)})
    return file_digest(path, full=True)


def packed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """int8 with a scale a row for large matrices, fp16 for other floats; what must be exact as it is."""
    out: dict[str, Tensor] = {}
    for name, value in tensors.items():
        value = value.detach().contiguous()
        if not value.is_floating_point() or name.startswith(_EXACT):
            out[name] = value.clone()
        elif value.ndim >= 2 and value.numel() > _SMALL:
            rows = value.float().flatten(1)
            scale = rows.abs().amax(1, keepdim=True).clamp(min=1e-12) / 127
            out[name] = (rows / scale).round().to(torch.int8).view(value.shape)
            out[f"{name}.scale"] = scale[:, 0].clone()
        else:
            out[name] = value.to(torch.float16).clone()
    return out


def unpacked(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The way back, in fp32."""
    out: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if name.endswith(".scale") and name.removesuffix(".scale") in tensors:
            continue
        if value.dtype == torch.int8:
            rows = value.float().flatten(1) * tensors[f"{name}.scale"][:, None]
            out[name] = rows.view(value.shape)
        else:
            out[name] = value.float() if value.is_floating_point() else value
    return out
