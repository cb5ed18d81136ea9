"""Linear layers with 8-bit weights: a quarter of the memory of float32, on any device, with nothing to install.

Weight-only, one scale per output row, rounded to nearest: the largest error of a weight is half a step of its row.
It saves memory, not time: the product is computed in the model's own precision.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Int8Linear", "to_int8"]


class Int8Linear(nn.Module):
    """`nn.Linear` whose weight is int8; shape and bias as before."""

    weight: Tensor
    scale: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        whole = linear.weight.detach().float()
        scale = whole.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / 127
        self.register_buffer("weight", torch.round(whole / scale).to(torch.int8))
        self.register_buffer("scale", scale.squeeze(1).to(linear.weight.dtype))
        self.bias = linear.bias
        self.in_features, self.out_features = linear.in_features, linear.out_features

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., in_features) -> (..., out_features)."""
        y = nn.functional.linear(x, self.weight.to(x.dtype)) * self.scale
        return y if self.bias is None else y + self.bias


def to_int8(model: nn.Module, *, keep: tuple[str, ...] = ("lm_head",)) -> int:
    """Replace the linear layers of a model in place; returns how many.

    Args:
        keep: Names of layers that stay as they are: the last one decides between near-equal tokens, and is often tied
            to the embedding.
    """
    replaced = 0
    for name, child in list(model.named_children()):
        if isinstance(child, nn.Linear) and name not in keep:
            setattr(model, name, Int8Linear(child))
            replaced += 1
        else:
            replaced += to_int8(child, keep=keep)
    return replaced
