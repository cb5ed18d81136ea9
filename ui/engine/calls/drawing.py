"""Pictures: a drawing is started, watched, stopped, and its pictures handed out."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from provenance.errors import NotFoundError, UsageError
from provenance.ledger import new_run_id
from ui.api import Drawing, DrawnPicture
from ui.engine.calls.base import Calls

if TYPE_CHECKING:
    from agent.drawn import Drawn
    from backends.base import ImageProgress

__all__ = ["DrawingCalls"]

_SEEDS = 2**31  # a fresh seed is short enough to be read aloud


class DrawingCalls(Calls):
    """`draw` to `picture` of `EngineApi`."""

    def draw(
        self,
        prompt: str,
        *,
        style: str = "",
        family: str = "",
        seed: int | None = None,
        count: int = 1,
        options: dict[str, Any] | None = None,
        enlarging: str = "",
        size: int = 512,
    ) -> Drawing:
        """Check what can be checked at once, then start."""
        from agent.finishing import Finish
        from backends.base import ImageRequest
        from backends.image.prompt import check_request
        from backends.options import chosen_options

        request = ImageRequest(
            prompt=prompt, style=style, seed=secrets.randbelow(_SEEDS) if seed is None else seed, count=count
        )
        finish = Finish(enlarging=enlarging, side=size)
        backend = self.parts.drawer.family(family)
        check_request(request, backend.styles())
        chosen = chosen_options(backend.options_model, None, options or {}, backend=backend.name)
        drawing = Drawing(
            run=new_run_id(),
            state="waiting",
            prompt=prompt,
            style=style,
            family=backend.name,
            seed=request.seed,
            count=count,
            options=chosen.model_dump(mode="json"),
        )

        def paint(report: Callable[[ImageProgress], None]) -> Drawing:
            drawn = self.parts.drawer.draw(
                request,
                run=drawing.run,
                family=drawing.family,
                options=drawing.options,
                finish=finish,
                progress=report,
            )
            return _ended(drawing, drawn)

        return self.parts.easel.start(drawing, paint)

    def mix(self, pictures: list[tuple[str, int]], *, strength: float = 0.5, seed: int = 0, count: int = 4) -> Drawing:
        """Relatives of one picture, or steps from one to another, as a drawing of its own."""
        from agent.drawn import Source

        if not 1 <= len(pictures) <= 2:
            raise UsageError("One picture can be varied, or two mixed.")
        titles = [self.parts.easel.get(run).prompt for run, _n in pictures]
        drawing = Drawing(
            run=new_run_id(),
            state="waiting",
            prompt=" to ".join(titles) if len(titles) == 2 else f"{titles[0]}, varied",
            style="",
            family="vae",
            seed=seed,
            count=count,
            options={"strength": strength},
        )
        sources = [Source(run=run, n=n) for run, n in pictures]

        def paint(_report: Callable[[ImageProgress], None]) -> Drawing:
            mixed = self.parts.drawer.mix(sources, run=drawing.run, strength=strength, seed=seed, count=count)
            return _ended(drawing, mixed)

        return self.parts.easel.start(drawing, paint)

    def likelihood(self, run: str, n: int) -> float:
        """Of a picture that stands on the easel."""
        from agent.drawn import Source

        drawing = self.parts.easel.get(run)
        return self.parts.drawer.likelihood(Source(run=run, n=n), prompt=drawing.prompt, style=drawing.style)

    def drawing(self, run: str) -> Drawing:
        """How far it is."""
        return self.parts.easel.get(run)

    def drawings(self, *, limit: int = 50) -> list[Drawing]:
        """The newest first."""
        if not 1 <= limit <= 1000:
            raise UsageError("Between 1 and 1,000 drawings can be asked for.")
        return self.parts.easel.all()[:limit]

    def stop_drawing(self, run: str) -> None:
        """Ask it to end."""
        self.parts.easel.stop(run)

    def picture(self, run: str, n: int, *, preview: bool = False, svg: bool = False) -> bytes:
        """From the disk, or from the last preview; as outlines where asked for."""
        drawing = self.parts.easel.get(run)
        if preview:
            from agent.finishing import png

            last = self.parts.easel.preview(run)
            if last is not None and 1 <= n <= len(last.previews):
                return png(last.previews[n - 1])
        path = self.parts.settings.home / "pictures" / run / f"{n}.png"
        if n not in {picture.n for picture in drawing.pictures} or not path.is_file():
            raise NotFoundError(f"Drawing {run} has no picture {n}.", hint="Wait until it is done.")
        return self.parts.drawer.outlines(run, n) if svg else path.read_bytes()


def _ended(drawing: Drawing, drawn: Drawn) -> Drawing:
    """The drawing with what became of it."""
    if drawn.refused:
        return drawing.model_copy(update={"state": "refused", "message": drawn.refused})
    pictures = [
        DrawnPicture(
            n=f.n,
            seed=f.seed,
            width=f.width,
            height=f.height,
            pixels_sha256=f.pixels_sha256,
            file_sha256=f.file_sha256,
            path=str(f.path),
        )
        for f in drawn.files
    ]
    facts = {"state": "done", "model": drawn.model, "note": drawn.note, "pictures": pictures}
    return drawing.model_copy(update=facts)
