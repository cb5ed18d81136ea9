"""Captions to numbers: all-MiniLM-L6-v2 in plain torch, its states before pooling and the pooled vector.

The same weights that find passages; here every word's state is wanted, not only the mean, because "red heart" and
"blue heart" lie so close in the mean that colour would be lost. Loads torch, and the weights at the first caption.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from provenance.errors import BackendUnavailableError

__all__ = ["MAX_WORDS", "WIDTH", "CaptionEncoder", "Captions"]

WIDTH = 384  # of MiniLM
MAX_WORDS = 8  # word pieces of a caption that a generator sees one by one; the pooled vector holds all of them
_WINDOW = 64  # pieces that are read at all
_HEADS, _LAYERS = 12, 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Captions:
    """A batch of encoded captions."""

    words: Tensor  # (batch, MAX_WORDS, WIDTH), zero where a caption is shorter
    pooled: Tensor  # (batch, WIDTH), of length one

    def __len__(self) -> int:
        return int(self.pooled.shape[0])


class CaptionEncoder:
    """Reads captions. Safe for threads: nothing changes after loading.

    Args:
        folder: Holds `model.safetensors` and `tokenizer.json` of all-MiniLM-L6-v2.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loading = threading.Lock()
        self._weights: dict[str, Tensor] | None = None
        self._tokenizer: Any = None
        self._digest = ""

    @property
    def digest(self) -> str:
        """SHA-256 of the weights, hex: generators are trained against exactly these."""
        if not self._digest:
            with (self._folder / "model.safetensors").open("rb") as file:
                self._digest = hashlib.file_digest(file, "sha256").hexdigest()
        return self._digest

    def problem(self) -> str:
        """Empty, or one sentence about what is missing. Reads nothing."""
        for name in ("model.safetensors", "tokenizer.json"):
            if not (self._folder / name).is_file():
                return f"The text encoder all-minilm-l6-v2 is not on this machine ({name} is missing)."
        return ""

    @torch.inference_mode()
    def encode(self, captions: list[str], *, batch: int = 64) -> Captions:
        """States of the word pieces (without the marks at both ends) and their mean, shape as in `Captions`.

        Raises:
            BackendUnavailableError: If the weights are missing.
        """
        self._load()
        words = torch.zeros(len(captions), MAX_WORDS, WIDTH)
        pooled = torch.zeros(len(captions), WIDTH)
        order = sorted(range(len(captions)), key=lambda i: len(captions[i]))
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            states, mask = self._states([captions[i] for i in rows])
            mean = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
            pooled[rows] = F.normalize(mean, dim=-1)
            inner = states[:, 1 : 1 + MAX_WORDS]
            lengths = (mask.sum(1) - 2).clamp(max=MAX_WORDS)
            seen = torch.arange(inner.shape[1])[None] < lengths[:, None]
            words[rows, : inner.shape[1]] = inner * seen[..., None]
        return Captions(words=words, pooled=pooled)

    def _states(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """Last hidden states `(batch, length, WIDTH)` and the mask of real pieces `(batch, length)`."""
        assert self._weights is not None
        encoded = [self._tokenizer.encode(text).ids[:_WINDOW] for text in texts]
        length = max(len(ids) for ids in encoded)
        ids = torch.tensor([row + [0] * (length - len(row)) for row in encoded])
        mask = torch.tensor([[1.0] * len(row) + [0.0] * (length - len(row)) for row in encoded])
        return _bert(ids, mask, self._weights), mask

    def _load(self) -> None:
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        with self._loading:
            if self._weights is not None:
                return
            if problem := self.problem():
                raise BackendUnavailableError(problem, hint="Run: wherefrom models fetch all-minilm-l6-v2")
            try:
                tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
                weights = load_file(self._folder / "model.safetensors")
            except Exception as exc:
                raise BackendUnavailableError(
                    f"The text encoder cannot be read: {exc}.", hint="Run: wherefrom models fetch all-minilm-l6-v2"
                ) from exc
            tokenizer.no_padding()
            tokenizer.no_truncation()
            self._tokenizer, self._weights = tokenizer, {name: w.float() for name, w in weights.items() if w.ndim}


def _bert(ids: Tensor, mask: Tensor, w: dict[str, Tensor]) -> Tensor:
    """BERT (Devlin et al. 2018, arXiv:1810.04805), post-norm, exact GELU."""

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (WIDTH,), w[f"{name}.weight"], w[f"{name}.bias"], eps=1e-12)

    def dense(x: Tensor, name: str) -> Tensor:
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    batch, length = ids.shape
    x = F.embedding(ids, w["embeddings.word_embeddings.weight"])
    x = x + w["embeddings.position_embeddings.weight"][:length] + w["embeddings.token_type_embeddings.weight"][0]
    x = norm(x, "embeddings.LayerNorm")
    allowed = mask[:, None, None, :].bool()
    for layer in range(_LAYERS):
        at = f"encoder.layer.{layer}"
        q, k, v = (
            dense(x, f"{at}.attention.self.{part}").view(batch, length, _HEADS, -1).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed).transpose(1, 2).reshape(batch, length, WIDTH)
        x = norm(x + dense(mixed, f"{at}.attention.output.dense"), f"{at}.attention.output.LayerNorm")
        inner = F.gelu(dense(x, f"{at}.intermediate.dense"))
        x = norm(x + dense(inner, f"{at}.output.dense"), f"{at}.output.LayerNorm")
    return x
