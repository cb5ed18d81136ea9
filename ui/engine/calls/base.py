"""What the calls of the engine share: the parts of the house."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ui.api import Scope
    from ui.services import Parts

__all__ = ["Calls", "documents_within"]


class Calls:
    """A group of calls over the parts."""

    parts: Parts
    asked: threading.Event  # set with the first question: what was done ahead of it stops


def documents_within(parts: Parts, scope: Scope | None) -> list[int] | None:
    """Ids of the documents within a scope; None where it does not narrow.

    Raises:
        NotFoundError: No document is in it, or there is no such collection.
    """
    from retrieval import scope as scopes

    if scope is None:
        return None
    wanted = scopes.Scope(
        documents=tuple(scope.documents),
        collections=tuple(scope.collections),
        folder=scope.folder,
        kinds=tuple(scope.kinds),
        since=scope.since,
        until=scope.until,
    )
    collected = parts.library.collections.documents_of(wanted.collections)
    return scopes.documents_in(wanted, parts.library.documents(), collected)
