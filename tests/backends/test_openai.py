"""Any OpenAI-compatible server: our own worker as one, and a stand-in that misbehaves."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from backends.base import BackendContext, ChatBackend
from backends.cancellation import Cancellation, GenerationStopped, cancellable
from backends.llm.llamacpp import LlamaCppBackend
from backends.llm.openai import OpenAIBackend, OpenAIOptions
from backends.testing import ChatBackendContract
from provenance.errors import BackendUnavailableError, ConfigError, GenerationError
from tests.backends.model_server import Stub, serving

CONTEXT = BackendContext(models_dir="", runtime_dir="")


@pytest.mark.model
class TestOpenAIAgainstOurWorker(ChatBackendContract):
    @pytest.fixture
    def backend(self, llamacpp: LlamaCppBackend) -> Iterator[ChatBackend]:
        model: Any = llamacpp.chat_model()
        with model.host.lease() as endpoint:
            chosen = {"url": endpoint.root, "key": endpoint.key, "timeout_s": 60}
            yield OpenAIBackend(BackendContext(models_dir="", runtime_dir="", options=chosen))


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serving() as state:
        yield state


def _model(url: str, **options: Any) -> Any:
    return OpenAIBackend(CONTEXT).chat_model(OpenAIOptions(url=url, **{"model": "m", **options}))


def test_a_refused_connection_names_the_address() -> None:
    with pytest.raises(BackendUnavailableError, match=r"No model server answers at http://127\.0\.0\.1:9/v1") as caught:
        _model("http://127.0.0.1:9").invoke("Hi.")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (401, {"error": {"message": "bad key"}}, BackendUnavailableError, "refuses our key"),
        (404, {"error": {"message": "model `m` not found"}}, BackendUnavailableError, "model `m` not found"),
        (429, {"error": {"message": "slow down"}}, BackendUnavailableError, "too much to do"),
        (400, {"error": {"message": "no seed here"}}, GenerationError, "refuses the request: no seed here"),
        (500, {"error": {"message": "boom"}}, GenerationError, "failed: boom"),
        (502, "<html>bad gateway</html>", GenerationError, "bad gateway"),
    ],
)
def test_what_a_server_refuses_is_one_sentence_with_a_hint(
    stub: Stub, status: int, body: Any, error: type[BackendUnavailableError], said: str
) -> None:
    stub.status, stub.body = status, (body if isinstance(body, str) else json.dumps(body)).encode()
    with pytest.raises(error, match=said) as caught:
        _model(stub.url).invoke("Hi.")
    assert "\n" not in str(caught.value) and caught.value.hint


def test_a_silent_server_is_given_up(stub: Stub) -> None:
    stub.pause_s = 30
    with pytest.raises(GenerationError, match="was silent"):
        _model(stub.url, timeout_s=0.3).invoke("Hi.")


def test_a_stop_reaches_a_server_that_has_not_answered_yet(stub: Stub) -> None:
    stub.pause_s = 30
    token = Cancellation()
    threading.Timer(0.3, token.cancel).start()
    begun = time.monotonic()
    with cancellable(token), pytest.raises(GenerationStopped):
        _model(stub.url).invoke("Hi.")
    assert time.monotonic() - begun < stub.pause_s / 2  # it did not wait for the answer


def test_an_error_inside_the_stream_ends_it(stub: Stub) -> None:
    stub.body = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: {"error":{"message":"out of memory"}}\n\n'
    with pytest.raises(GenerationError, match="out of memory"):
        _model(stub.url).invoke("Hi.")


def test_what_is_not_json_is_said(stub: Stub) -> None:
    stub.body = b"data: {not json\n\n"
    with pytest.raises(GenerationError, match="not JSON"):
        _model(stub.url).invoke("Hi.")


def test_a_server_that_counts_nothing_is_no_error(stub: Stub) -> None:
    stub.body = b'data: {"choices":[{"delta":{"content":"Yes"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    answer = _model(stub.url).invoke("Hi.")
    assert answer.text == "Yes" and answer.usage_metadata is None
    assert answer.response_metadata["timings"]["prompt_ms"] is None


def test_the_parameters_go_over_the_wire(stub: Stub) -> None:
    stub.body = b"data: [DONE]\n\n"
    _model(stub.url, max_tokens=9).bind(seed=4, temperature=0.5, stop=["x"], logit_bias={"5": 1}).invoke("Hi.")
    asked = stub.asked[0]
    wanted = {"model": "m", "seed": 4, "temperature": 0.5, "stop": ["x"], "logit_bias": {"5": 1}, "max_tokens": 9}
    assert wanted.items() <= asked.items() and asked["stream"] is True
    assert asked["messages"] == [{"role": "user", "content": "Hi."}]


def test_the_only_model_needs_no_name_and_several_are_listed(stub: Stub) -> None:
    assert _model(stub.url, model="").model == "one"
    stub.models = ["small", "large"]
    with pytest.raises(ConfigError, match="small, large"):
        _model(stub.url, model="")


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://x", "http://"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="URL"):
        _model(url)


def test_an_unencrypted_way_to_another_machine_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        _model("http://127.0.0.1:8000")
        _model("https://models.example.org/v1")
        assert not caplog.records
        _model("http://me:secret@models.example.org/v1")
    assert "without encryption" in caplog.text and "secret" not in caplog.text


def test_neither_key_nor_password_is_in_what_is_recorded() -> None:
    options = OpenAIOptions(url="https://me:hunter2@models.example.org/v1", key=SecretStr("sk-secret"), model="m")
    backend = OpenAIBackend(CONTEXT)
    recorded = repr(backend.identity(options)) + repr(backend.chat_model(options)) + repr(options)
    assert "hunter2" not in recorded.replace(options.url, "") and "sk-secret" not in recorded
    assert backend.identity(options).digest == "unverified:https://models.example.org/v1"


def test_without_a_url_it_is_not_available() -> None:
    assert "WHEREFROM_OPENAI_URL" in OpenAIBackend(CONTEXT).available()
