"""Drawing a picture with a record: the request first, then the guards, the model, the pictures; all in the ledger.

Used by the engine for `wherefrom image` and the studio, and by the chat's tool. A picture is only shown after the
ledger holds its digest, the weights' digest, the seed and the options: with these the same one can be made again.
"""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from pydantic import BaseModel

from agent.drawn import Drawn, DrawnFile, Made, Source
from agent.finishing import Finish, Finisher, png, size_of
from agent.guardrails.rings import Guards
from agent.middleware.record import LedgerWriter
from backends.base import (
    HasLatents,
    HasLikelihood,
    ImageBackend,
    ImageProgress,
    ImageRequest,
    ModelIdentity,
    Picture,
)
from backends.cancellation import GenerationStopped
from backends.options import chosen_options
from provenance.errors import (
    AppError,
    BackendUnavailableError,
    NotFoundError,
    StorageError,
    UnknownBackendError,
    UsageError,
)
from provenance.whole_file import write_whole

__all__ = ["PREFERRED", "Drawer", "How"]

# The first that has weights draws when nobody chose.
PREFERRED = ("diffusers", "diffusion", "autoregressive", "flow", "vae", "gan")
_USUAL = Finish()
_MIXES, _WEIGHS = "vae", "flow"  # the families that take pictures apart, and know how likely one is


class How(TypedDict, total=False):
    """How a request is drawn: by the preferred family in its usual way, where nothing is said."""

    family: str
    options: dict[str, Any] | None
    finish: Finish
    progress: Callable[[ImageProgress], None] | None


