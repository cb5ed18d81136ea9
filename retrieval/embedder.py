"""Texts to vectors: a sentence-transformers model from a local folder, on the processor, without padding waste.

Nothing is ever looked up on a hub. The weights load on first use. Several threads may embed at once: the tokenizer is
never changed after it was made, and the model only computes. Torch gives every thread that computes a team of its own,
which inherits its priority: so what `retrieval.background` computes leaves the processor to others.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from provenance.errors import RetrievalError
from retrieval.objects import Cancelled

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

__all__ = ["Embedder", "SentenceEmbedder", "Vectors"]

Vectors = NDArray[np.float32]

_BATCH_TOKENS = 2048  # padded: about half a second on two cores, so that a stop or a pause takes effect soon
_BATCH_TEXTS = 32
_CHARS_PER_TOKEN = 16  # a text is cut at this many times the model's window before it is tokenised
_QUERIES_KEPT = 256
_PAUSE_S = 0.05


class Embedder(Protocol):
    """What the library needs of an embedding model."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def digest(self) -> str:
        """SHA-256 of the weights, hex: vectors of different weights are never compared."""

    def embed(
        self,
        texts: Sequence[str],
        *,
        stop: threading.Event | None = None,
        pause: Callable[[], bool] | None = None,
        on_batch: Callable[[int], None] | None = None,
    ) -> Vectors:
        """Normalised vectors, shape `(len(texts), dimension)`. `on_batch` is told how many texts are done.

        Raises:
            Cancelled: `stop` was set, at the latest one batch ago.
            RetrievalError: The model cannot be loaded.
        """

    def embed_query(self, text: str) -> Vectors:
        """The normalised vector of a question, shape `(dimension,)`."""


