"""The keys of the text mark: which way each word leans. Records name only a key's id, which tells nothing of it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from provenance.keys import LedgerKeys
from provenance.mark_secrets import MarkSecrets, utc_now

__all__ = ["TextMarkKey", "TextMarkKeys"]

_PURPOSE = b"wherefrom/text-mark/v1"


@dataclass(frozen=True, slots=True)
class TextMarkKey:
    """One secret of 32 bytes."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Eight hexadecimal digits to name it by."""
        return hashlib.sha256(_PURPOSE + b"/id" + self.secret).hexdigest()[:8]

    def coin(self, word: str) -> int:
        """+1 or -1 for a word: to anybody without the secret, the toss of a fair coin."""
        digest = hmac.digest(self.secret, word.encode(), "sha256")
        return 1 if digest[0] & 1 else -1


class TextMarkKeys:
    """The keys of one installation; how they are kept: `provenance.mark_secrets`."""

    def __init__(self, folder: Path, ledger: LedgerKeys, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._secrets = MarkSecrets(folder, ledger, purpose=_PURPOSE, mark="text mark", clock=clock)

    def current(self) -> TextMarkKey:
        """The key that marks now; see `MarkSecrets.current`."""
        return TextMarkKey(self._secrets.current())

    def known(self) -> list[TextMarkKey]:
        """Every key so far, the newest first; see `MarkSecrets.known`."""
        return [TextMarkKey(secret) for secret in self._secrets.known()]
