"""Which documents a command may look at: `--in`, `--collection`, `--type`, `--since`, `--until`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import UsageError
from ui.api import Scope
from ui.commands.table import find_document

if TYPE_CHECKING:
    from ui.api import EngineApi

__all__ = ["scope_of"]


def scope_of(client: EngineApi, options: argparse.Namespace) -> Scope | None:
    """What the options narrow to; None where they do not.

    Raises:
        NotFoundError: A place is neither a folder nor a document of the library.
        UsageError: Two folders were named.
    """
    if not (options.within or options.collections or options.kinds or options.since or options.until):
        return None
    folders = [place for place in options.within if Path(place).expanduser().is_dir()]
    if len(folders) > 1:
        raise UsageError("Only one folder can be named.", hint="Name the one above both.")
    documents = [find_document(client, place).id for place in options.within if place not in folders]
    folder = str(Path(folders[0]).expanduser().resolve()) if folders else ""
    return Scope(
        documents=documents,
        collections=options.collections,
        folder=folder,
        kinds=options.kinds,
        since=options.since,
        until=options.until,
    )
