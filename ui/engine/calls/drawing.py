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
    ) -> Drawing:
        """Check what can be checked at once, then start."""
        from backends.base import ImageRequest
        from backends.image.prompt import check_request
        from backends.options import chosen_options

        request = ImageRequest(
            prompt=prompt, style=style, seed=secrets.randbelow(_SEEDS) if seed is None else seed, count=count
        )
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
                request, run=drawing.run, family=drawing.family, options=drawing.options, progress=report
            )
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
            return drawing.model_copy(update={"state": "done", "model": drawn.model, "pictures": pictures})

        return self.parts.easel.start(drawing, paint)

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

    def picture(self, run: str, n: int, *, preview: bool = False) -> bytes:
        """From the disk, or from the last preview."""
        drawing = self.parts.easel.get(run)
        if preview:
            from agent.drawing import png

            last = self.parts.easel.preview(run)
            if last is not None and 1 <= n <= len(last.previews):
                return png(last.previews[n - 1])
        path = self.parts.settings.home / "pictures" / run / f"{n}.png"
        if n not in {picture.n for picture in drawing.pictures} or not path.is_file():
            raise NotFoundError(f"Drawing {run} has no picture {n}.", hint="Wait until it is done.")
        return path.read_bytes()
