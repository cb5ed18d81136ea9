"""When checkpoints are made: when the ledger has grown and is quiet, every so many events, and at the end.

Never on an answer's path: a thread of its own looks at the ledger's size every second, and while an answer is being
written it only signs when very much has come together. What goes wrong is kept and shown, not raised: a missing key
must not stop the assistant, and a ledger that does not follow from its last checkpoint must not be signed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from provenance.checkpoint import Checkpoint
from provenance.checkpoints import Checkpoints
from provenance.errors import AppError
from provenance.ledger import Ledger

__all__ = ["CheckpointClock"]

LOOK_S = 1.0
RETRY_S = 60.0

_log = logging.getLogger("wherefrom.engine")


class CheckpointClock:
    """Makes checkpoints in the background. Safe for threads."""

    def __init__(
        self,
        ledger: Ledger,
        notary: Checkpoints,
        *,
        busy: Callable[[], bool],
        every_events: int,
        quiet_s: float,
    ) -> None:
        """
        Args:
            busy: Whether an answer is being written.
            every_events: As many new events are signed at once, busy or not.
            quiet_s: Seconds without a new event after which what came is signed.
        """
        self._ledger, self._notary, self._busy = ledger, notary, busy
        self._every, self._quiet_s = every_events, quiet_s
        self._making = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._covered = 0
        self._seen, self._seen_at = 0, time.monotonic()
        self._retry_at = 0.0
        self.problem = ""

    def start(self) -> None:
        """Begin to look at the ledger."""
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self._thread.start()

    def make(self) -> Checkpoint:
        """A checkpoint now. Raises as `Checkpoints.make`; what went wrong is kept in `problem`, too."""
        with self._making:
            try:
                made = self._notary.make()
            except AppError as exc:
                self.problem = f"{exc} {exc.hint}".strip()
                self._retry_at = time.monotonic() + RETRY_S
                raise
            self.problem, self._covered = "", made.size
            return made

    def close(self) -> None:
        """End the thread, and sign what was not signed yet."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self._attempt(self._ledger.head().seq)

    def _run(self) -> None:
        try:
            newest = self._notary.newest()
            self._covered = newest.size if newest else 0
        except AppError as exc:
            self.problem = f"{exc} {exc.hint}".strip()
        while not self._ended.wait(min(LOOK_S, self._quiet_s)):
            try:
                self._look()
            except AppError as exc:  # the database is locked or gone: looked at again in a second
                _log.warning("the ledger cannot be looked at: %s", type(exc).__name__)

    def _look(self) -> None:
        seq, now = self._ledger.head().seq, time.monotonic()
        if seq != self._seen:
            self._seen, self._seen_at = seq, now
        quiet = now - self._seen_at >= self._quiet_s and not self._busy()
        if (quiet or seq - self._covered >= self._every) and now >= self._retry_at:
            self._attempt(seq)

    def _attempt(self, seq: int) -> None:
        if seq == self._covered:
            return
        try:
            self.make()
        except AppError as exc:
            _log.warning("no checkpoint could be made: %s", type(exc).__name__)
