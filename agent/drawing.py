"""Drawing a picture with a record: the request first, then the guards, the model, the pictures; all in the ledger.

Used by the engine for `wherefrom image` and the studio, and by the chat's tool. A picture is only shown after the
ledger holds its digest, the weights' digest, the seed and the options: with these the same one can be made again.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from agent.guardrails.rings import Guards
from agent.middleware.record import LedgerWriter
from backends.base import ImageBackend, ImageProgress, ImageRequest, Picture
from backends.cancellation import GenerationStopped
from backends.options import chosen_options
from provenance.errors import AppError, BackendUnavailableError, StorageError

__all__ = ["PREFERRED", "Deliver", "Drawer", "Drawn", "DrawnFile", "png"]

PREFERRED = ("diffusion", "autoregressive", "flow", "vae", "gan")  # the first that has weights draws when nobody chose


class Deliver(Protocol):
    """Marks and signs a picture on its way out: PNG bytes to PNG bytes. `record` is the run's id."""

    def __call__(self, data: bytes, *, record: str) -> bytes: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnFile:
    """One picture on disk."""

    n: int
    seed: int
    width: int
    height: int
    pixels_sha256: str
    file_sha256: str
    path: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """What became of a request. `refused` is the sentence of the guard that stopped it, or ""."""

    files: tuple[DrawnFile, ...] = ()
    refused: str = ""
    model: str = ""
    seconds: float = 0.0


class Drawer:
    """Draws on request. One picture at a time: callers wait in the backend."""

    def __init__(
        self,
        *,
        ledger: LedgerWriter,
        guards: Guards,
        family: Callable[[str], ImageBackend],
        folder: Path,
        deliver: Deliver | None = None,
    ) -> None:
        """`family` builds a backend by name; `folder` takes the pictures, a folder a run."""
        self._ledger, self._guards, self._build, self._folder = ledger, guards, family, folder
        self._deliver = deliver
        self._families: dict[str, ImageBackend] = {}

    def family(self, name: str = "") -> ImageBackend:
        """The backend of this name, or the preferred one that can run.

        Raises:
            BackendUnavailableError: If it, or all of them, lack weights.
        """
        for one in (name,) if name else PREFERRED:
            found = self._families.get(one) or self._families.setdefault(one, self._build(one))
            problem = found.available()
            if not problem:
                return found
            if name:
                raise BackendUnavailableError(problem, hint="`wherefrom backends` shows which families can draw.")
        raise BackendUnavailableError(
            "No family of pictures has its weights.", hint="`wherefrom backends` shows what each lacks."
        )

    def draw(
        self,
        request: ImageRequest,
        *,
        run: str,
        family: str = "",
        options: dict[str, Any] | None = None,
        progress: Callable[[ImageProgress], None] | None = None,
    ) -> Drawn:
        """Draw, record, store. Stopped by the `Cancellation` of the caller's `cancellable`.

        Raises:
            GenerationStopped: If somebody asked for the stop; the ledger says so.
            AppError: If the request is wrong or the model fails; the ledger says so.
        """
        backend = self.family(family)
        chosen = chosen_options(backend.options_model, None, options or {}, backend=backend.name)
        self._ledger.append(
            kind="request",
            run=run,
            body={
                "task": "image",
                "characters": len(request.prompt),
                "family": backend.name,
                "style": request.style,
                "seed": request.seed,
                "count": request.count,
            },
            contents={"question": request.prompt},
        )
        try:
            return self._recorded(request, backend, chosen.model_dump(mode="json"), run, progress)
        except GenerationStopped:
            self._ledger.append(kind="stopped", run=run, body={"task": "image"})
            raise
        except AppError as exc:
            self._ledger.append(kind="error", run=run, body={"error": type(exc).__name__})
            raise

    def _recorded(
        self,
        request: ImageRequest,
        backend: ImageBackend,
        options: dict[str, Any],
        run: str,
        progress: Callable[[ImageProgress], None] | None,
    ) -> Drawn:
        verdict = self._guards.check_input(request.prompt)
        for decision in verdict.decisions:
            self._ledger.append(kind="guard", run=run, body=decision.body())
        if verdict.action in ("block", "ask"):
            why = " ".join(d.detail for d in verdict.decisions if d.action in ("block", "ask"))
            refused = f"A guard stopped this prompt. {why}".strip()
            self._ledger.append(kind="answer", run=run, body={"task": "image", "refused": True, "pictures": []})
            return Drawn(refused=refused)
        asked = ImageRequest(prompt=verdict.text, style=request.style, seed=request.seed, count=request.count)
        began = time.perf_counter()
        chosen = backend.options_model.model_validate(options)
        pictures = backend.draw(asked, chosen, progress=progress)
        seconds = time.perf_counter() - began
        who = backend.identity(chosen)
        self._ledger.append(
            kind="model_call",
            run=run,
            body={
                "backend": who.backend,
                "model": who.model,
                "weights": who.digest,
                "details": who.details,
                "parameters": {**options, "seed": asked.seed, "count": asked.count, "style": asked.style},
                "seconds": round(seconds, 3),
            },
            contents={"prompt": asked.prompt},
        )
        files = tuple(self._store(picture, run, n) for n, picture in enumerate(pictures, 1))
        facts = [{"n": f.n, "seed": f.seed, "pixels": f.pixels_sha256, "file": f.file_sha256} for f in files]
        self._ledger.append(
            kind="answer", run=run, body={"task": "image", "refused": False, "model": who.model, "pictures": facts}
        )
        return Drawn(files=files, model=who.model, seconds=seconds)

    def _store(self, picture: Picture, run: str, n: int) -> DrawnFile:
        data = png(picture)
        if self._deliver is not None:
            data = self._deliver(data, record=run)
        width, height = _size(data)
        path = self._folder / run / f"{n}.png"
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            partial = path.with_suffix(".partial")
            with partial.open("wb") as file:
                file.write(data)
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError as exc:
            raise StorageError("The picture could not be stored.", hint="Free some space and try again.") from exc
        return DrawnFile(
            n=n,
            seed=picture.seed,
            width=width,
            height=height,
            pixels_sha256=hashlib.sha256(picture.rgba).hexdigest(),
            file_sha256=hashlib.sha256(data).hexdigest(),
            path=path,
        )


def _size(data: bytes) -> tuple[int, int]:
    """Of the file: a small picture may have been enlarged on its way out."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        return image.size


def png(picture: Picture) -> bytes:
    """The picture as PNG, without metadata: the same pixels give the same bytes."""
    from PIL import Image

    out = io.BytesIO()
    Image.frombytes("RGBA", (picture.width, picture.height), picture.rgba).save(out, "PNG", compress_level=6)
    return out.getvalue()
