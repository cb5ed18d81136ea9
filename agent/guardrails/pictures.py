"""Judges what a large model drew before anybody sees it: open_nsfw (Yahoo, 2016) says how likely a picture is obscene.

What it covers: nudity and sex in photographs and in what looks like one. What it does not: violence, hate, forgeries of
people, and drawings, which it cannot judge: so icons of the small families are not shown to it. It is wrong both ways.
Fails closed: without its weights, or with an error inside, the picture does not leave.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from agent.guardrails.base import Context, Decision, Rule, Span
from agent.guardrails.decide import undecided
from backends.weights import path as verified_path
from backends.weights import weights_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backends.base import Picture

__all__ = ["WEIGHTS", "PictureGuard"]

WEIGHTS = "open-nsfw"  # in the catalogue
_SIDE, _CUT = 256, 224  # pixels: brought to the first, the middle of it looked at
_MEAN = (104.0, 117.0, 123.0)  # of blue, green, red in its training set
_RULE = Rule(threshold=0.5, action="block")  # its authors: below 0.2 likely safe, above 0.8 likely not

Session = Callable[["NDArray[np.float32]"], float]  # one prepared picture to its score


class PictureGuard:
    """Any number of threads may call it.

    Args:
        models: The folder of all models; the weights are held to the catalogue's digest before the first picture.
    """

    id, version = "pictures", "1"
    rings = frozenset({"output"})

    def __init__(self, models: Path) -> None:
        self._models, self._loading = models, threading.Lock()
        self._session: Session | None = None

    def check(self, picture: Picture) -> Decision:
        """Block or allow; whatever goes wrong blocks."""
        started, context = perf_counter(), Context(ring="output", rule=_RULE)
        try:
            score = self._load()(prepared(picture))
        except Exception as exc:  # noqa: BLE001 - whatever goes wrong inside a guard, the picture must not pass
            return undecided(self, context, started=started, why=_why(exc))  # type: ignore[arg-type]
        blocked = not score < _RULE.threshold  # a score that is no number blocks
        return Decision(
            ring="output",
            id=self.id,
            version=self.version,
            action="block" if blocked else "allow",
            score=score if score == score else 1.0,
            threshold=_RULE.threshold,
            spans=(Span(0, 0, "obscene_picture"),) if blocked else (),
            detail="Blocked: what the model drew looks obscene." if blocked else "Nothing found.",
            latency_ms=(perf_counter() - started) * 1000,
        )

    def _load(self) -> Session:
        with self._loading:
            if self._session is None:
                verified_path(WEIGHTS, self._models)
                self._session = _session(weights_file(WEIGHTS, self._models))
            return self._session


def prepared(picture: Picture) -> NDArray[np.float32]:
    """(1, 224, 224, 3), as the network was trained: on white, squeezed to a square, its middle, through JPEG, BGR."""
    import numpy as np
    from PIL import Image

    drawn = Image.frombytes("RGBA", (picture.width, picture.height), picture.rgba)
    paper = Image.new("RGBA", drawn.size, (255, 255, 255, 255))
    whole = Image.alpha_composite(paper, drawn).convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    rim = (_SIDE - _CUT) // 2
    stored = io.BytesIO()
    whole.crop((rim, rim, rim + _CUT, rim + _CUT)).save(stored, "JPEG")
    with Image.open(stored) as seen:
        values = np.asarray(seen, dtype=np.float32)[:, :, ::-1] - np.array(_MEAN, dtype=np.float32)
    return np.ascontiguousarray(values[None])


def _session(path: Path) -> Session:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # it has one picture to judge, and what draws needs the cores
    running: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = running.get_inputs()[0].name

    def score(values: NDArray[np.float32]) -> float:
        return float(running.run(None, {name: values})[0][0][1])  # (safe, not safe)

    return score


def _why(exc: Exception) -> str:
    from provenance.errors import AppError

    return f"{exc} {exc.hint}".strip().rstrip(".") if isinstance(exc, AppError) else "an error inside it"
