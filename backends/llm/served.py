"""A chat model behind an OpenAI-compatible HTTP server: our own llama.cpp worker, or one at any URL.

Deliberately thin and ours: it reads no environment, phones nobody, keeps llama.cpp's timings, and can be stopped from
another thread while the server still reads the prompt.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGenerationChunk
from pydantic import ConfigDict, Field, PrivateAttr

from backends.cancellation import current_cancellation
from backends.llm.circles import CIRCLES, Circles
from backends.llm.streamed import StreamedChatModel
from backends.llm.wire import (
    bias_pairs,
    error_from,
    events,
    last_chunk,
    request_body,
    text_chunk,
    timings_of,
    usage_of,
    wire_messages,
)
from provenance.errors import BackendError, BackendUnavailableError, GenerationError
from provenance.textmark.marker import TextMarker

__all__ = ["Endpoint", "Host", "ServedChatModel"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """Where a server listens right now."""

    url: str  # up to and without the "/chat/completions"
    key: str
    root: str = ""  # llama.cpp's own calls (/tokenize, /apply-template); empty where there are none
    load_ms: float = 0.0  # how long this call had to wait for the weights
    owner: object = None  # for the host's own use


class Host(Protocol):
    """Whoever runs the server. A lease is held for as long as a request needs it."""

    def lease(self) -> AbstractContextManager[Endpoint]: ...

    def explain(self, endpoint: Endpoint, exc: Exception) -> BackendError:
        """Why a request to this endpoint broke off."""

    def may_ask_again(self) -> bool:
        """Whether a request that was not heard may be sent once more: the server was found dead and is replaced."""


class ServedChatModel(StreamedChatModel):
    """A LangChain chat model over HTTP; see `backends.base.ChatBackend` for what it promises."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    host: Any = Field(exclude=True, repr=False)  # a Host
    model: str
    temperature: float | None = 0.0
    seed: int | None = 0
    max_tokens: int | None = None
    timeout_s: float = 300.0  # longest silence of the server
    trust_env: bool = False  # honour the proxies of the environment; never for loopback
    extra: dict[str, Any] = Field(default_factory=dict)  # sent with every request
    bias_in_pairs: bool = False  # `logit_bias` as [[token, number], ...]: llama.cpp reads a large object for seconds
    words: Callable[[], Mapping[str, int]] | None = Field(None, exclude=True, repr=False)  # see `text_mark`

    _client: httpx.Client | None = PrivateAttr(default=None)
    _client_lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)
    _lean: tuple[TextMarker, dict[str, Any]] | None = PrivateAttr(default=None)

    @property
    def _llm_type(self) -> str:
        return "wherefrom-served"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model, "temperature": self.temperature, "seed": self.seed, "max_tokens": self.max_tokens}

    def _write(
        self, messages: list[BaseMessage], *, stop: list[str] | None, **kwargs: Any
    ) -> Generator[ChatGenerationChunk]:
        mark: TextMarker | None = kwargs.pop("mark", None)
        circles = Circles() if kwargs.pop("prose", False) else None
        own_bias = kwargs.get("logit_bias")
        if mark is not None and (lean := self._bias(mark)):
            kwargs["logit_bias"] = lean | bias_pairs(own_bias)
        else:
            mark = None  # its vocabulary has no whole words: nothing would be marked, so nothing is claimed
        params = self._identifying_params | self.extra | kwargs | {"stop": stop or None}
        body = request_body(messages, model=params.pop("model"), params=params)
        if self.bias_in_pairs and "logit_bias" in body:
            pairs = bias_pairs(body["logit_bias"]).items()
            body["logit_bias"] = [[int(token) if token.isdigit() else token, value] for token, value in pairs]
        answer = _Answer(body["model"], text_mark=mark.facts() if mark is not None else None, circles=circles)
        try:
            yield from self._answer(answer, body)
        except GenerationError as exc:
            if mark is not None and not answer.heard and "logit_bias" in str(exc):
                _log.warning("%s takes no logit_bias, so its text stays unmarked: %s", self.model, exc)
                kwargs |= {"logit_bias": own_bias, "prose": circles is not None}
                yield from self._write(messages, stop=stop, **kwargs)
                return
            if answer.heard or not self.host.may_ask_again():
                raise
            yield from self._answer(answer, body)  # the server was gone before it heard us

    def _bias(self, mark: TextMarker) -> dict[str, Any]:
        """What the mark adds to which token; computed once, for it is the same for every answer."""
        if self._lean is None or self._lean[0] is not mark:
            assert self.words is not None
            self._lean = (mark, {str(token): value for token, value in mark.bias(self.words()).items()})
        return self._lean[1]

    def _answer(self, answer: _Answer, body: dict[str, Any]) -> Generator[ChatGenerationChunk]:
        with self.host.lease() as endpoint:
            answer.load_ms += endpoint.load_ms
            with closing(self._post(endpoint, body)) as heard:
                for event in heard:
                    if chunk := answer.take(event):
                        yield chunk
                    if answer.in_circles:
                        break
            yield answer.close()

    def _post(self, endpoint: Endpoint, body: dict[str, Any]) -> Generator[dict[str, Any]]:
        """The events of one streamed request. Leaving early closes the connection, which stops the server."""
        cancellation = current_cancellation()
        cancellation.raise_if_cancelled()
        try:
            with _Request(self._http(), endpoint, body) as request, cancellation.on_cancel(request.cut):
                yield from events(request.lines())
        except (httpx.HTTPError, httpx.StreamError, OSError) as exc:
            cancellation.raise_if_cancelled()
            raise self.host.explain(endpoint, exc) from exc
        # A connection that was cut can also look like a clean end.
        cancellation.raise_if_cancelled()

    def get_num_tokens(self, text: str) -> int:
        """How many tokens the model's own tokenizer makes of `text`; an estimate where the server cannot say."""
        with self.host.lease() as endpoint:
            if not endpoint.root:
                return max(1, len(text.encode()) // 4) if text else 0
            tokens = self._call(endpoint, "/tokenize", {"content": text, "parse_special": True})["tokens"]
        return len(tokens)

    def get_token_ids(self, text: str) -> list[int]:
        """The tokens of `text`.

        Raises:
            BackendUnavailableError: If this server has no such call.
        """
        with self.host.lease() as endpoint:
            if not endpoint.root:
                raise BackendUnavailableError(
                    "This model server does not show its tokens.", hint="Use the llamacpp backend for that."
                )
            tokens = self._call(endpoint, "/tokenize", {"content": text, "parse_special": True})["tokens"]
        return [int(token) for token in tokens]

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Any = None) -> int:
        """How many tokens the whole prompt has, the model's chat template included."""
        return self.get_num_tokens(self.prompt_text(messages))

    def prompt_text(self, messages: LanguageModelInput) -> str:
        """The prompt as the model reads it, where the server can show it; else the messages' text."""
        converted = self._convert_input(messages).to_messages()
        with self.host.lease() as endpoint:
            if not endpoint.root:
                return "\n".join(str(message.text) for message in converted)
            sent = {"messages": wire_messages(converted)}
            return str(self._call(endpoint, "/apply-template", sent)["prompt"])

    def _call(self, endpoint: Endpoint, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            response = self._http().post(
                endpoint.root + path, json=body, headers={"Authorization": f"Bearer {endpoint.key}"}
            )
            if response.status_code != 200:
                raise error_from(response.status_code, _json(response.text))
            return dict(response.json())
        except httpx.HTTPError as exc:
            raise self.host.explain(endpoint, exc) from exc

    def _http(self) -> httpx.Client:
        with self._client_lock:
            if self._client is None or self._client.is_closed:
                timeout = httpx.Timeout(self.timeout_s, connect=min(10.0, self.timeout_s))
                # One connection for one request: closing it is how the server learns that nobody listens any more.
                limits = httpx.Limits(max_keepalive_connections=0)
                self._client = httpx.Client(timeout=timeout, trust_env=self.trust_env, limits=limits)
            return self._client


class _Request:
    """One HTTP request in flight that another thread may cut."""

    def __init__(self, client: httpx.Client, endpoint: Endpoint, body: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
        self._client = client
        self._built = client.build_request("POST", endpoint.url + "/chat/completions", json=body, headers=headers)
        self._built.extensions = {**self._built.extensions, "trace": self._trace}
        self._socket: socket.socket | None = None
        self._cut = False
        self._response: httpx.Response | None = None

    def __enter__(self) -> _Request:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._response is not None:
            self._response.close()

    def lines(self) -> Iterator[str]:
        self._response = self._client.send(self._built, stream=True)
        if self._response.status_code != 200:
            self._response.read()
            raise error_from(self._response.status_code, _json(self._response.text))
        yield from self._response.iter_lines()

    def cut(self) -> None:
        """Wake the thread that waits for the server: it reads an end or an error at once."""
        self._cut = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _trace(self, name: str, info: dict[str, Any]) -> None:
        """httpcore's own hook: the way to the socket before the first byte of an answer has come."""
        if name == "connection.connect_tcp.complete":
            self._socket = info["return_value"].get_extra_info("socket")
            if self._cut:
                self.cut()


class _Answer:
    """Gathers what the events say besides the text."""

    def __init__(self, model: str, *, text_mark: dict[str, Any] | None = None, circles: Circles | None = None) -> None:
        self.load_ms = 0.0
        self._text_mark = text_mark
        self._circles = circles
        self.heard = False  # the server said something
        self.in_circles = False
        self._model, self._begun = model, time.perf_counter()
        self._finish = "stop"
        self._usage: UsageMetadata | None = None
        self._raw: dict[str, Any] = {}
        self._first_ms: float | None = None
        self._pieces = 0
        self._progress: dict[str, Any] = {}

    def take(self, event: dict[str, Any]) -> ChatGenerationChunk | None:
        self.heard = True
        self._usage = usage_of(event) or self._usage
        self._raw = event.get("timings") or self._raw
        choice = (event.get("choices") or [{}])[0]
        self._finish = choice.get("finish_reason") or self._finish
        self._progress = event.get("prompt_progress") or self._progress
        chunk = text_chunk(event)
        if chunk is not None:
            self._pieces += 1
            if self._first_ms is None:
                self._first_ms = round((time.perf_counter() - self._begun) * 1000, 3)
            self.in_circles = self._circles is not None and self._circles.closed(str(chunk.text))
        return chunk

    def close(self) -> ChatGenerationChunk:
        if self.in_circles and self._usage is None:  # it was left before it could say its counts
            self._finish = CIRCLES
            self._usage = self._counted()
        timings = timings_of(self._raw, self._usage, first_token_ms=self._first_ms)
        timings["load_ms"] = round(self.load_ms, 3)
        return last_chunk(
            finish=self._finish, model=self._model, usage=self._usage, timings=timings, text_mark=self._text_mark
        )

    def _counted(self) -> UsageMetadata:
        """Its tokens by what was heard: one a piece, and what the server told of the prompt while it read."""
        sent, cached = (int(self._progress.get(name, 0)) for name in ("total", "cache"))
        return UsageMetadata(
            input_tokens=sent,
            output_tokens=self._pieces,
            total_tokens=sent + self._pieces,
            input_token_details=InputTokenDetails(cache_read=cached),
        )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text[:500]