class Drawer:
    """Draws on request. One picture at a time: callers wait in the backend."""

    def __init__(
        self,
        *,
        ledger: LedgerWriter,
        guards: Guards,
        family: Callable[[str], ImageBackend],
        folder: Path,
        finisher: Finisher | None = None,
    ) -> None:
        """`family` builds a backend by name; `folder` takes the pictures, a folder a run."""
        self._ledger, self._guards, self._build, self._folder = ledger, guards, family, folder
        self._finisher = finisher or Finisher()
        self._families: dict[str, ImageBackend] = {}

    def recording(self, ledger: LedgerWriter) -> Drawer:
        """The same families, with another ledger: a replay has one of its own."""
        found = copy.copy(self)
        found._ledger = ledger
        return found

    def family(self, name: str = "") -> ImageBackend:
        """The backend of this name, or the preferred one that can run.

        Raises:
            BackendUnavailableError: If it, or all of them, lack weights.
        """
        for one in (name,) if name else PREFERRED:
            try:
                found = self._families.get(one) or self._families.setdefault(one, self._build(one))
            except UnknownBackendError:
                if name:
                    raise
                continue  # an installation need not hold all of them
            problem = found.available()
            if not problem:
                return found
            if name:
                raise BackendUnavailableError(problem, hint="`wherefrom backends` shows which families can draw.")
        raise BackendUnavailableError(
            "No family of pictures has its weights.", hint="`wherefrom backends` shows what each lacks."
        )

    def draw(self, request: ImageRequest, *, run: str, **how: Unpack[How]) -> Drawn:
        """Draw, record, store. Stopped by the `Cancellation` of the caller's `cancellable`.

        Raises:
            GenerationStopped: If somebody asked for the stop; the ledger says so.
            AppError: If the request is wrong or the model fails; the ledger says so.
        """
        backend, chosen = self._chosen(how)
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
            settled: How = {**how, "family": backend.name, "options": chosen.model_dump(mode="json")}
            return self._recorded(request, run, settled)
        except GenerationStopped:
            self._ledger.append(kind="stopped", run=run, body={"task": "image"})
            raise
        except AppError as exc:
            self._ledger.append(kind="error", run=run, body={"error": type(exc).__name__})
            raise

    def _chosen(self, how: How) -> tuple[ImageBackend, BaseModel]:
        backend = self.family(how.get("family", ""))
        return backend, chosen_options(backend.options_model, None, how.get("options") or {}, backend=backend.name)

    def _recorded(self, request: ImageRequest, run: str, how: How) -> Drawn:
        verdict = self._guards.check_input(request.prompt)
        for decision in verdict.decisions:
            self._ledger.append(kind="guard", run=run, body=decision.body())
        if verdict.action in ("block", "ask"):
            why = " ".join(d.detail for d in verdict.decisions if d.action in ("block", "ask"))
            refused = f"A guard stopped this prompt. {why}".strip()
            self._ledger.append(kind="answer", run=run, body={"task": "image", "refused": True, "pictures": []})
            return Drawn(refused=refused)
        return self._answered(self.make(replace(request, prompt=verdict.text), run=run, **how), run)

    def mix(self, sources: list[Source], *, run: str, strength: float, seed: int, count: int) -> Drawn:
        """Relatives of one stored picture, or `count` pictures on the way from one to another, by the VAE's latents.

        Raises:
            UsageError: If there is not one picture or two, or a number is out of bounds; the ledger says so.
            BackendUnavailableError: If no family with latents has its weights.
            NotFoundError: If a picture is not there.
        """
        backend = self.family(_MIXES)
        if not isinstance(backend, HasLatents):
            raise BackendUnavailableError(f"{backend.name} cannot take pictures apart.")
        pictures = [self._own(source) for source in sources]
        purpose = "between" if len(sources) == 2 else "vary"
        of = [{"run": source.run, "n": source.n} for source in sources]
        parameters = {"of": of, "strength": strength, "seed": seed, "count": count}
        asked = {"task": "image", "purpose": purpose, "family": backend.name, **parameters}
        self._ledger.append(kind="request", run=run, body=asked)
        began = time.perf_counter()
        try:
            match pictures:
                case [one]:
                    drawn = backend.vary(one, strength=strength, seed=seed, count=count)
                case [one, other]:
                    drawn = backend.between(one, other, steps=count)
                case _:
                    raise UsageError("One picture can be varied, or two mixed.")
        except AppError as exc:
            self._ledger.append(kind="error", run=run, body={"error": type(exc).__name__})
            raise
        seconds = time.perf_counter() - began
        files = [self._file(source).read_bytes() for source in sources]
        return self._answered(self._made(backend, None, drawn, seconds, run, purpose, parameters, sources=files), run)

    def likelihood(self, source: Source, *, prompt: str, style: str = "") -> float:
        """Bits a number of a stored picture under a prompt, as the flow family says; nothing is written down.

        Raises:
            BackendUnavailableError: If no family with a likelihood has its weights.
            NotFoundError: If the picture is not there.
        """
        backend = self.family(_WEIGHS)
        if not isinstance(backend, HasLikelihood):
            raise BackendUnavailableError(f"{backend.name} knows no likelihood.")
        return backend.bits_per_dim(self._own(source), prompt=prompt, style=style if style in backend.styles() else "")

    def _answered(self, made: Made, run: str) -> Drawn:
        """Store, and write down what leaves."""
        if made.refused:
            self._ledger.append(kind="answer", run=run, body={"task": "image", "refused": True, "pictures": []})
            return Drawn(refused=made.refused, model=made.model, seconds=made.seconds)
        files = tuple(
            self._store(picture, data, run, n)
            for n, (picture, data) in enumerate(zip(made.pictures, made.files, strict=True), 1)
        )
        facts = [{"n": f.n, "seed": f.seed, "pixels": f.pixels_sha256, "file": f.file_sha256} for f in files]
        self._ledger.append(
            kind="answer", run=run, body={"task": "image", "refused": False, "model": made.model, "pictures": facts}
        )
        return Drawn(files=files, model=made.model, seconds=made.seconds, note=made.note)

    def make(self, request: ImageRequest, *, run: str, **how: Unpack[How]) -> Made:
        """Only draw, record the model's part, mark and sign: for a caller that records request, guards and answer.

        Raises:
            GenerationStopped, AppError: As `draw`; nothing was recorded then.
        """
        backend, chosen = self._chosen(how)
        began = time.perf_counter()
        progress = how.get("progress")
        unseen = self._finisher.judge_of(backend.name) is not None
        pictures = backend.draw(request, chosen, progress=_without_previews(progress) if unseen else progress)
        seconds = time.perf_counter() - began
        told = {"seed": request.seed, "count": request.count, "style": request.style}
        parameters = {**chosen.model_dump(mode="json"), **told}
        contents = {"prompt": request.prompt}
        finish = how.get("finish", _USUAL)
        return self._made(backend, chosen, pictures, seconds, run, "draw", parameters, contents, finish=finish)

    def _made(
        self,
        backend: ImageBackend,
        chosen: BaseModel | None,
        pictures: list[Picture],
        seconds: float,
        run: str,
        purpose: str,
        parameters: dict[str, Any],
        contents: dict[str, str] | None = None,
        sources: Sequence[bytes] = (),
        finish: Finish = _USUAL,
    ) -> Made:
        """Judge, enlarge, write down what the models did, then mark and sign."""
        who = backend.identity(chosen)
        decisions = self._finisher.judged(pictures, backend.name)
        blocked = next((decision.detail for decision in decisions if decision.action == "block"), "")
        began = time.perf_counter()
        enlarged = self._finisher.enlarged([] if blocked else pictures, finish)
        took = time.perf_counter() - began
        more = {"purpose": purpose, "parameters": parameters, "enlarged": enlarged.facts(finish.side)}
        self._note_model(run, who, pictures, seconds, more, contents)
        for decision in decisions:
            self._ledger.append(kind="guard", run=run, body=decision.body())
        if enlarged.by is not None:  # a network that enlarged is a model like any other
            self._note_model(run, enlarged.by, enlarged.pictures, took, {"purpose": "enlarge"})
        return Made(
            pictures=() if blocked else tuple(pictures),
            files=tuple(self._delivered(png(picture), run, sources, finish.side) for picture in enlarged.pictures),
            model=who.model,
            seconds=seconds,
            note=enlarged.note,
            refused=f"A guard kept what was drawn. {blocked}" if blocked else "",
        )

    def _note_model(
        self,
        run: str,
        who: ModelIdentity,
        pictures: Sequence[Picture],
        seconds: float,
        more: dict[str, Any],
        contents: dict[str, str] | None = None,
    ) -> None:
        self._ledger.append(
            kind="model_call",
            run=run,
            body={
                "backend": who.backend,
                "model": who.model,
                "weights": who.digest,
                "details": who.details,
                "seconds": round(seconds, 3),
                "pixels": [hashlib.sha256(picture.rgba).hexdigest() for picture in pictures],
                **more,
            },
            contents=contents or {},
        )

    def _own(self, source: Source) -> Picture:
        from agent.tracing import own_pixels

        return own_pixels(self._file(source).read_bytes())

    def _file(self, source: Source) -> Path:
        path = self._folder / source.run / f"{source.n}.png"
        if not path.is_file():
            raise NotFoundError(f"Drawing {source.run} has no picture {source.n}.")
        return path

    def outlines(self, run: str, n: int) -> bytes:
        """A stored picture as SVG, signed; made once and kept beside it.

        Raises:
            StorageError: If the picture is not there, or the SVG cannot be stored.
            GenerationError: If it cannot be read.
        """
        path = self._folder / run / f"{n}.svg"
        try:
            if not path.is_file():
                write_whole(path, self._traced(path.with_suffix(".png").read_bytes(), run))
            return path.read_bytes()
        except OSError as exc:
            raise StorageError("The picture could not be stored as SVG.", hint="Free some space; try again.") from exc

    def _traced(self, drawn: bytes, run: str) -> bytes:
        """A delivered picture as signed SVG, traced at the size that the house enlarges to; the record says by what."""
        from agent.tracing import own_pixels, traced

        began = time.perf_counter()
        enlarged = self._finisher.enlarged([own_pixels(drawn)], _USUAL)
        if enlarged.by is not None:
            took = time.perf_counter() - began
            self._note_model(run, enlarged.by, enlarged.pictures, took, {"purpose": "trace"})
        [picture] = enlarged.pictures
        return self._delivered(traced(picture), run, [drawn], more={"enlarged": enlarged.facts(_USUAL.side)})

    def _delivered(
        self, data: bytes, run: str, sources: Sequence[bytes], side: int = 512, more: dict[str, Any] | None = None
    ) -> bytes:
        """Marked and signed, which is on record before anybody sees it."""
        leaving = self._finisher.delivered(data, run, sources, side)
        if leaving is None:
            return data
        self._ledger.append(kind="mark", run=run, body={**leaving.facts, **(more or {})})
        return leaving.data

    def _store(self, picture: Picture, data: bytes, run: str, n: int) -> DrawnFile:
        width, height = size_of(data)
        path = self._folder / run / f"{n}.png"
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(path, data)
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


def _without_previews(progress: Callable[[ImageProgress], None] | None) -> Callable[[ImageProgress], None]:
    """How far it is and nothing to see: what is yet to be judged is not shown."""

    def told(seen: ImageProgress) -> None:
        if progress is not None:
            progress(replace(seen, previews=()))

    return told
