"""From the pixels that a family drew to the file that leaves: judged, enlarged, marked, signed.

Small pictures are enlarged four times by the shipped network, and twice more by a filter where 512 pixels are wanted.
Without its weights, or where somebody chose so, the filter does all of it; then the record says so and why. What the
five families draw are icons; what anything else draws is judged first, where the house has a guard for that.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

from agent.guardrails.base import Decision
from agent.guardrails.pictures import PictureGuard
from backends.base import ModelIdentity, Picture
from backends.image.enlarging import Enlarger
from provenance.errors import BackendUnavailableError, GenerationError, UsageError

__all__ = ["ICONS", "SIDES", "Deliver", "Enlarged", "Enlarging", "Finish", "Finisher", "Leaving", "png", "size_of"]

Enlarging = Literal["network", "filter"]
ICONS = frozenset({"diffusion", "autoregressive", "flow", "vae", "gan"})  # families that draw nothing else
SIDES = (256, 512)  # pixels that a small picture may have when it leaves


class Leaving(Protocol):
    """A picture that is marked and signed, and what the ledger says about that."""

    @property
    def data(self) -> bytes: ...

    @property
    def facts(self) -> dict[str, Any]: ...


class Deliver(Protocol):
    """Marks and signs a picture on its way out, PNG or SVG bytes.

    Args:
        record: The run's id.
        sources: Files of the pictures that it was made of, so that their credentials are kept inside its own.
        side: A picture whose shorter side is well below so many pixels is enlarged to them by a filter.
    """

    def __call__(self, data: bytes, *, record: str, sources: Sequence[bytes] = (), side: int = 512) -> Leaving: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Finish:
    """How a small picture is to leave. `enlarging` is "network", "filter", or "" for what the house does.

    Raises:
        UsageError: If there is no such way, or no such size.
    """

    enlarging: str = ""
    side: int = 512

    def __post_init__(self) -> None:
        if self.enlarging not in ("", *get_args(Enlarging)):
            raise UsageError(
                f"Pictures are not enlarged by “{self.enlarging[:40]}”.", hint="By the network, or by the filter."
            )
        if self.side not in SIDES:
            raise UsageError(f"A picture leaves with {SIDES[0]} or {SIDES[1]} pixels a side, not {self.side}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Enlarged:
    """Pictures as they go to be marked. `by` enlarged them, `note` says why it is not what was asked for."""

    pictures: tuple[Picture, ...]
    by: ModelIdentity | None = None
    note: str = ""

    def facts(self, side: int) -> dict[str, Any]:
        """For the ledger."""
        means: Enlarging = "filter" if self.by is None else "network"
        return {"means": means, "weights": self.by.digest if self.by else "", "side": side, "note": self.note}


class Finisher:
    """Enlarges and delivers."""

    def __init__(
        self,
        deliver: Deliver | None = None,
        enlarger: Enlarger | None = None,
        usual: Enlarging = "network",
        guard: PictureGuard | None = None,
    ) -> None:
        self._deliver, self._enlarger, self._usual, self._guard = deliver, enlarger, usual, guard

    def judge_of(self, family: str) -> PictureGuard | None:
        """Who judges what this family draws before anybody sees it; None for icons, or where the house has no guard."""
        return None if family in ICONS else self._guard

    def judged(self, pictures: Sequence[Picture], family: str) -> list[Decision]:
        """The guard's word about each; none where it is not asked. One that blocks keeps all of them here."""
        guard = self.judge_of(family)
        return [] if guard is None else [guard.check(picture) for picture in pictures]

    def enlarged(self, pictures: Sequence[Picture], finish: Finish) -> Enlarged:
        """By the network where it is wanted, fits and works; else as they are, and the delivery's filter does it."""
        fits = bool(pictures) and all(Enlarger.takes(picture) for picture in pictures)
        if self._enlarger is None or not fits or (finish.enlarging or self._usual) == "filter":
            return Enlarged(pictures=tuple(pictures))
        try:
            return Enlarged(pictures=tuple(self._enlarger.enlarge(pictures)), by=self._enlarger.identity())
        except (BackendUnavailableError, GenerationError) as exc:
            return Enlarged(pictures=tuple(pictures), note=f"Enlarged by a plain filter. {exc}")

    def delivered(self, data: bytes, run: str, sources: Sequence[bytes] = (), side: int = 512) -> Leaving | None:
        """One file marked and signed, where the house does that."""
        return None if self._deliver is None else self._deliver(data, record=run, sources=sources, side=side)


def png(picture: Picture) -> bytes:
    """The picture as PNG, without metadata: the same pixels give the same bytes."""
    from PIL import Image

    out = io.BytesIO()
    Image.frombytes("RGBA", (picture.width, picture.height), picture.rgba).save(out, "PNG", compress_level=6)
    return out.getvalue()


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height of a file: a small picture may have been enlarged on its way out."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        return image.size
