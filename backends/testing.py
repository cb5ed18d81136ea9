"""The contract every chat backend keeps, as tests. Shipped, so that a third party tests a plug-in with five lines:

    class TestMine(ChatBackendContract):
        @pytest.fixture
        def backend(self) -> ChatBackend:
            return MyBackend(BackendContext(models_dir="models", runtime_dir="run"))

Needs pytest. The weights of the backend under test should be small: a dozen short answers are asked for.
"""

from __future__ import annotations

import json
import time
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from backends.base import ChatBackend, Kind
from backends.cancellation import Cancellation, GenerationStopped, cancellable

__all__ = ["ChatBackendContract"]

_SCHEMA = {
    "type": "object",
    "properties": {"action": {"enum": ["search", "answer"]}, "sure": {"type": "boolean"}},
    "required": ["action", "sure"],
    "additionalProperties": False,
}


class ChatBackendContract:
    """Subclass it, give it a `backend` fixture, and every check runs against your backend."""

    question: ClassVar[str] = "Count slowly from one to one hundred, in words."
    stop_s: ClassVar[float] = 1.0  # a stop may take this long

    @pytest.fixture
    def backend(self) -> ChatBackend:
        raise NotImplementedError("a subclass gives the backend")

    @pytest.fixture
    def options(self) -> BaseModel | None:
        """Options to test with; None for the defaults."""
        return None

    @pytest.fixture
    def model(self, backend: ChatBackend, options: BaseModel | None) -> Any:
        """The chat model under test, at temperature 0."""
        return backend.chat_model(options).bind(temperature=0.0, seed=1)

    def test_it_says_what_it_is(self, backend: ChatBackend) -> None:
        assert backend.name and backend.kind is Kind.CHAT
        assert isinstance(backend, ChatBackend)
        assert backend.options_model.model_json_schema()["type"] == "object"
        assert backend.options_model() is not None  # all have defaults: the page draws a form before anyone chose
        assert backend.available() == ""

    def test_its_identity_names_the_weights_and_does_not_change(
        self, backend: ChatBackend, options: BaseModel | None
    ) -> None:
        first, second = backend.identity(options), backend.identity(options)
        assert first.backend == backend.name and first.model
        assert first.digest.startswith(("sha256:", "unverified:"))
        assert (first.model, first.digest) == (second.model, second.digest)
        json.dumps(first.details)  # it goes into the ledger

    def test_the_stream_joined_is_what_invoke_gives(self, model: Any) -> None:
        streamed = list(model.stream(self.question, max_tokens=12))
        whole = model.invoke(self.question, max_tokens=12)
        assert len([chunk for chunk in streamed if chunk.text]) > 1
        assert "".join(chunk.text for chunk in streamed) == whole.text != ""

    def test_at_temperature_zero_the_same_question_gets_the_same_words(self, model: Any) -> None:
        assert model.invoke(self.question, max_tokens=10).text == model.invoke(self.question, max_tokens=10).text

    def test_an_answer_stays_within_max_tokens_and_says_that_it_was_cut(self, model: Any) -> None:
        answer = model.invoke(self.question, max_tokens=3)
        assert answer.usage_metadata["output_tokens"] <= 3
        assert answer.response_metadata["finish_reason"] == "length"

    def test_a_stop_sign_ends_the_answer_and_is_not_part_of_it(self, model: Any) -> None:
        text = model.invoke(self.question, max_tokens=16).text
        sign = text[len(text) // 2 :].split()[0]
        stopped = model.invoke(self.question, max_tokens=16, stop=[sign]).text
        assert text.startswith(stopped) and sign not in stopped

    def test_a_json_schema_is_kept_to(self, model: Any) -> None:
        form = {"type": "json_schema", "json_schema": {"schema": _SCHEMA}}
        found = json.loads(model.invoke("What now?", response_format=form, max_tokens=60).text)
        assert set(found) == {"action", "sure"}
        assert found["action"] in ("search", "answer") and isinstance(found["sure"], bool)

    def test_tokens_and_timings_are_counted(self, model: Any) -> None:
        answer = model.invoke(self.question, max_tokens=6)
        usage = answer.usage_metadata
        assert usage["input_tokens"] > 0 and 0 < usage["output_tokens"] <= 6
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        timings = answer.response_metadata["timings"]
        expected = {"prompt_tokens", "prompt_tokens_cached", "prompt_ms", "predicted_tokens", "predicted_ms"}
        assert expected | {"first_token_ms"} <= set(timings)
        assert timings["first_token_ms"] > 0

    def test_it_counts_the_tokens_of_a_text(self, backend: ChatBackend, options: BaseModel | None) -> None:
        model = backend.chat_model(options)
        assert model.get_num_tokens("") == 0
        assert 0 < model.get_num_tokens("one two") < model.get_num_tokens("one two three four five six")

    def test_closing_the_stream_stops_the_model_within_a_second(self, model: Any) -> None:
        stream = model.stream(self.question, max_tokens=1000)
        next(stream)
        begun = time.monotonic()
        stream.close()
        assert time.monotonic() - begun < self.stop_s
        assert model.invoke("Hi.", max_tokens=2).text is not None

    def test_a_cancel_stops_the_model_within_a_second(self, model: Any) -> None:
        token = Cancellation()
        with cancellable(token), pytest.raises(GenerationStopped):
            for _chunk in model.stream(self.question, max_tokens=1000):
                begun = time.monotonic()
                token.cancel()
        assert time.monotonic() - begun < self.stop_s

    def test_a_cancel_before_the_start_asks_for_nothing(self, model: Any) -> None:
        token = Cancellation()
        token.cancel()
        with cancellable(token), pytest.raises(GenerationStopped):
            model.invoke(self.question)

    def test_it_can_be_used_again_after_it_was_closed(self, backend: ChatBackend, model: Any) -> None:
        model.invoke("Hi.", max_tokens=2)
        backend.close()
        backend.close()
        assert model.invoke("Hi.", max_tokens=2).usage_metadata["output_tokens"] > 0
