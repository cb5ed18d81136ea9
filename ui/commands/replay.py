"""`wherefrom replay ID`: the question again, and whether the answer is the same. Status 1 where it is not."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ui.commands.audit import last_run
from ui.commands.output import Output, shown
from ui.commands.session import open_client

if TYPE_CHECKING:
    from ui.proof_api import Replayed

__all__ = ["replay"]

NOT_THE_SAME = 1


def replay(options: argparse.Namespace, output: Output) -> int:
    """Ask again and compare."""
    with open_client() as client:
        found = client.replay(last_run(client) if options.run == "last" else options.run)
    output.result(found.model_dump(), lambda: _show(found, output))
    return 0 if found.verdict in ("bit-equal", "textually equal") else NOT_THE_SAME


def _show(found: Replayed, output: Output) -> None:
    output.line(f"{found.verdict[:1].upper()}{found.verdict[1:]}.")
    if found.verdict == "changed":
        output.line(f"Then: {shown(found.answer)}")
        output.line(f"Now:  {shown(found.replayed)}")
    if found.cause:
        output.line(f"Cause: {shown(found.cause)}")
    elif found.differences:
        output.line("What differs made no difference:")
        for difference in found.differences:
            output.line(f"  {shown(difference)}")
