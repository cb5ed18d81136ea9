"""The caption encoder is all-MiniLM-L6-v2 to the last digit that counts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from backends.image.text import MAX_WORDS, WIDTH, CaptionEncoder
from provenance.errors import BackendUnavailableError

CAPTIONS = ["red heart", "a fox", "a very long caption about a small dog that sits beside a large pizza", "Füchse 🦊"]


@pytest.mark.model
def test_pooled_captions_are_what_the_library_gives(models_dir: Path) -> None:
    from retrieval.embedder import SentenceEmbedder

    folder = models_dir / "all-minilm-l6-v2"
    read = CaptionEncoder(folder).encode(CAPTIONS, batch=2)
    expected = torch.from_numpy(SentenceEmbedder(folder).embed(CAPTIONS))
    torch.testing.assert_close(read.pooled, expected, atol=2e-3, rtol=0)
    assert read.words.shape == (4, MAX_WORDS, WIDTH)
    present = read.words.abs().sum(-1) > 0
    assert present.sum(1).tolist()[:3] == [2, 2, MAX_WORDS]
    alone = CaptionEncoder(folder).encode(CAPTIONS[:1])
    torch.testing.assert_close(alone.words[0], read.words[0], atol=1e-4, rtol=0)


def test_missing_and_damaged_weights_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailableError, match=r"model\.safetensors is missing"):
        CaptionEncoder(tmp_path).encode(["fox"])
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BackendUnavailableError, match="cannot be read"):
        CaptionEncoder(tmp_path).encode(["fox"])
