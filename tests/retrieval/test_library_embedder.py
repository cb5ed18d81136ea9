"""The real embedder: its vectors are those of sentence-transformers, and it gives way to others."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from provenance.errors import RetrievalError
from retrieval.background import Background
from retrieval.embedder import SentenceEmbedder
from retrieval.objects import Cancelled

TEXTS = [
    "A lease ends on the last day of the month.",
    "Pets are allowed with the landlord's consent. " * 40,  # beyond the model's window
    "",
    "雪の上に兎の足跡がある。 Ein Satz. 🦊",
    *(f"Sentence {n} is about lighthouses, {'and harbours, ' * n}and their keepers." for n in range(12)),
]

NO_NETWORK = """
import sys
def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit(f"tried to reach {args}")
sys.addaudithook(refuse)
from pathlib import Path
from retrieval.embedder import SentenceEmbedder
print(SentenceEmbedder(Path(sys.argv[1])).embed(["a", "b"]).shape)
"""


@pytest.fixture(scope="module")
def minilm(models_dir: Path) -> SentenceEmbedder:
    folder = models_dir / "all-minilm-l6-v2"
    if not folder.is_dir():
        pytest.skip(f"all-minilm-l6-v2 is not in {models_dir}")
    return SentenceEmbedder(folder)


@pytest.mark.model
def test_vectors_are_those_of_sentence_transformers(minilm: SentenceEmbedder, models_dir: Path) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(models_dir / "all-minilm-l6-v2"), device="cpu", local_files_only=True)
    theirs = model.encode(TEXTS, normalize_embeddings=True)
    done: list[int] = []
    ours = minilm.embed(TEXTS, on_batch=done.append)
    assert ours.shape == (16, 384) and ours.dtype == np.float32
    assert np.min(np.sum(ours * theirs, axis=1)) > 0.9995  # bfloat16, where the processor has it, costs a little
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    assert done == sorted(set(done)) and done[-1] == len(TEXTS)


@pytest.mark.model
def test_the_digest_is_that_of_the_weights(minilm: SentenceEmbedder) -> None:
    assert minilm.digest == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@pytest.mark.model
def test_a_question_is_embedded_once_and_cannot_be_changed(minilm: SentenceEmbedder) -> None:
    one = minilm.embed_query(TEXTS[0])
    assert minilm.embed_query(TEXTS[0]) is one
    np.testing.assert_allclose(one, minilm.embed(TEXTS[:1])[0], atol=1e-2)
    with pytest.raises(ValueError, match="read-only"):
        one[0] = 0


@pytest.mark.model
def test_embedding_stops_at_the_next_batch(minilm: SentenceEmbedder) -> None:
    stop = threading.Event()
    with pytest.raises(Cancelled):
        minilm.embed(TEXTS * 4, stop=stop, on_batch=lambda _: stop.set())


@pytest.mark.model
def test_loading_and_embedding_reach_no_network(minilm: SentenceEmbedder, models_dir: Path) -> None:
    command = [sys.executable, "-c", NO_NETWORK, str(models_dir / "all-minilm-l6-v2")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "(2, 384)", done.stderr


@pytest.mark.model
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives each thread its own niceness")
def test_background_threads_compute_at_the_lowest_priority_and_queries_do_not(minilm: SentenceEmbedder) -> None:
    """Looks at what /proc says of every thread of this process, and how much each has computed."""
    minilm.embed_query("Wake up.")
    usual = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    over = threading.Event()
    compute = Background("compute")

    def ingest() -> None:
        while not over.is_set():
            compute.call(lambda: minilm.embed(TEXTS))

    before = _computed()
    thread = threading.Thread(target=ingest)
    thread.start()
    try:
        deadline = time.monotonic() + 240
        while not (busy := _busy_since(before)) and time.monotonic() < deadline:  # others may leave it little
            time.sleep(0.1)
        meanwhile = _computed()
        for n in range(20):
            minilm.embed_query(f"A question about lighthouses, number {n}? " * 20)
        asking = _busy_since(meanwhile)
    finally:
        over.set()
        thread.join()
        compute.close()
    assert set(busy.values()) == {19}
    assert asking[threading.get_native_id()] == usual


@pytest.mark.parametrize("damage", ["no folder", "no weights", "bad config", "bad tokenizer", "bad weights"])
def test_missing_or_damaged_weights_are_said_so(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "model"
    if damage != "no folder":
        folder.mkdir()
        (folder / "config.json").write_text("{" if damage == "bad config" else '{"hidden_size": 4}')
        (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 16}')
        (folder / "tokenizer.json").write_text("{" if damage == "bad tokenizer" else _tokenizer())
        if damage != "no weights":
            (folder / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(RetrievalError, match="embedding model") as caught:
        SentenceEmbedder(folder).embed(["a"])
    assert "models fetch" in caught.value.hint


def _computed() -> dict[int, tuple[int, int]]:
    """Thread id -> (niceness, ticks of processor time used), from /proc."""
    found = {}
    for task in Path("/proc/self/task").iterdir():
        fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
        found[int(task.name)] = (int(fields[16]), int(fields[11]) + int(fields[12]))
    return found


def _busy_since(before: dict[int, tuple[int, int]]) -> dict[int, int]:
    """Thread id -> niceness of those that have used 50 ms since."""
    return {id_: nice for id_, (nice, ticks) in _computed().items() if ticks - before.get(id_, (0, 0))[1] >= 5}


def _tokenizer() -> str:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    return str(Tokenizer(WordLevel({"[UNK]": 0, "[PAD]": 1}, unk_token="[UNK]")).to_str())
