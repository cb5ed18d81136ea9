"""What a model backend needs to mark free text: a small lean for each whole word of its vocabulary.

Half of the words, chosen by the key, become a little likelier and the other half a little less likely. Both together:
leaning only to one side would make words likelier than the full stop, and answers longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provenance.textmark.keys import TextMarkKey

__all__ = ["SCHEME", "STRENGTH", "TextMarker"]

SCHEME = "words-1"
STRENGTH = 3.0  # logits between the two sides; how it was chosen: docs/decisions


class TextMarker:
    """Marks under one key. Knows no model."""

    def __init__(self, key: TextMarkKey, *, strength: float = STRENGTH) -> None:
        self.key = key
        self.strength = strength

    def bias(self, words: Mapping[str, int]) -> dict[int, float]:
        """Token id -> what is added to its logit, for the whole words of a vocabulary (word -> token id)."""
        half = self.strength / 2
        return {token: half * self.key.coin(word) for word, token in words.items()}

    def facts(self) -> dict[str, Any]:
        """What a record says about the mark: enough to know what to look for, nothing to forge it with."""
        return {"scheme": SCHEME, "key": self.key.id, "strength": self.strength}
