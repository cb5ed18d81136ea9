"""What the calls of the engine share: the parts of the house."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ui.services import Parts

__all__ = ["Calls"]


class Calls:
    """A group of calls over the parts."""

    parts: Parts
    asked: threading.Event  # set with the first question: what was done ahead of it stops
