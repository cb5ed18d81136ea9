"""`wherefrom train`: the data set, the codec, a family; in this process, at low priority, until done or Ctrl-C."""

from __future__ import annotations

import argparse
import os
import threading
from pathlib import Path

from provenance.errors import NotFoundError, UsageError
from ui.commands.output import Output
from ui.commands.session import on_interrupt
from ui.settings import load_settings

__all__ = ["train"]

_KNOWN = ("data", "codec", "sketch", "diffusion", "autoregressive", "flow", "vae", "gan", "upscaler")


def train(options: argparse.Namespace, output: Output) -> int:
    """Run one piece; the same command again goes on where this one ended."""
    if options.what not in _KNOWN:
        raise NotFoundError(
            f"There is nothing called “{options.what[:80]}” to train.", hint=f"One of {', '.join(_KNOWN)}."
        )
    if any(value is not None and value < 1 for value in (options.steps, options.threads)) or options.save_every < 1:
        raise UsageError("--steps, --threads and --save-every must be 1 or more.")
    if options.rate is not None and not 0 < options.rate <= 1:
        raise UsageError("--rate must be more than 0 and at most 1.")
    if options.minutes is not None and not 0 < options.minutes < 1e6:
        raise UsageError("--minutes must be more than 0.")
    if options.folder and options.what in ("data", "codec", "sketch", "upscaler"):
        raise UsageError("--folder goes with a family.", hint="Such as wherefrom train diffusion --folder DIR.")
    settings = load_settings()
    options.home = options.home or str(settings.home / "training")
    options.models = options.models or str(settings.models)
    Path(options.home).mkdir(parents=True, exist_ok=True)
    os.nice(10)  # for hours: what a person does meanwhile goes first
    from backends.training.session import Session

    stopped = threading.Event()
    with on_interrupt(stopped.set):  # the first Ctrl-C ends with a checkpoint, the second one without
        found = Session(options, output.note, stopped.is_set).run()
    output.result(found, lambda: output.line("\n".join(f"{name}: {value}" for name, value in found.items())))
    return 0
