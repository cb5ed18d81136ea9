"""The easel: every drawing of this engine's life, how far it is, its previews. One is drawn at a time, in order.

Like the board for answers, it knows nothing of models or ledgers: what a drawing does is a function that is handed a
`Cancellation` and a way to report.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backends.cancellation import Cancellation, GenerationStopped, cancellable
from provenance.errors import AppError, NotFoundError, UsageError
from ui.api import Drawing

if TYPE_CHECKING:
    from backends.base import ImageProgress

__all__ = ["Easel", "Paint"]

KEPT = 100
MOST_WAITING = 16

Paint = Callable[[Callable[["ImageProgress"], None]], Drawing]  # draws, and returns the drawing as it ended

_log = logging.getLogger("wherefrom.engine")


@dataclass(slots=True)
class _Sheet:
    drawing: Drawing
    stop: Cancellation = field(default_factory=Cancellation)
    last: ImageProgress | None = None


class Easel:
    """All drawings, in memory. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sheets: OrderedDict[str, _Sheet] = OrderedDict()
        self._hand = ThreadPoolExecutor(max_workers=1, thread_name_prefix="easel")

    def start(self, drawing: Drawing, paint: Paint) -> Drawing:
        """Queue a drawing and return at once.

        Raises:
            UsageError: If too many wait already.
        """
        with self._lock:
            waiting = [s for s in self._sheets.values() if s.drawing.state in ("waiting", "drawing")]
            if len(waiting) >= MOST_WAITING:
                raise UsageError("Too many drawings are waiting.", hint="Wait for one to end, or stop it.")
            self._sheets[drawing.run] = _Sheet(drawing)
            ended = [run for run, s in self._sheets.items() if s.drawing.state not in ("waiting", "drawing")]
            for run in ended[: max(0, len(self._sheets) - KEPT)]:
                del self._sheets[run]
            self._hand.submit(self._work, drawing.run, paint)
        return drawing

    def get(self, run: str) -> Drawing:
        """How far it is.

        Raises:
            NotFoundError: If there is no such drawing.
        """
        return self._sheet(run).drawing

    def all(self) -> list[Drawing]:
        """The newest first."""
        with self._lock:
            return [sheet.drawing for sheet in reversed(self._sheets.values())]

    def preview(self, run: str) -> ImageProgress | None:
        """The last report of a drawing that goes on."""
        return self._sheet(run).last

    def stop(self, run: str) -> None:
        """Ask a drawing to end; one that has ended stays as it is."""
        self._sheet(run).stop.cancel()

    def forget(self, run: str) -> None:
        """Drop what is shown of a drawing that has ended; it holds what was asked for."""
        with self._lock:
            sheet = self._sheets.get(run)
            if sheet is not None and sheet.drawing.state not in ("waiting", "drawing"):
                del self._sheets[run]

    def busy(self) -> bool:
        """Whether one has not ended."""
        return any(drawing.state in ("waiting", "drawing") for drawing in self.all())

    def close(self) -> None:
        """Stop all, and wait."""
        with self._lock:
            sheets = list(self._sheets.values())
        for sheet in sheets:
            sheet.stop.cancel()
        self._hand.shutdown(wait=True, cancel_futures=True)

    def _work(self, run: str, paint: Paint) -> None:
        sheet, began = self._sheet(run), time.monotonic()
        self._set(sheet, state="drawing")

        def report(progress: ImageProgress) -> None:
            sheet.last = progress if progress.previews else sheet.last
            shown = sheet.drawing.previews + bool(progress.previews)
            self._set(sheet, step=progress.step, steps=progress.steps, previews=shown, seconds=time.monotonic() - began)

        try:
            with cancellable(sheet.stop):
                sheet.stop.raise_if_cancelled()
                ended = paint(report)
            shown = ("state", "pictures", "model", "message", "note")
            self._set(sheet, **{name: getattr(ended, name) for name in shown}, seconds=time.monotonic() - began)
        except GenerationStopped:
            self._set(sheet, state="stopped")
        except AppError as exc:
            self._set(sheet, state="failed", message=str(exc), hint=exc.hint)
        except Exception:  # noqa: BLE001 - the border of a thread: a drawing must not say "drawing" for ever
            _log.exception("drawing %s failed", run)
            self._set(
                sheet, state="failed", message="Something failed while drawing.", hint="The engine's log says what."
            )
        finally:
            sheet.last = None

    def _set(self, sheet: _Sheet, **changes: object) -> None:
        with self._lock:
            sheet.drawing = sheet.drawing.model_copy(update=changes)

    def _sheet(self, run: str) -> _Sheet:
        with self._lock:
            found = self._sheets.get(run)
        if found is None:
            raise NotFoundError(f"There is no drawing {run!r}.", hint="`wherefrom audit list --kind image` shows them.")
        return found