class SentenceEmbedder:
    """A sentence-transformers folder (model.safetensors, tokenizer.json, ...), such as all-MiniLM-L6-v2."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loading = threading.Lock()
        self._model: SentenceTransformer | None = None
        self._tokenizer: Tokenizer | None = None
        self._pad = 0
        self._window = 0
        self._digest = ""
        self._dimension = 0
        self._queries: OrderedDict[str, Vectors] = OrderedDict()
        self._queries_lock = threading.Lock()

    @property
    def dimension(self) -> int:
        """Length of a vector; read from the folder, without loading the model."""
        if not self._dimension:
            self._dimension = _dimension(self._folder)
        return self._dimension

    @property
    def digest(self) -> str:
        """SHA-256 of model.safetensors, hex; computed once."""
        if not self._digest:
            with _weights(self._folder).open("rb") as file:
                self._digest = hashlib.file_digest(file, "sha256").hexdigest()
        return self._digest

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory."""
        return self._model is not None

    def load(self) -> None:
        """Bring the weights into memory, if they are not there.

        Raises:
            RetrievalError: They are missing or damaged.
        """
        with self._loading:
            if self._model is None:
                self._tokenizer, self._pad, self._window = _load_tokenizer(self._folder)
                self._model = _load_model(self._folder)

    def embed(
        self,
        texts: Sequence[str],
        *,
        stop: threading.Event | None = None,
        pause: Callable[[], bool] | None = None,
        on_batch: Callable[[int], None] | None = None,
    ) -> Vectors:
        """See `Embedder.embed`. Texts of similar length are computed together."""
        self.load()
        out = np.empty((len(texts), self.dimension), dtype=np.float32)
        tokens: list[list[int]] = []
        for text in texts:
            _check(stop)
            tokens.append(self._tokens(text))
        done = 0
        for batch in _batches(tokens):
            while pause is not None and pause():
                _check(stop)
                time.sleep(_PAUSE_S)
            _check(stop)
            out[batch] = self._compute([tokens[i] for i in batch])
            done += len(batch)
            if on_batch is not None:
                on_batch(done)
        return out

    def embed_query(self, text: str) -> Vectors:
        """See `Embedder.embed_query`. The last questions are remembered."""
        with self._queries_lock:
            if text in self._queries:
                self._queries.move_to_end(text)
                return self._queries[text]
        self.load()
        vector: Vectors = self._compute([self._tokens(text)])[0]
        vector.flags.writeable = False
        with self._queries_lock:
            self._queries[text] = vector
            while len(self._queries) > _QUERIES_KEPT:
                self._queries.popitem(last=False)
        return vector

    def _tokens(self, text: str) -> list[int]:
        assert self._tokenizer is not None
        ids: list[int] = self._tokenizer.encode(text[: self._window * _CHARS_PER_TOKEN]).ids
        return ids

    def _compute(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        import torch

        assert self._model is not None
        longest = max(map(len, tokens))
        ids = torch.full((len(tokens), longest), self._pad, dtype=torch.long)
        mask = torch.zeros((len(tokens), longest), dtype=torch.long)
        for row, one in enumerate(tokens):
            ids[row, : len(one)] = torch.tensor(one, dtype=torch.long)
            mask[row, : len(one)] = 1
        with torch.inference_mode():
            features: dict[str, torch.Tensor] = {
                "input_ids": ids,
                "attention_mask": mask,
                "token_type_ids": torch.zeros_like(ids),
            }
            made = self._model(features)["sentence_embedding"].float()
            vectors: Vectors = torch.nn.functional.normalize(made, dim=-1).numpy()
        return vectors


def _batches(tokens: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Indices, the longest first, so that a batch that does not fit in memory shows at once."""
    order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]), reverse=True)
    start = 0
    while start < len(order):
        size = max(1, min(_BATCH_TEXTS, _BATCH_TOKENS // max(1, len(tokens[order[start]]))))
        yield order[start : start + size]
        start += size


def _check(stop: threading.Event | None) -> None:
    if stop is not None and stop.is_set():
        raise Cancelled("Embedding was stopped.")


def _missing(what: str) -> RetrievalError:
    return RetrievalError(
        f"The embedding model cannot be loaded: {what}.", hint="Run `wherefrom models fetch all-minilm-l6-v2`."
    )


def _weights(folder: Path) -> Path:
    path = folder / "model.safetensors"
    if not path.is_file():
        raise _missing("model.safetensors is not there")
    return path


def _dimension(folder: Path) -> int:
    import json

    try:
        return int(json.loads((folder / "config.json").read_text(encoding="utf-8"))["hidden_size"])
    except (OSError, ValueError, KeyError) as exc:
        raise _missing("config.json is missing or damaged") from exc


def _load_tokenizer(folder: Path) -> tuple[Tokenizer, int, int]:
    """The tokenizer with truncation at the model's window; the padding id; the window in tokens."""
    import json

    from tokenizers import Tokenizer

    try:
        window = int(json.loads((folder / "sentence_bert_config.json").read_text(encoding="utf-8"))["max_seq_length"])
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as exc:  # the tokenizers library raises bare Exception for a file it cannot read
        raise _missing("its tokenizer is missing or damaged") from exc
    tokenizer.enable_truncation(window)
    tokenizer.no_padding()
    return tokenizer, tokenizer.token_to_id("[PAD]") or 0, window


def _load_model(folder: Path) -> SentenceTransformer:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    _weights(folder)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # a bar for a quarter of a second, on the standard error of whoever asks
    kwargs: dict[str, Any] = {"dtype": torch.bfloat16 if _has_bfloat16() else torch.float32}
    try:
        model = SentenceTransformer(
            str(folder), device="cpu", local_files_only=True, trust_remote_code=False, model_kwargs=kwargs
        )
    except (OSError, ValueError, KeyError, RuntimeError) as exc:
        raise _missing(str(exc).splitlines()[0]) from exc
    return model.eval()


def _has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself: then it is twice as fast, and the vectors rank the same."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("flags", 1)[-1].split("\n", 1)[0].split()
    except OSError:
        return False
    return bool({"avx512_bf16", "amx_bf16"} & set(flags))
