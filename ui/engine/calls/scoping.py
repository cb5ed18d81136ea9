"""Where to look: a scope as clients write it, the documents it means, and the form in which a conversation keeps it.

Kept are numbers, not names: a collection that is renamed stays, and a name that is erased stands nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

from ui.api import Scope

if TYPE_CHECKING:
    from ui.services import Parts

__all__ = ["documents_within", "kept_scope", "scope_again"]


class _Kept(BaseModel):
    documents: list[int]
    collections: list[int]
    folder: str
    kinds: list[str]
    since: str
    until: str


def documents_within(parts: Parts, scope: Scope | None) -> list[int] | None:
    """Ids of the documents within a scope; None where it does not narrow.

    Raises:
        NotFoundError: No document is in it, or there is no such collection.
    """
    from retrieval import scope as scopes

    if scope is None:
        return None
    wanted = scopes.Scope(
        documents=tuple(parts.library.current(scope.documents)),
        collections=tuple(scope.collections),
        folder=scope.folder,
        kinds=tuple(scope.kinds),
        since=scope.since,
        until=scope.until,
    )
    collected = parts.library.collections.documents_of(wanted.collections)
    return scopes.documents_in(wanted, parts.library.documents(), collected)


def kept_scope(parts: Parts, scope: Scope) -> str:
    """What a conversation keeps of a scope; "" where it does not narrow.

    Raises:
        NotFoundError: There is no such collection.
    """
    if scope == Scope():
        return ""
    numbers = parts.library.collections.ids(scope.collections)
    return _Kept.model_validate(scope.model_dump() | {"collections": numbers}).model_dump_json()


def scope_again(parts: Parts, kept: str) -> Scope:
    """The scope that was kept: newer versions of its documents, its collections as they are called now.

    What was deleted stays in it, so that a question is refused instead of asked of everything.
    """
    if not kept:
        return Scope()
    fields = _Kept.model_validate_json(kept).model_dump()
    fields["documents"] = parts.library.current(fields["documents"])
    fields["collections"] = parts.library.collections.names(fields["collections"])
    return Scope.model_validate(fields)
