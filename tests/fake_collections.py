"""The collections of the engine that lives in memory."""

from __future__ import annotations

from provenance.errors import NotFoundError, UsageError
from ui.api import DocumentRow
from ui.collection_api import CollectionRow

__all__ = ["FakeCollections"]


class FakeCollections:
    """Mixed into `FakeEngine`."""

    kept_collections: dict[str, CollectionRow]  # by folded name
    _documents: dict[int, DocumentRow]

    def collections(self, *, names: list[str] | None = None) -> list[CollectionRow]:
        if names:
            return [self._collection(name) for name in names]
        rows = sorted(self.kept_collections.values(), key=lambda row: row.name.casefold())
        return [
            row.model_copy(update={"documents": [id_ for id_ in row.documents if id_ in self._documents]})
            for row in rows
        ]

    def make_collection(self, name: str, *, documents: list[int] | None = None) -> CollectionRow:
        if not name.strip():
            raise UsageError("A collection needs a name.", hint="Such as “Lease 2024”.")
        if name.casefold() in self.kept_collections:
            raise UsageError(f"There is a collection {name!r} already.", hint="Choose another name.")
        row = CollectionRow(
            id=len(self.kept_collections) + 1, name=name, created_at="2026-11-22T00:00:00Z", documents=documents or []
        )
        self.kept_collections[name.casefold()] = row
        return row

    def change_collection(
        self, name: str, *, add: list[int] | None = None, remove: list[int] | None = None
    ) -> CollectionRow:
        row = self._collection(name)
        inside = sorted({*row.documents, *(add or [])} - set(remove or []))
        self.kept_collections[name.casefold()] = row.model_copy(update={"documents": inside})
        return self.kept_collections[name.casefold()]

    def rename_collection(self, name: str, new_name: str) -> CollectionRow:
        row = self._collection(name).model_copy(update={"name": new_name})
        del self.kept_collections[name.casefold()]
        self.kept_collections[new_name.casefold()] = row
        return row

    def delete_collection(self, name: str) -> None:
        self._collection(name)
        del self.kept_collections[name.casefold()]

    def _collection(self, name: str) -> CollectionRow:
        if name.casefold() not in self.kept_collections:
            raise NotFoundError(f"There is no collection {name!r}.", hint="Did you mean “Lease 2024”?")
        return self.kept_collections[name.casefold()]
