"""The pictures of the engine that lives in memory."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import Any

from provenance.errors import NotFoundError, UsageError
from ui.api import Drawing, DrawnPicture

__all__ = ["FakeDrawing"]


class FakeDrawing:
    """Mixed into `FakeEngine`."""

    _ids: Iterator[int]
    _drawings: dict[str, Drawing]

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
        """Plain squares; "slow" in a prompt goes on until it is stopped, "weapon" is refused."""
        if not prompt.strip():
            raise UsageError("The prompt is empty.", hint="Say what the picture should show.")
        if style not in ("", "fluent flat", "noto"):
            raise UsageError(f"There is no style “{style}”.", hint="There are: fluent flat, noto.")
        run = f"r-fake{next(self._ids):06d}"
        drawing = Drawing(
            run=run,
            state="done",
            prompt=prompt,
            style=style,
            family=family or "diffusion",
            seed=7 if seed is None else seed,
            count=count,
            options=options or {},
            steps=16,
            step=16,
            seconds=0.4,
            model="diffusion-64",
            note="Enlarged by a plain filter." if enlarging == "filter" else "",
        )
        if "slow" in prompt:
            drawing = drawing.model_copy(update={"state": "drawing", "step": 4, "previews": 1})
        elif "weapon" in prompt:
            drawing = drawing.model_copy(update={"state": "refused", "message": "A guard stopped this prompt."})
        else:
            pictures = [
                DrawnPicture(
                    n=n,
                    seed=drawing.seed + n - 1,
                    width=size,
                    height=size,
                    pixels_sha256=hashlib.sha256(f"{prompt}{drawing.seed + n - 1}".encode()).hexdigest(),
                    file_sha256=hashlib.sha256(self._square(drawing.seed + n - 1)).hexdigest(),
                    path=f"/home/marit/pictures/{run}/{n}.png",
                )
                for n in range(1, count + 1)
            ]
            drawing = drawing.model_copy(update={"pictures": pictures})
        self._drawings[run] = drawing
        return drawing

    def mix(self, pictures: list[tuple[str, int]], *, strength: float = 0.5, seed: int = 0, count: int = 4) -> Drawing:
        titles = [self.drawing(run).prompt for run, _n in pictures]
        prompt = " to ".join(titles) if len(titles) == 2 else f"{titles[0]}, varied"
        return self.draw(prompt, family="vae", seed=seed, count=count, options={"strength": strength})

    def likelihood(self, run: str, n: int) -> float:
        return 1.25 + n / 100 + 0 * len(self.drawing(run).prompt)

    def drawing(self, run: str) -> Drawing:
        if run not in self._drawings:
            raise NotFoundError(f"There is no drawing {run!r}.")
        return self._drawings[run]

    def drawings(self, *, limit: int = 50) -> list[Drawing]:
        return list(reversed(self._drawings.values()))[:limit]

    def stop_drawing(self, run: str) -> None:
        drawing = self.drawing(run)
        if drawing.state == "drawing":
            self._drawings[run] = drawing.model_copy(update={"state": "stopped"})

    def picture(self, run: str, n: int, *, preview: bool = False, svg: bool = False) -> bytes:
        drawing = self.drawing(run)
        if svg:
            return b'<svg xmlns="http://www.w3.org/2000/svg"/>'
        if not 1 <= n <= drawing.count:
            raise NotFoundError(f"Drawing {run} has no picture {n}.")
        return self._square(drawing.seed + n - 1)

    @staticmethod
    def _square(seed: int) -> bytes:
        from PIL import Image

        out = io.BytesIO()
        Image.new("RGBA", (64, 64), (seed * 40 % 256, 90, 160, 255)).save(out, "PNG")
        return out.getvalue()
