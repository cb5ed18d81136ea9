"""What the upscaler learns from: drawings of 256 pixels, and what is left of them at 64.

What it will meet is rarely a clean small picture: generators draw softly. So half of the small pictures went through
the codec, as disturbed as a generator's latents are; others are blurred and noisy; the rest are clean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from backends.image.codec import SIDE, Codec, from_rgba, to_rgba
from backends.image.upscaler import FACTOR, Upscaler

__all__ = ["LARGE", "MEASURED", "DrawingPairs", "Pairs", "as_drawn", "made_small"]

LARGE = SIDE * FACTOR
MEASURED = 16  # pictures that the validation loss is taken on
_CUT = 32  # small pixels a side that a step sees: half of a picture
_DRAWN, _SPOILED = 0.5, 0.75  # up to the first share through the codec, up to the second blurred and noisy
_DISTURBED = 0.3  # of the size of the latents, at most
_BLUR, _NOISE = 0.8, 0.04  # pixels; of a range of 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """A batch: (n, 4, h, w) and (n, 4, 4h, 4w), as `from_rgba` gives them."""

    small: Tensor
    large: Tensor

    def __len__(self) -> int:
        return len(self.small)

    def dropped(self, _generator: torch.Generator) -> Pairs:
        """The same: there is no prompt to leave out."""
        return self

    def loss(self, model: Upscaler, _generator: torch.Generator) -> Tensor:
        """A number a pair."""
        return model.loss(self.small, self.large)

    def critic_loss(self, _model: Upscaler, _generator: torch.Generator) -> Tensor:
        """There is no critic."""
        raise NotImplementedError("only a network with a critic is asked for this")


class DrawingPairs:
    """Pairs cut out of drawings, turned and mirrored. Which ones depends on the step's generator alone.

    Args:
        train: (n, 256, 256, 4) uint8, straight alpha.
        validation: Likewise, never trained on.
        digest: Names both, and the codec.
    """

    def __init__(
        self, train: NDArray[np.uint8], validation: NDArray[np.uint8], codec: Codec, *, digest: str = ""
    ) -> None:
        self._train, self._validation, self._codec, self.digest = train, validation, codec.eval(), digest

    def draw(self, size: int, generator: torch.Generator) -> Pairs:
        """A training batch of cuts."""
        rows = torch.randint(len(self._train), (size,), generator=generator).tolist()
        large = from_rgba(torch.from_numpy(np.stack([self._train[row] for row in rows])))
        small = self._spoiled(made_small(large), generator)
        places = torch.randint(SIDE - _CUT + 1, (size, 2), generator=generator).tolist()
        turns = torch.randint(8, (size,), generator=generator).tolist()
        cuts = [
            (
                _turned(small[n], top, left, _CUT, turn),
                _turned(large[n], FACTOR * top, FACTOR * left, FACTOR * _CUT, turn),
            )
            for n, ((top, left), turn) in enumerate(zip(places, turns, strict=True))
        ]
        return Pairs(small=torch.stack([cut for cut, _ in cuts]), large=torch.stack([cut for _, cut in cuts]))

    def validation(self, limit: int) -> Pairs:
        """Whole pictures, the same every time, spoiled as in training; a pair weighs much, so a few must do."""
        large = from_rgba(torch.from_numpy(np.array(self._validation[: min(limit, MEASURED)])))
        return Pairs(small=self._spoiled(made_small(large), torch.Generator().manual_seed(0)), large=large)

    def _spoiled(self, small: Tensor, generator: torch.Generator) -> Tensor:
        kinds = torch.rand(len(small), generator=generator)
        # A picture between itself and its blur: a kernel of any strength below the blur's.
        share = torch.rand(len(small), 1, 1, 1, generator=generator)
        blurred = small + share * (_blurred(small, _BLUR) - small)
        noisy = blurred + _NOISE * share * torch.randn(small.shape, generator=generator)
        mixed = torch.where((kinds < _SPOILED)[:, None, None, None], noisy, small)
        if len(drawn := torch.nonzero(kinds < _DRAWN)[:, 0]):
            mixed[drawn] = as_drawn(self._codec, small[drawn], _DISTURBED, generator)
        return (((mixed.clamp(-1, 1) + 1) * 127.5).round() / 127.5) - 1  # as 8 bits hold it


def made_small(large: Tensor) -> Tensor:
    """A quarter of the size, by the filter that drawings are brought to 64 pixels with, or nearly."""
    return F.interpolate(large, scale_factor=1 / FACTOR, mode="bicubic", antialias=True, align_corners=False)


def as_drawn(codec: Codec, small: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """Pictures as a generator would hand them out: through the codec, each disturbed by up to `most`."""
    with torch.no_grad():
        latents = codec.encode(small)
        size = most * torch.rand(len(small), 1, 1, generator=generator)
        noise = torch.randn(latents.shape, generator=generator)
        return from_rgba(to_rgba(codec.decode(latents + size * noise)))


def _blurred(images: Tensor, sigma: float) -> Tensor:
    reach = torch.arange(-2, 3, dtype=images.dtype)
    weights = torch.softmax(-(reach**2) / (2 * sigma**2), dim=0)
    kernel = weights.view(1, 1, 1, 5).expand(images.shape[1], 1, 1, 5)
    padded = F.pad(images, (2, 2, 2, 2), mode="replicate")
    across = F.conv2d(padded, kernel, groups=images.shape[1])
    return F.conv2d(across, kernel.transpose(2, 3), groups=images.shape[1])


def _turned(image: Tensor, top: int, left: int, side: int, turn: int) -> Tensor:
    """A square cut, turned by quarters and mirrored: eight ways."""
    cut = image[:, top : top + side, left : left + side]
    cut = torch.rot90(cut, turn % 4, dims=(1, 2))
    return cut.flip(2) if turn >= 4 else cut
