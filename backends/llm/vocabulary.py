"""The whole words of a model's vocabulary, read without the model: from the head of a GGUF file, or a tokenizer.json.

The `gguf` package can read heads, too, but takes seconds for the 300,000 strings in one; here it must not delay an
answer.
"""

from __future__ import annotations

import json
import struct
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from provenance.errors import BackendUnavailableError
from provenance.textmark.words import vocabulary_words

__all__ = ["words_of_file"]

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
_MOST_PIECES = 10_000_000
_MOST_BYTES = 1 << 20  # of one string: a chat template is a few kilobytes


@lru_cache(maxsize=4)
def words_of_file(path: Path) -> dict[str, int]:
    """Whole word -> token id, for the model in a GGUF file or the tokenizer in a tokenizer.json.

    Raises:
        BackendUnavailableError: If the file is neither, or has no vocabulary.
    """
    try:
        with path.open("rb") as file:
            pieces = _from_gguf(file) if file.read(4) == b"GGUF" else _from_json(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as exc:
        raise BackendUnavailableError(
            f"The vocabulary of {path.name} cannot be read.", hint="Name a GGUF file or a tokenizer.json."
        ) from exc
    return vocabulary_words(pieces)


def _from_json(path: Path) -> list[str]:
    vocabulary = json.loads(path.read_text(encoding="utf-8"))["model"]["vocab"]
    if isinstance(vocabulary, list):  # unigram models: [piece, score]
        return [str(row[0]) for row in vocabulary]
    if not 0 <= max(vocabulary.values()) <= _MOST_PIECES:
        raise ValueError("not a vocabulary")
    pieces = [""] * (1 + max(vocabulary.values()))
    for piece, number in vocabulary.items():
        pieces[number] = piece
    return pieces


def _from_gguf(file: BinaryIO) -> list[str]:
    """The strings of `tokenizer.ggml.tokens`; stops reading there."""
    _version, _tensors, pairs = struct.unpack("<IQQ", file.read(20))
    for _ in range(pairs):
        name = _string(file)
        (kind,) = struct.unpack("<I", file.read(4))
        if kind == _STRING:
            _string(file)
        elif kind == _ARRAY:
            kind, count = struct.unpack("<IQ", file.read(12))
            if kind == _STRING:
                strings = [_string(file) for _ in range(count)]
                if name == b"tokenizer.ggml.tokens":
                    return [piece.decode("utf-8", "replace") for piece in strings]
            else:
                file.seek(_SIZES[kind] * count, 1)
        else:
            file.seek(_SIZES[kind], 1)
    raise ValueError("no vocabulary")


def _string(file: BinaryIO) -> bytes:
    (size,) = struct.unpack("<Q", file.read(8))
    if size > _MOST_BYTES:
        raise ValueError("not a string")
    return file.read(size)
