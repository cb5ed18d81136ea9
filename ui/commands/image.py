"""`wherefrom image`: pictures from a prompt, stored with their record."""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance.errors import BackendError, StorageError, UsageError
from ui.commands.output import Output, counted, shown
from ui.commands.session import on_interrupt, open_client, text_of

if TYPE_CHECKING:
    from ui.api import Drawing, EngineApi

__all__ = ["image"]

REFUSED, INTERRUPTED = 1, 130
_POLL_S = 0.05


def image(options: argparse.Namespace, output: Output) -> int:
    """Draw, wait, and say where the pictures lie. Ctrl-C stops the drawing."""
    prompt, given = text_of(options.text), _options(options.option)
    with open_client() as client:
        started = client.draw(
            prompt,
            style=options.style,
            family=options.family,
            seed=options.seed,
            count=options.count,
            options=given,
            enlarging=options.enlarge,
            size=options.size,
        )
        with on_interrupt(lambda: client.stop_drawing(started.run)):
            drawing = _wait(client, started, output)
        files = _copy(client, drawing, options.out, as_svg=options.svg)
    output.result(_fields(drawing, files), lambda: _say(drawing, files, output))
    match drawing.state:
        case "refused":
            return REFUSED
        case "stopped":
            return INTERRUPTED
        case _:
            return 0


def _options(pairs: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--option takes NAME=VALUE, not “{pair[:80]}”.", hint="Such as --option steps=30.")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _wait(client: EngineApi, drawing: Drawing, output: Output) -> Drawing:
    told = 0
    while drawing.state in ("waiting", "drawing"):
        time.sleep(_POLL_S)
        drawing = client.drawing(drawing.run)
        if output.interactive and drawing.steps and drawing.step * 4 // drawing.steps > told:
            told = drawing.step * 4 // drawing.steps
            output.note(f"{drawing.family}: step {drawing.step} of {drawing.steps}")
    if drawing.state == "failed":
        raise BackendError(drawing.message, hint=drawing.hint)
    return drawing


def _copy(client: EngineApi, drawing: Drawing, out: str | None, *, as_svg: bool) -> list[str]:
    """Where the pictures lie: in the data folder, or copied to where `--out` says."""
    if out is None and as_svg:
        out = "."
    if out is None or not drawing.pictures:
        return [picture.path for picture in drawing.pictures]
    target = Path(out)
    many = len(drawing.pictures) > 1 or target.is_dir()
    svg = as_svg or target.suffix.lower() == ".svg"
    files = []
    for picture in drawing.pictures:
        path = target / f"{drawing.run}-{picture.n}.{'svg' if svg else 'png'}" if many else target
        try:
            with contextlib.suppress(FileExistsError):
                path.parent.mkdir(parents=True)
            path.write_bytes(client.picture(drawing.run, picture.n, svg=svg))
        except OSError as exc:
            raise StorageError(f"{shown(str(path))} cannot be written: {exc.strerror or exc}.") from exc
        files.append(str(path))
    return files


def _fields(drawing: Drawing, files: list[str]) -> dict[str, Any]:
    return {
        "files": files,
        "backend": drawing.family,
        "model": drawing.model,
        "prompt": drawing.prompt,
        "style": drawing.style,
        "seed": drawing.seed,
        "count": drawing.count,
        "options": drawing.options,
        "state": drawing.state,
        "reason": drawing.message,
        "note": drawing.note,
        "seconds": round(drawing.seconds, 3),
        "pixels_sha256": [picture.pixels_sha256 for picture in drawing.pictures],
        "run": drawing.run,
    }


def _say(drawing: Drawing, files: list[str], output: Output) -> None:
    if drawing.state == "refused":
        output.line(shown(drawing.message))
    for path in files:
        output.line(shown(path))
    if files:
        output.line(
            f"{counted(len(files), 'picture')} by {drawing.family}, seed {drawing.seed}, {drawing.seconds:.1f} s · "
            f"record {drawing.run}"
        )
    if drawing.note:
        output.note(shown(drawing.note))
