"""The keys of the image mark: which number stands for a record."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from provenance.imagemark.code import BITS
from provenance.keys import LedgerKeys
from provenance.mark_secrets import MarkSecrets, utc_now

__all__ = ["ImageMarkKey", "ImageMarkKeys"]

_PURPOSE = b"wherefrom/image-mark/v1"


@dataclass(frozen=True, slots=True)
class ImageMarkKey:
    """One secret of 32 bytes."""

    secret: bytes = field(repr=False)

    def number(self, record: str, attempt: int = 0) -> int:
        """The 48 bits that stand for a record; `attempt` gives further ones, should two records share the first."""
        told = f"{record}/{attempt}".encode()
        return int.from_bytes(hmac.digest(self.secret, _PURPOSE + b"/number/" + told, "sha256")[: BITS // 8], "big")


class ImageMarkKeys:
    """The keys of one installation; how they are kept: `provenance.mark_secrets`."""

    def __init__(self, folder: Path, ledger: LedgerKeys, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._secrets = MarkSecrets(folder, ledger, purpose=_PURPOSE, mark="image mark", clock=clock)

    def current(self) -> ImageMarkKey:
        """The key that marks now; see `MarkSecrets.current`."""
        return ImageMarkKey(self._secrets.current())

    def known(self) -> list[ImageMarkKey]:
        """Every key so far, the newest first; see `MarkSecrets.known`."""
        return [ImageMarkKey(secret) for secret in self._secrets.known()]
