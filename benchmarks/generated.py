"""Pictures of the shipped generators under fixed captions and seeds, as they are before they are marked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backends.base import BackendContext, ImageRequest
from backends.registry import load_image
from provenance.imagemark.marker import enlarged
from ui.settings import load_settings

__all__ = ["CAPTIONS", "generated"]

FAMILIES = ("diffusion", "autoregressive", "flow", "vae", "gan")
CAPTIONS = ("a red fox", "a house", "a yellow star", "a blue fish", "a green tree", "a cup of coffee")


def generated(count: int, seed: int) -> list[tuple[str, NDArray[np.uint8]]]:
    """(name, RGBA pixels at the size of delivery), `count` of each family whose weights are there.

    They keep what is transparent: a mark can lie in what is drawn alone, which makes them the hardest covers.
    """
    settings = load_settings()
    context = BackendContext(models_dir=str(settings.models), runtime_dir=str(settings.home))
    found = []
    for family in FAMILIES:
        backend = load_image(family, context)
        if backend.available():
            continue
        for n in range(count):
            request = ImageRequest(prompt=CAPTIONS[n % len(CAPTIONS)], seed=seed + n)
            [drawn] = backend.draw(request)
            image = Image.frombytes("RGBA", (drawn.width, drawn.height), drawn.rgba)
            found.append((f"{family} {n}: {request.prompt}", np.asarray(enlarged(image))))
    return found
