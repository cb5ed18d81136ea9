"""Which documents a command may look at: `--in`, `--collection`, `--type`, `--since`, `--until`, `--everywhere`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import UsageError
from ui.api import Scope
from ui.commands.output import counted, shown
from ui.commands.table import find_document

if TYPE_CHECKING:
    from ui.api import EngineApi

__all__ = ["limits_told", "scope_of"]


def scope_of(client: EngineApi, options: argparse.Namespace) -> Scope | None:
    """What the options narrow to; empty for everywhere, None where they say nothing.

    Raises:
        NotFoundError: A place is neither a folder nor a document of the library.
        UsageError: Two folders were named, or limits and `--everywhere`.
    """
    limited = options.within or options.collections or options.kinds or options.since or options.until
    if getattr(options, "everywhere", False):
        if limited:
            raise UsageError("Look within limits or everywhere, not both.", hint="Leave out --everywhere.")
        return Scope()
    if not limited:
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


def limits_told(client: EngineApi, scope: Scope) -> str:
    """The limits in words, such as `lease.pdf; collection Thesis`; empty where there are none."""
    names = {row.id: row.name for row in client.documents()} if scope.documents else {}
    gone = sum(id_ not in names for id_ in scope.documents)
    told = [names[id_] for id_ in scope.documents if id_ in names]
    told += [counted(gone, "deleted document")] if gone else []
    told += [f"collection {name}" for name in scope.collections]
    told += [scope.folder] if scope.folder else []
    told += [f"kind {kind}" for kind in scope.kinds]
    told += [f"{word} {day}" for word, day in (("since", scope.since), ("until", scope.until)) if day]
    return shown("; ".join(told))
