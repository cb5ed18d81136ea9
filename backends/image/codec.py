"""Pictures to numbers and back: an orthonormal transform of 8 x 8 patches, and a small network that repairs the seams.

The encoder has nothing to train: the principal components of the patches of the training set (Hotelling 1933), scaled
by the square root of their spread, so that detail counts more than in pixels and less than if every component were made
equal. It has an exact inverse on what it keeps, and never changes, so all families share it while the decoder improves.
A picture is what it looks like on white, and its alpha: so a careless edge is white and not a dark fringe.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backends.image.condition import GRID, PLACES

__all__ = ["PATCH", "SIDE", "Codec", "from_rgba", "to_rgba"]

PATCH = 8
SIDE = GRID * PATCH  # pixels
_NUMBERS = 4 * PATCH * PATCH


def from_rgba(rgba: Tensor) -> Tensor:
    """uint8 (batch, 64, 64, 4), straight alpha, to (batch, 4, 64, 64) in [-1, 1]: red, green, blue on white; alpha."""
    values = rgba.to(torch.float32).div(255).movedim(-1, 1)
    alpha = values[:, 3:]
    return torch.cat([values[:, :3] * alpha + (1 - alpha), alpha], dim=1) * 2 - 1


def to_rgba(image: Tensor) -> Tensor:
    """The way back: uint8 (batch, 64, 64, 4), straight alpha."""
    values = (image.clamp(-1, 1) + 1) / 2
    # Nearly clear is clear, nearly solid is solid: a drawing has few pixels between.
    alpha = ((values[:, 3:] - 0.06) / 0.88).clamp(0, 1)
    colour = ((values[:, :3] - (1 - alpha)) / alpha.clamp(min=0.05)).clamp(0, 1) * (alpha > 0)
    return torch.cat([colour, alpha], dim=1).movedim(1, -1).mul(255).round().to(torch.uint8)


class Codec(nn.Module):
    """(batch, 4, 64, 64) to (batch, PLACES, dims) and back."""

    mean: Tensor
    basis: Tensor
    scale: Tensor

    def __init__(self, dims: int = 48, width: int = 48, depth: int = 4) -> None:
        super().__init__()
        self.dims = dims
        self.register_buffer("mean", torch.zeros(_NUMBERS))
        self.register_buffer("basis", torch.zeros(dims, _NUMBERS))  # orthonormal rows
        self.register_buffer("scale", torch.ones(dims))
        self.first = nn.Conv2d(16, width, 3, padding=1)
        self.middle = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(depth))
        self.last = nn.Conv2d(width, 16, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    @torch.no_grad()
    def fit(self, images: Tensor) -> float:
        """Take the transform from a sample of pictures. Returns the share of the variance that it keeps."""
        patches = _patches(images).reshape(-1, _NUMBERS).double()
        mean = patches.mean(0)
        spread, vectors = torch.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
        order = spread.argsort(descending=True)[: self.dims]
        signs = (
            vectors[:, order].sum(0).sign()
        )  # an eigenvector has no sign of its own; this one does not depend on BLAS
        self.mean.copy_(mean)
        self.basis.copy_((vectors[:, order] * torch.where(signs == 0, 1.0, signs)).T)
        root = spread[order].clamp(min=1e-8).sqrt()
        scale = root.sqrt()
        self.scale.copy_(scale * ((root / scale) ** 2).mean().sqrt())  # so that a number has a mean square of one
        return float(spread[order].sum() / spread.sum())

    def encode(self, images: Tensor) -> Tensor:
        """(batch, PLACES, dims), mean square about one."""
        return ((_patches(images) - self.mean) @ self.basis.T) / self.scale

    def linear(self, latents: Tensor) -> Tensor:
        """The transform undone: exact for what `encode` kept."""
        return _images(latents * self.scale @ self.basis + self.mean)

    def decode(self, latents: Tensor) -> Tensor:
        """The transform undone and repaired: (batch, 4, 64, 64)."""
        rough = self.linear(latents)
        x = F.silu(self.first(F.pixel_unshuffle(rough, 2)))
        for conv in self.middle:
            x = x + F.silu(conv(x))
        return rough + F.pixel_shuffle(self.last(x), 2)

    def loss(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Colours and edges, from latents that are disturbed as a generator's are: none to a third of their size."""
        latents = self.encode(images)
        noise = torch.randn(latents.shape, generator=generator)
        amount = torch.rand(len(images), 1, 1, generator=generator) / 3
        drawn = self.decode(latents + amount * noise)
        edges = sum(((drawn.diff(dim=d) - images.diff(dim=d)).abs().mean() for d in (2, 3)), torch.zeros(()))
        return (drawn - images).abs().mean() + edges


def _patches(images: Tensor) -> Tensor:
    batch = images.shape[0]
    cut = images.reshape(batch, 4, GRID, PATCH, GRID, PATCH).permute(0, 2, 4, 1, 3, 5)
    return cut.reshape(batch, PLACES, _NUMBERS)


def _images(patches: Tensor) -> Tensor:
    batch = patches.shape[0]
    cut = patches.reshape(batch, GRID, GRID, 4, PATCH, PATCH).permute(0, 3, 1, 4, 2, 5)
    return cut.reshape(batch, 4, SIDE, SIDE)
