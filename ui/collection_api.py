"""What may be asked of the engine about collections: names a person gives to groups of documents."""

from __future__ import annotations

from typing import Protocol

from pydantic import BaseModel, ConfigDict

__all__ = ["CollectionApi", "CollectionRow"]


class CollectionRow(BaseModel):
    """One collection."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: int
    name: str
    created_at: str
    documents: list[int]  # their ids


class CollectionApi(Protocol):
    """Every call may raise an `AppError`, as in `EngineApi`. A collection is named whatever the capitals."""

    def collections(self, *, names: list[str] | None = None) -> list[CollectionRow]:
        """Every one, by name; or those of `names`, which must all be there."""

    def make_collection(self, name: str, *, documents: list[int] | None = None) -> CollectionRow:
        """A new one; its name must be free."""

    def change_collection(
        self, name: str, *, add: list[int] | None = None, remove: list[int] | None = None
    ) -> CollectionRow:
        """Put documents in and take documents out."""

    def rename_collection(self, name: str, new_name: str) -> CollectionRow: ...
    def delete_collection(self, name: str) -> None:
        """Its documents stay in the library."""
