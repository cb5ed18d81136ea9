"""Collections: made, filled, renamed, deleted."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from ui.collection_api import CollectionRow
from ui.engine.calls.base import Calls

if TYPE_CHECKING:
    from retrieval.collection import CollectionInfo

__all__ = ["CollectingCalls"]


class CollectingCalls(Calls):
    """`CollectionApi`."""

    def collections(self, *, names: list[str] | None = None) -> list[CollectionRow]:
        """Every one, by name; or those of `names`."""
        kept = self.parts.library.collections
        return [_row(info) for info in ([kept.find(name) for name in names] if names else kept.all())]

    def make_collection(self, name: str, *, documents: list[int] | None = None) -> CollectionRow:
        """A new one, with these documents."""
        return _row(self.parts.library.collections.make(name, documents or []))

    def change_collection(
        self, name: str, *, add: list[int] | None = None, remove: list[int] | None = None
    ) -> CollectionRow:
        """Put documents in and take documents out."""
        return _row(self.parts.library.collections.change(name, add=add or [], remove=remove or []))

    def rename_collection(self, name: str, new_name: str) -> CollectionRow:
        """Give it another name."""
        return _row(self.parts.library.collections.rename(name, new_name))

    def delete_collection(self, name: str) -> None:
        """Delete it; its documents stay."""
        self.parts.library.collections.delete(name)


def _row(info: CollectionInfo) -> CollectionRow:
    return CollectionRow.model_validate(asdict(info))
