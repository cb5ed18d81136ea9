"""The easel: drawings one after another, each with its end, whatever happens in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from backends.base import ImageProgress, Picture
from backends.cancellation import current_cancellation
from provenance.errors import GenerationError, NotFoundError, UsageError
from ui.api import Drawing
from ui.engine.easel import MOST_WAITING, Easel

Report = Callable[[ImageProgress], None]
PREVIEW = Picture(width=1, height=1, rgba=b"\0\0\0\0", seed=1)


@pytest.fixture
def easel() -> Iterator[Easel]:
    made = Easel()
    yield made
    made.close()


def drawing(run: str) -> Drawing:
    return Drawing(run=run, state="waiting", prompt="fox", style="", family="squares", seed=1, count=1)


def ended(easel: Easel, run: str) -> Drawing:
    deadline = time.monotonic() + 60
    while (found := easel.get(run)).state in ("waiting", "drawing"):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return found


def until_stopped(started: threading.Event) -> Callable[[Report], Drawing]:
    def paint(report: Report) -> Drawing:
        report(ImageProgress(step=1, steps=9, previews=(PREVIEW,)))
        started.set()
        while True:
            current_cancellation().raise_if_cancelled()
            time.sleep(0.005)

    return paint


def test_a_drawing_reports_and_ends_as_its_painter_says(easel: Easel) -> None:
    def paint(report: Report) -> Drawing:
        report(ImageProgress(step=2, steps=2))
        return drawing("r-1").model_copy(update={"state": "refused", "message": "No."})

    easel.start(drawing("r-1"), paint)
    found = ended(easel, "r-1")
    assert (found.state, found.message, found.step, found.steps) == ("refused", "No.", 2, 2)
    assert not easel.busy()


def test_one_is_drawn_while_the_others_wait_and_each_can_be_stopped(easel: Easel) -> None:
    started = threading.Event()
    easel.start(drawing("r-1"), until_stopped(started))
    easel.start(drawing("r-2"), until_stopped(threading.Event()))
    assert started.wait(60)
    assert [d.state for d in easel.all()] == ["waiting", "drawing"] and easel.busy()
    preview = easel.preview("r-1")
    assert preview is not None and preview.previews == (PREVIEW,)
    easel.stop("r-2")
    easel.stop("r-1")
    assert ended(easel, "r-1").state == ended(easel, "r-2").state == "stopped"
    easel.stop("r-1")
    assert easel.preview("r-1") is None


def test_a_failure_is_told_and_the_next_one_is_drawn(easel: Easel) -> None:
    def fail(_report: Report) -> Drawing:
        raise GenerationError("It broke.", hint="Try again.")

    def bug(_report: Report) -> Drawing:
        raise KeyError("secret")

    easel.start(drawing("r-1"), fail)
    easel.start(drawing("r-2"), bug)
    easel.start(drawing("r-3"), lambda _report: drawing("r-3").model_copy(update={"state": "done"}))
    assert (ended(easel, "r-1").message, ended(easel, "r-1").hint) == ("It broke.", "Try again.")
    assert ended(easel, "r-2").state == "failed" and "secret" not in ended(easel, "r-2").message
    assert ended(easel, "r-3").state == "done"


def test_too_many_and_unknown_ones_are_refused(easel: Easel) -> None:
    for n in range(MOST_WAITING):
        easel.start(drawing(f"r-{n}"), until_stopped(threading.Event()))
    with pytest.raises(UsageError, match="waiting"):
        easel.start(drawing("r-more"), until_stopped(threading.Event()))
    with pytest.raises(NotFoundError):
        easel.get("r-none")
