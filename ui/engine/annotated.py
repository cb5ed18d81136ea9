"""The ledger as the assistant sees it: a request also says on what machine and with what software it is answered.

That is what a replay compares with later, and what telemetry and checkpoints are told of.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from provenance.entry import Receipt
from provenance.ledger import Ledger

__all__ = ["AnnotatedLedger", "environment"]

_LIBRARIES = ("wherefrom", "xllamacpp", "torch", "transformers", "langchain", "faiss-cpu", "sentence-transformers")
_ENDS = frozenset({"answer", "stopped", "error"})


class AnnotatedLedger:
    """Appends to a ledger; adds the environment and the settings in force to each request."""

    def __init__(
        self, ledger: Ledger, settings: Mapping[str, Any], *, ended: Callable[[str], None] = lambda run: None
    ) -> None:
        """
        Args:
            settings: What decides an answer: seed, temperature, context, passages.
            ended: Called with a run when its end is on disk.
        """
        self._ledger, self._settings, self._ended = ledger, dict(settings), ended

    def append(self, *, kind: str, run: str, body: dict[str, Any], contents: dict[str, str] | None = None) -> Receipt:
        """As `Ledger.append`."""
        if kind == "request":
            body = body | {"environment": environment(), "settings": self._settings}
        receipt = self._ledger.append(kind=kind, run=run, body=body, contents=contents)
        if kind in _ENDS:
            self._ended(run)
        return receipt


@cache
def environment() -> dict[str, Any]:
    """Python, machine and library versions: what may change an answer to the same question."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cores": os.cpu_count() or 0,
        "byte_order": sys.byteorder,
        "libraries": {name: number for name in _LIBRARIES if (number := _version(name))},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
