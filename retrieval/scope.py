"""Which documents a search may look at: by document, folder, collection, kind and the day they were added."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import PurePath

from provenance.errors import NotFoundError, UsageError
from retrieval.document import DocumentInfo

__all__ = ["Scope", "documents_in"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What is empty does not narrow; what is given must all hold."""

    documents: tuple[int, ...] = ()
    collections: tuple[str, ...] = ()  # names; what is in one of them
    folder: str = ""  # with everything below it; uploads lie in none
    kinds: tuple[str, ...] = ()
    since: str = ""  # YYYY-MM-DD, both included
    until: str = ""


def documents_in(scope: Scope, documents: Sequence[DocumentInfo], collected: Collection[int] = ()) -> list[int] | None:
    """Ids of the documents within a scope; None where it does not narrow.

    Args:
        collected: Ids of the documents in the scope's collections.
    Raises:
        UsageError: A day is none.
        NotFoundError: No document is in it.
    """
    if scope == Scope():
        return None
    since, until = _day(scope.since), _day(scope.until)
    found = [
        info.id
        for info in documents
        if (not scope.documents or info.id in scope.documents)
        and (not scope.collections or info.id in collected)
        and (not scope.folder or _below(info.path, scope.folder))
        and (not scope.kinds or info.kind in scope.kinds)
        and (since is None or info.added_at[:10] >= since)
        and (until is None or info.added_at[:10] <= until)
    ]
    if not found:
        raise NotFoundError("No document is within these limits.", hint="Widen them, or add documents.")
    return found


def _below(path: str, folder: str) -> bool:
    return bool(path) and PurePath(path).is_relative_to(PurePath(folder))


def _day(text: str) -> str | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as exc:
        raise UsageError(f"{text[:40]!r} is no day.", hint="Write it as 2026-11-21.") from exc
