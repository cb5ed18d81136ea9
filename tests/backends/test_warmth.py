"""What the model has read survives a restart, and nothing of it survives a deletion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backends.base import BackendContext, Forgets
from backends.llm.llamacpp import LlamaCppBackend

pytestmark = pytest.mark.model

LONG = "The keeper of Vardholm lit the lamp on 4 May 1911. " * 12
Make = Callable[..., LlamaCppBackend]


@pytest.fixture
def make(tmp_path: Path, models_dir: Path) -> Iterator[Make]:
    made: list[LlamaCppBackend] = []

    def build(**more: object) -> LlamaCppBackend:
        options = {"model": "smollm2-135m-instruct-q4_1", "context_tokens": 1024, **more}
        context = BackendContext(
            models_dir=str(models_dir), runtime_dir=str(tmp_path), options=options, keep_dir=str(tmp_path / "warm")
        )
        made.append(LlamaCppBackend(context))
        return made[-1]

    yield build
    for backend in made:
        backend.close()


def read(backend: LlamaCppBackend) -> tuple[str, int, int]:
    """What it says of the long text, how many tokens that has, and how many of them it need not read again."""
    answer = backend.chat_model().invoke(LONG + "Who lit it?", max_tokens=6)
    timings = answer.response_metadata["timings"]
    return answer.text, int(answer.usage_metadata["input_tokens"]), int(timings["prompt_tokens_cached"])


def kept(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "warm").rglob("slot-*.bin"))


def test_a_conversation_goes_on_after_the_model_left_memory(make: Make, tmp_path: Path) -> None:
    backend = make()
    assert isinstance(backend, Forgets)
    said, tokens, cached = read(backend)
    assert cached < tokens / 2
    backend.close()
    [slot] = kept(tmp_path)
    assert slot.stat().st_mode & 0o077 == 0
    assert slot.parent.stat().st_mode & 0o077 == 0
    again, tokens, cached = read(make())
    assert again == said
    assert cached >= tokens - 2
    assert kept(tmp_path) == []  # the worker knows better from here on


def test_what_was_forgotten_is_neither_kept_nor_written_later(make: Make, tmp_path: Path) -> None:
    backend = make()
    read(backend)
    backend.forget()
    backend.close()
    assert kept(tmp_path) == []
    read(backend)  # a fresh worker has nothing to hide
    backend.close()
    assert len(kept(tmp_path)) == 1
    make().forget()
    assert kept(tmp_path) == []


def test_a_damaged_file_or_another_window_is_read_anew(make: Make, tmp_path: Path) -> None:
    backend = make()
    said, _tokens, _cached = read(backend)
    backend.close()
    [slot] = kept(tmp_path)
    data = bytearray(slot.read_bytes())
    data[len(data) // 2] ^= 1
    slot.write_bytes(data)
    again, tokens, cached = read(make())
    assert again == said
    assert cached < tokens / 2
    backend.close()
    _said, tokens, cached = read(make(context_tokens=768))
    assert cached < tokens / 2


def test_a_disk_that_refuses_costs_only_the_warmth(make: Make, tmp_path: Path) -> None:
    backend = make()
    read(backend)
    (tmp_path / "warm").write_text("a file where the folder should be")
    backend.close()
    assert read(backend)[0]
