"""All that a training needs to go on as if nothing had happened: one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from provenance.errors import StorageError
from provenance.whole_file import replacing

__all__ = ["read_state", "restore_optimizer", "write_state"]


def write_state(
    path: Path,
    modules: dict[str, nn.Module],
    optimizers: dict[str, torch.optim.Optimizer],
    note: dict[str, Any],
) -> None:
    """Write modules, the moments of their optimizers, and a note.

    Raises:
        StorageError: If the disk is full or the folder cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        tensors |= {f"{name}/{key}": value.detach().clone() for key, value in module.state_dict().items()}
    for name, optimizer in optimizers.items():
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"{name}/{index}/{key}": torch.as_tensor(value).clone() for key, value in state.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as draft:
            save_file(tensors, draft, metadata={"note": json.dumps(note)})
    except (OSError, SafetensorError) as exc:
        raise StorageError(
            f"The checkpoint could not be written: {exc}.", hint="Free some space; go on later."
        ) from exc


def read_state(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Tensors by the name they were written under, and the note.

    Raises:
        StorageError: If the file is damaged.
    """
    found: dict[str, dict[str, Tensor]] = {}
    try:
        with safe_open(path, framework="pt") as file:
            note: dict[str, Any] = json.loads((file.metadata() or {})["note"])
            for key in file.keys():  # noqa: SIM118 - no mapping
                name, _, rest = key.partition("/")
                found.setdefault(name, {})[rest] = file.get_tensor(key)
    except (OSError, SafetensorError, KeyError, ValueError) as exc:
        raise StorageError(
            f"The checkpoint {path.name} cannot be read: {exc}.", hint="Delete it to begin anew."
        ) from exc
    return found, note


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put the moments back."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition("/")
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
