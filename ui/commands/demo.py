"""`wherefrom demo`."""

from __future__ import annotations

import argparse
import dataclasses

from ui.commands.output import Output

__all__ = ["demo"]

NOT_RIGHT = 1


def demo(options: argparse.Namespace, output: Output) -> int:
    """Status 0 only if every answer was as it should be and the ledger verified."""
    from ui.demo import run_demo
    from ui.settings import load_settings

    result = run_demo(load_settings(), output, keep=options.keep)
    output.result(dataclasses.asdict(result), lambda: None)
    return 0 if result.ok else NOT_RIGHT
