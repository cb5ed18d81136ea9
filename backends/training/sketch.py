"""The sketch between its own training and that of the families: full precision, with what it was made for."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from backends.image.sketch import Sketch
from provenance.errors import ConfigError, NotFoundError
from provenance.whole_file import replacing

__all__ = ["SKETCH", "load_sketch", "save_sketch"]

SKETCH = "sketch.safetensors"  # in the training folder


def save_sketch(sketch: Sketch, path: Path, styles: list[str]) -> None:
    """Write it."""
    note = {"dims": sketch.dims, "sizes": sketch.sizes, "styles": styles}
    tensors = {name: value.contiguous() for name, value in sketch.state_dict().items()}
    with replacing(path) as draft:
        save_file(tensors, draft, metadata={"note": json.dumps(note)})


def load_sketch(path: Path, styles: list[str]) -> Sketch:
    """Read it.

    Raises:
        NotFoundError: If there is none.
        ConfigError: If it was made for other styles.
    """
    if not path.is_file():
        raise NotFoundError("There is no sketch for this data set yet.", hint="Train it: wherefrom train sketch")
    with safe_open(path, framework="pt") as file:
        note = json.loads((file.metadata() or {})["note"])
    if note["styles"] != styles:
        raise ConfigError(
            f"The sketch was made for other styles ({', '.join(note['styles'])}).",
            hint="Name the same --styles, or train the sketch again.",
        )
    sketch = Sketch(dims=note["dims"], styles=len(styles), **note["sizes"])
    sketch.load_state_dict(load_file(path))
    return sketch
