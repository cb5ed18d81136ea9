"""A picture at four times its size: what a smooth filter gives, and on top the edges that a small network has learned.

    y = bicubic(x) + shuffle(convolutions(x))

All convolutions work at the small size, and the last one's channels are dealt out to 4 x 4 pixels (Shi et al. 2016,
"Real-Time Single Image and Video Super-Resolution ...", arXiv:1609.05158), with parametric rectifiers between them, as
in the compact network of Real-ESRGAN (Wang et al. 2021, arXiv:2107.10833). A picture is what it looks like on white,
and its alpha, as everywhere here (`codec.py`).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backends.image.codec import from_rgba
from backends.image.generator import Learner

__all__ = ["FACTOR", "Upscaler", "smooth", "straight"]

FACTOR = 4
_CHANNELS = 4  # red, green, blue on white; alpha
_SMOOTH = 1e-3  # of the loss about zero
_PAINTED = 0.25  # alpha from which a small pixel's colour is to be trusted


class Upscaler(Learner):
    """(batch, 4, h, w) to (batch, 4, 4h, 4w), both in [-1, 1]."""

    def __init__(self, width: int = 32, depth: int = 4) -> None:
        super().__init__()
        self.sizes: dict[str, Any] = {"width": width, "depth": depth}
        ends = [_CHANNELS] + [width] * depth
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(ends))
        self.bends = nn.ModuleList(nn.PReLU(width) for _ in range(depth))
        self.last = nn.Conv2d(width, _CHANNELS * FACTOR**2, 3, padding=1)
        nn.init.zeros_(self.last.weight)  # a new network is the filter
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Enlarged; may leave [-1, 1] a little."""
        return smooth(images) + F.pixel_shuffle(self.last(self.seen(images)), FACTOR)

    def seen(self, images: Tensor) -> Tensor:
        """What the last layer looks at: (batch, width, h, w)."""
        x = images
        for layer, bend in zip(self.layers, self.bends, strict=True):
            x = bend(layer(x))
        return x

    def loss(self, small: Tensor, large: Tensor) -> Tensor:
        """How far off the picture is on white and on black, and its alpha: a number a sample, (batch,)."""
        off = self(small) - large
        on_black = off[:, :3] + off[:, 3:]  # on white it is colour + 1 - alpha
        parts = (off[:, :3], on_black, off[:, 3:])
        return torch.stack([(part.square() + _SMOOTH**2).sqrt().mean(dim=(1, 2, 3)) for part in parts]).sum(0)

    @torch.no_grad()
    def enlarged(self, rgba: Tensor) -> Tensor:
        """uint8 (batch, h, w, 4), straight alpha, to (batch, 4h, 4w, 4).

        What is clear, or solid, at a place and at all its neighbours stays so to the bit: no veil on a background. On
        a rim a colour is held between those of its neighbours: where colour and alpha are learned side by side, the
        small errors of both would be a fringe.
        """
        image = self(from_rgba(rgba))
        values = rgba.to(torch.float32).div(255).movedim(-1, 1)
        opacity, colour = values[:, 3:], values[:, :3]
        most, least = _highest(opacity), -_highest(-opacity)
        alpha = torch.where(most == 0, -1.0, torch.where(least == 1, 1.0, image[:, 3:]))
        made = straight(torch.cat([image[:, :3], alpha], dim=1))
        painted = opacity >= _PAINTED
        light = _highest(torch.where(painted, colour, 0.0))
        dark = -_highest(-torch.where(painted, colour, 1.0))
        known = (least < 1) & (_highest(painted.float()) == 1)
        rim = made[..., :3].movedim(-1, 1)
        held = torch.minimum(torch.maximum(rim, dark.mul(255).round()), light.mul(255).round()).to(torch.uint8)
        return torch.cat([torch.where(known, held, rim).movedim(1, -1), made[..., 3:]], dim=-1)


def _highest(values: Tensor) -> Tensor:
    """Of a place and its eight neighbours, at the large size."""
    return F.interpolate(F.max_pool2d(values, 3, 1, 1), scale_factor=FACTOR)


def smooth(images: Tensor) -> Tensor:
    """The filter that the network adds to."""
    return F.interpolate(images, scale_factor=FACTOR, mode="bicubic", align_corners=False)


def straight(image: Tensor) -> Tensor:
    """(batch, 4, h, w), on white, to uint8 (batch, h, w, 4) with straight alpha."""
    values = (image.clamp(-1, 1) + 1) / 2
    alpha = values[:, 3:]
    painted = values[:, :3] - (1 - alpha)
    colour = (painted / alpha.clamp(min=1 / 255)).clamp(0, 1) * (alpha >= 0.5 / 255)
    return torch.cat([colour, alpha], dim=1).movedim(1, -1).mul(255).round().to(torch.uint8)
