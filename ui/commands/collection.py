"""`wherefrom collection`: make, fill, rename and delete collections of documents."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from provenance.errors import NotFoundError
from ui.commands.output import Output, counted, shown
from ui.commands.session import open_client
from ui.commands.table import find_document

if TYPE_CHECKING:
    from ui.api import EngineApi
    from ui.collection_api import CollectionRow

__all__ = ["change", "delete", "listed", "make", "rename"]


def listed(options: argparse.Namespace, output: Output) -> int:
    """Every collection, each with its documents where names were given."""
    with open_client() as client:
        rows = client.collections(names=options.names)
        documents = {row.id: row.name for row in client.documents()}

    def words() -> None:
        for row in rows:
            output.line(_told(row))
            for id_ in row.documents if options.names else ():
                output.line(f"{id_:7}  {shown(documents.get(id_, ''))}")
        if not rows:
            output.line("There is no collection yet. `wherefrom collection make NAME` makes one.")

    output.result({"collections": [row.model_dump() for row in rows]}, words)
    return 0


def make(options: argparse.Namespace, output: Output) -> int:
    """A new one, with the documents that are named."""
    with open_client() as client:
        row = client.make_collection(options.name, documents=_documents(client, options.places))
    return _done(row, output, f"Made {_told(row)}.")


def change(options: argparse.Namespace, output: Output) -> int:
    """Put documents in (`add`) or take them out (`remove`)."""
    with open_client() as client:
        documents = _documents(client, options.places)
        if options.action == "add":
            row = client.change_collection(options.name, add=documents)
        else:
            row = client.change_collection(options.name, remove=documents)
    return _done(row, output, f"Now {_told(row)}.")


def rename(options: argparse.Namespace, output: Output) -> int:
    """Give one another name."""
    with open_client() as client:
        row = client.rename_collection(options.name, options.new_name)
    return _done(row, output, f"Renamed to {shown(row.name)}.")


def delete(options: argparse.Namespace, output: Output) -> int:
    """Delete one; its documents stay."""
    with open_client() as client:
        client.delete_collection(options.name)
    output.result({"deleted": options.name}, lambda: output.line(f"Deleted {shown(options.name)}; its documents stay."))
    return 0


def _documents(client: EngineApi, places: Sequence[str]) -> list[int]:
    """Ids of documents named by name or number, and of those in folders."""
    found: list[int] = []
    for place in places:
        folder = Path(place).expanduser()
        if not folder.is_dir():
            found.append(find_document(client, place).id)
            continue
        below = [
            row.id for row in client.documents() if row.path and PurePath(row.path).is_relative_to(folder.resolve())
        ]
        if not below:
            hint = f"`wherefrom ingest {shown(place)}` reads it."
            raise NotFoundError(f"The library holds nothing from {shown(place)}.", hint=hint)
        found += below
    return list(dict.fromkeys(found))


def _told(row: CollectionRow) -> str:
    return f"{shown(row.name)} ({counted(len(row.documents), 'document')})"


def _done(row: CollectionRow, output: Output, said: str) -> int:
    output.result(row.model_dump(), lambda: output.line(said))
    return 0
