"""The engine's collections, over the wire: `ui.collection_api.CollectionApi` for `EngineClient`."""

from __future__ import annotations

from typing import Any, Protocol

import httpx
from pydantic import TypeAdapter

from ui.collection_api import CollectionRow

__all__ = ["CollectionClient"]


class _Wired(Protocol):
    """The part of `EngineClient` that these calls need."""

    def _call(self, method: str, path: str, *, again: bool = False, **request: Any) -> httpx.Response: ...


class CollectionClient:
    """Mixed into `EngineClient`."""

    def collections(self: _Wired, *, names: list[str] | None = None) -> list[CollectionRow]:
        answer = self._call("GET", "/collections", params={"name": names or []})
        return TypeAdapter(list[CollectionRow]).validate_json(answer.content)

    def make_collection(self: _Wired, name: str, *, documents: list[int] | None = None) -> CollectionRow:
        body = {"name": name, "documents": documents or []}
        return CollectionRow.model_validate_json(self._call("POST", "/collections", json=body).content)

    def change_collection(
        self: _Wired, name: str, *, add: list[int] | None = None, remove: list[int] | None = None
    ) -> CollectionRow:
        body = {"name": name, "add": add or [], "remove": remove or []}
        return CollectionRow.model_validate_json(self._call("POST", "/collections/change", json=body).content)

    def rename_collection(self: _Wired, name: str, new_name: str) -> CollectionRow:
        body = {"name": name, "new_name": new_name}
        return CollectionRow.model_validate_json(self._call("POST", "/collections/rename", json=body).content)

    def delete_collection(self: _Wired, name: str) -> None:
        self._call("POST", "/collections/delete", json={"name": name})
