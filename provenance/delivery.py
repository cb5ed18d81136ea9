"""How a picture leaves the house: marked, then signed, then its manifest kept by its record.

    delivered = Deliverer(signer, store, key).deliver(picture, Disclosure(record=run))
    path.write_bytes(delivered.data)

The order matters: the signature covers the mark, and nothing may change a byte after it. What one of the two loses, the
other keeps: whoever strips the metadata leaves the mark, which names the record, whose manifest is in the store.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageOps

from provenance.credentials.disclosure import Disclosure, SoftBinding
from provenance.credentials.media import media_type
from provenance.credentials.sign import CredentialSigner, Parent, carries
from provenance.credentials.store import ManifestStore
from provenance.errors import CredentialError, UsageError
from provenance.imagemark.keys import ImageMarkKey
from provenance.imagemark.marker import ALGORITHM, LEAST_SIDE, enlarged, mark_picture
from provenance.imagemark.picture import open_picture, split_alpha, to_eight_bits

__all__ = ["Delivered", "Deliverer", "Format"]

Format = Literal["image/png", "image/jpeg", "image/webp"]

SVG = "image/svg+xml"
_QUALITY = 92
_ATTEMPTS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered:
    """A finished file. `mark` and `psnr` are None where no mark was put in (SVG); `psnr`: of the mark, in dB."""

    data: bytes
    mime: str
    record: str
    width: int
    height: int
    mark: int | None
    psnr: float | None

    @property
    def facts(self) -> dict[str, Any]:
        """What the ledger writes down about it: what it carries, never the mark's number."""
        marked = {} if self.mark is None else {"image_mark": ALGORITHM}
        seen = {} if self.psnr is None or not math.isfinite(self.psnr) else {"psnr": round(self.psnr, 2)}
        digest = hashlib.sha256(self.data).hexdigest()
        return {"file": digest, "mime": self.mime, "signed": True, **marked, **seen}


class Deliverer:
    """Marks and signs with this installation's keys."""

    def __init__(self, signer: CredentialSigner, store: ManifestStore, key: ImageMarkKey) -> None:
        """`store` is the one that `signer` keeps manifests in."""
        self._signer = signer
        self._store = store
        self._key = key

    def deliver(
        self,
        picture: Image.Image | bytes,
        disclosure: Disclosure,
        *,
        mime: Format = "image/png",
        parent: Parent | None = None,
        inputs: Sequence[Parent] = (),
        side: int = LEAST_SIDE,
    ) -> Delivered:
        """The file to hand out.

        Args:
            picture: Pixels, or a file. One well below `side` (below 308 of 512) is enlarged first, by a whole factor to
                `side` or more: a mark needs room, and withstands less in a smaller picture. A file's own credentials
                are kept as an ingredient; an SVG file gets credentials only.
            disclosure: Whose record it is, and how much the file tells of it.
            mime: What to write; an SVG stays one.
            parent: The file that was edited, where `picture` is not that file itself.
            inputs: Files that it was put together from, where it is an edited version of none of them.
            side: Pixels of the shorter side that a small picture is enlarged to.

        Raises:
            PictureError: If the file is damaged, too large or no picture.
            UsageError: If it is animated, or too long and thin to be marked.
            CredentialError, StorageError: If it cannot be signed, or the manifest not be kept.
        """
        if isinstance(picture, bytes):
            found = media_type(io.BytesIO(picture)) or ""
            if found == SVG:
                data = self._signer.sign_bytes(picture, SVG, disclosure, parent=parent, inputs=inputs)
                return Delivered(data=data, mime=SVG, record=disclosure.record, width=0, height=0, mark=None, psnr=None)
            if parent is None and carries(picture, found):
                parent = Parent(data=picture)
            with open_picture(picture) as image:
                whole = _upright(image)
            return self._pixels(whole, disclosure, mime, parent, inputs, side)
        return self._pixels(_upright(picture), disclosure, mime, parent, inputs, side)

    def _pixels(
        self,
        image: Image.Image,
        disclosure: Disclosure,
        mime: Format,
        parent: Parent | None,
        inputs: Sequence[Parent],
        side: int,
    ) -> Delivered:
        before = enlarged(image, side)
        if mime == "image/jpeg" and before.mode in ("LA", "RGBA"):  # JPEG knows no transparency
            paper = Image.new("RGBA", before.size, (255, 255, 255, 255))
            before = Image.alpha_composite(paper, before.convert("RGBA")).convert("RGB")
        number = self._number(disclosure.record)
        after = mark_picture(before, number, self._key)
        binding = SoftBinding(algorithm=ALGORITHM, value=f"{number:012x}")
        signed = self._signer.sign_bytes(
            _encoded(after, mime, image.info.get("icc_profile")),
            mime,
            replace(disclosure, soft_binding=binding),
            parent=parent,
            inputs=inputs,
        )
        from provenance.imagemark.embed import psnr

        alpha = split_alpha(before)[1]
        return Delivered(
            data=signed,
            mime=mime,
            record=disclosure.record,
            width=after.width,
            height=after.height,
            mark=number,
            psnr=psnr(np.asarray(split_alpha(before)[0]), np.asarray(split_alpha(after)[0]), alpha),
        )

    def _number(self, record: str) -> int:
        """A number that stands for this record and no other."""
        for attempt in range(_ATTEMPTS):
            number = self._key.number(record, attempt)
            if self._store.claim(number, record):
                return number
        raise CredentialError("No number is left for this record.")  # eight collisions of 48 bits: a broken store


def _upright(image: Image.Image) -> Image.Image:
    """8 bits, the way up in which it is shown; its colour profile stays where the colours are still those."""
    if getattr(image, "is_animated", False):
        raise UsageError("An animated picture cannot be marked.", hint="Mark each of its pictures.")
    profile = image.info.get("icc_profile") if image.mode in ("L", "LA", "RGB", "RGBA") else None
    turned = to_eight_bits(ImageOps.exif_transpose(image))
    turned.info = {"icc_profile": profile} if profile else {}
    return turned


def _encoded(image: Image.Image, mime: Format, profile: bytes | None) -> bytes:
    out = io.BytesIO()
    match mime:
        case "image/png":
            image.save(out, "PNG", icc_profile=profile)
        case "image/webp":
            image.save(out, "WEBP", lossless=True, icc_profile=profile or b"")
        case "image/jpeg":
            image.save(out, "JPEG", quality=_QUALITY, subsampling=0, icc_profile=profile)
    return out.getvalue()
