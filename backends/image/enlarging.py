"""The shipped upscaler as the house uses it: 64 pixels a side become 256. Loads no torch before the first picture."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import ModelIdentity, Picture
from backends.image import shipped
from provenance.errors import GenerationError

if TYPE_CHECKING:
    from backends.image.upscaler import Upscaler

__all__ = ["UPSCALER", "Enlarger"]

UPSCALER = "upscaler"
_TAKES = 64  # pixels a side: what the families draw, and the only size that it was trained on


class Enlarger:
    """Any number of threads may call it.

    Args:
        folder: With weights that go before the shipped ones, where it holds any.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder if folder and (folder / f"{UPSCALER}.safetensors").is_file() else None
        self._loading = threading.Lock()
        self._network: Upscaler | None = None

    @staticmethod
    def takes(picture: Picture) -> bool:
        """Whether the picture has the size that it enlarges."""
        return (picture.width, picture.height) == (_TAKES, _TAKES)

    def enlarge(self, pictures: Sequence[Picture]) -> list[Picture]:
        """Each at four times its size; the same pixels give the same.

        Raises:
            BackendUnavailableError: If the weights are missing or are not the right ones.
            GenerationError: If the memory is full.
        """
        network = self._load()
        import torch

        try:
            with torch.inference_mode():  # one after the other: neighbours change nothing, and memory stays small
                return [self._one(network, picture) for picture in pictures]
        except (MemoryError, torch.OutOfMemoryError) as exc:
            raise GenerationError("The picture cannot be enlarged: the memory is full.") from exc

    def identity(self) -> ModelIdentity:
        """Model and digest, for the record. Raises `BackendUnavailableError` as `enlarge`."""
        return shipped.identity(UPSCALER, self._folder)

    @staticmethod
    def _one(network: Upscaler, picture: Picture) -> Picture:
        import torch

        rgba = torch.frombuffer(bytearray(picture.rgba), dtype=torch.uint8).view(1, picture.height, picture.width, 4)
        large = network.enlarged(rgba)[0]
        return replace(picture, width=large.shape[1], height=large.shape[0], rgba=large.numpy().tobytes())

    def _load(self) -> Upscaler:
        with self._loading:
            if self._network is None:
                from backends.image.packing import load_upscaler

                self._network = load_upscaler(shipped.verified_path(UPSCALER, self._folder))
            return self._network
