"""What the transformers of all families are made of: attention blocks that a condition modulates.

Pre-norm, RMS-normalised queries and keys, SwiGLU, and adaLN-Zero (Peebles & Xie 2022, arXiv:2212.09748, section 3.2):
shift, scale and gate of every block come from the condition, and the gates begin at zero, so that a new network is the
identity. A causal block can be stepped token by token with a cache and gives the same numbers as the whole sequence.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Block", "Cache", "FinalLayer", "Stack", "modulate"]

_HEAD = 64  # width of an attention head

Cache = list[tuple[Tensor, Tensor]]  # keys and values so far, a pair a block, each (batch, heads, length, _HEAD)


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """`x` (batch, length, width), shifted and scaled per sample: `shift` and `scale` are (batch, width)."""
    return x * (1 + scale[:, None]) + shift[:, None]


class Block(nn.Module):
    """Attention, then a gated feed-forward layer; (batch, length, width) to the same shape."""

    def __init__(self, width: int, *, causal: bool = False) -> None:
        super().__init__()
        if width % _HEAD:
            raise ValueError(f"width must be a multiple of {_HEAD}")
        self.heads, self.causal = width // _HEAD, causal
        hidden = (width * 8 // 3 + 63) // 64 * 64
        self.norm1 = nn.RMSNorm(width, elementwise_affine=False, eps=1e-6)
        self.norm2 = nn.RMSNorm(width, elementwise_affine=False, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_norm, self.k_norm = nn.RMSNorm(_HEAD, eps=1e-6), nn.RMSNorm(_HEAD, eps=1e-6)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)
        self.modulation = nn.Linear(width, 6 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, condition: Tensor, past: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """`condition` is (batch, width). With `past`, `x` follows what the cache holds."""
        return self.step(x, condition, past)[0]

    def step(
        self, x: Tensor, condition: Tensor, past: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The block's output and the keys and values of everything so far."""
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(F.silu(condition)).chunk(6, dim=-1)
        mixed, cache = self._attention(modulate(self.norm1(x), shift1, scale1), past)
        x = x + gate1[:, None] * mixed
        gate, value = self.up(modulate(self.norm2(x), shift2, scale2)).chunk(2, dim=-1)
        return x + gate2[:, None] * self.down(F.silu(gate) * value), cache

    def _attention(self, x: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, _HEAD).permute(2, 0, 3, 1, 4)
        q, k = self.q_norm(q), self.k_norm(k)
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        whole = k.shape[2] == length
        if self.causal and not whole and length > 1:
            raise ValueError("with a cache, one token at a time")
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal and whole)
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width)), (k, v)


class Stack(nn.Module):
    """`depth` blocks under one condition."""

    def __init__(self, width: int, depth: int, *, causal: bool = False) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(width, causal=causal) for _ in range(depth))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(batch, length, width) to the same shape."""
        for block in self.blocks:
            x = block(x, condition)
        return x

    def step(self, x: Tensor, condition: Tensor, cache: Cache | None) -> tuple[Tensor, Cache]:
        """The next tokens after `cache`, and the longer cache."""
        longer: Cache = []
        for n, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            x, kept = block.step(x, condition, None if cache is None else cache[n])
            longer.append(kept)
        return x, longer


class FinalLayer(nn.Module):
    """Norm, modulation, projection; gives zeros until it has learned."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width, elementwise_affine=False, eps=1e-6)
        self.modulation = nn.Linear(width, 2 * width)
        self.project = nn.Linear(width, out)
        for layer in (self.modulation, self.project):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(batch, length, width) to (batch, length, out)."""
        shift, scale = self.modulation(F.silu(condition)).chunk(2, dim=-1)
        projected: Tensor = self.project(modulate(self.norm(x), shift, scale))
        return projected
