"""A text that goes round in circles is ended; a refrain, a list and code are not."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from backends.base import BackendContext
from backends.llm.circles import Circles, first_turn
from backends.llm.openai import OpenAIBackend
from tests.backends.test_openai import Stub, stub

__all__ = ["stub"]

TURN = "The salts are then carried to the leaves of the plant, where its roots take them up. "


def read(text: str) -> int | None:
    """After how many pieces the circle is noticed."""
    circles = Circles()
    pieces = text.split(" ")
    return next((n for n, piece in enumerate(pieces, 1) if circles.closed(piece + " ")), None)


def test_the_third_turn_closes_a_circle() -> None:
    words = len(TURN.split())
    assert read("Plants drink. " + TURN * 2) is None
    assert read("Plants drink. " + TURN * 5) == 2 + 3 * words


def test_only_the_first_turn_is_kept_and_its_sentence_is_whole() -> None:
    kept = "Plants drink. Water rises. " + TURN.strip()
    assert first_turn("Plants drink. Water rises. " + TURN * 5) == kept
    assert first_turn("Plants drink. Water rises. " + TURN * 3 + "The salts are then") == kept
    assert first_turn(kept) == kept


def test_a_list_whose_points_differ_in_their_number_alone_is_a_circle() -> None:
    point = "{}. Provide a colony: Bees need a colony to survive."
    assert read("\n".join(point.format(n) for n in range(1, 9))) is not None


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"{TURN}Verse {word} tells of something else altogether. " for word in ("one", "two", "three", "four")),
        "Ha ha ha ha ha ha ha. " * 2,
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12. " * 9,
        "",
    ],
)
def test_a_refrain_and_figures_are_none(text: str) -> None:
    assert read(text) is None


def event(**delta: Any) -> str:
    return "data: " + json.dumps({"choices": [{"delta": delta, "finish_reason": None}]}) + "\n\n"


@pytest.mark.parametrize(("prose", "turns"), [(True, 3), (False, 6)])
def test_what_a_person_reads_is_ended_and_says_so(stub: Stub, prose: bool, turns: int) -> None:
    told = 'data: {"choices": [], "prompt_progress": {"total": 40, "cache": 30}}\n\n'
    body = told + "".join(event(content=word + " ") for word in (TURN * 6).split()) + "data: [DONE]\n\n"
    stub.body = body.encode()
    model = OpenAIBackend(BackendContext(models_dir="", runtime_dir="", options={"url": stub.url})).chat_model()
    answer = model.invoke("Why is the sea salty?", text_mark=prose)
    assert answer.text.split() == (TURN * turns).split()
    assert (answer.response_metadata["finish_reason"] == "circles") is prose
    if prose:
        assert answer.usage_metadata == {
            "input_tokens": 40,
            "output_tokens": 3 * len(TURN.split()),
            "total_tokens": 40 + 3 * len(TURN.split()),
            "input_token_details": {"cache_read": 30},
        }
        assert "prose" not in stub.asked[-1]


def test_the_transformers_backend_ends_it_too() -> None:
    from backends.llm.transformers_chat import TransformersChatModel

    left: list[bool] = []

    def decode(*_args: Any, outcome: Any, **_more: Any) -> Any:
        try:
            for word in (TURN * 6).split():
                outcome.output_tokens += 1
                yield SimpleNamespace(text=word + " ", choices=[])
        finally:
            left.append(True)

    tokenizer = SimpleNamespace(chat_template="", encode=lambda _text: [1])
    runtime = (SimpleNamespace(tokenizer=tokenizer), SimpleNamespace(decode=decode))
    model = TransformersChatModel(model="m", runtime=lambda: runtime)
    answer = model.invoke("Why?", text_mark=True)
    assert answer.text.split() == (TURN * 3).split() and left == [True]
    assert answer.response_metadata["finish_reason"] == "circles"
