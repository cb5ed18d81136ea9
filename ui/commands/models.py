"""`wherefrom models` and `wherefrom backends`: answered in this process, without the engine."""

from __future__ import annotations

import argparse

from provenance.errors import UsageError
from ui.cards import card, card_names
from ui.commands.output import Output, shown
from ui.settings import load_settings

__all__ = ["backends", "models"]


def models(options: argparse.Namespace, output: Output) -> int:
    """List, fetch or describe."""
    if options.action == "list":
        return _list(output)
    if options.action == "fetch":
        from ui.commands.fetch import fetch

        return fetch(options, output)
    if options.name is None:
        raise UsageError("Which card?", hint=f"There are: {', '.join(card_names())}.")
    text = card(options.name, load_settings())
    output.result({"name": options.name, "card": text}, lambda: output.line(text))
    return 0


def backends(_options: argparse.Namespace, output: Output) -> int:
    """Every installed backend, and what keeps it from running."""
    from ui.inventory import backend_rows

    rows = backend_rows(load_settings())

    def words() -> None:
        for row in rows:
            output.line(f"{row.name:14} {row.kind:10} {row.distribution}  {shown(row.problem) or 'ready'}")

    output.result({"backends": [row.model_dump() for row in rows]}, words)
    return 0


def _list(output: Output) -> int:
    from ui.inventory import model_rows

    rows = model_rows(load_settings())

    def words() -> None:
        for row in rows:
            state = ("verified" if row.verified else "present") if row.present else "not here"
            star = "*" if row.default else " "
            output.line(f"{star} {row.name:36} {row.size_bytes / 1e6:7.0f} MB  {row.licence:12} {state}")
        output.line("* belongs to the default profile: `wherefrom models fetch --default`")

    output.result({"models": [row.model_dump() for row in rows]}, words)
    return 0
