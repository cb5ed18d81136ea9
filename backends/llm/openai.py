"""Chat models of any OpenAI-compatible server by URL: vLLM, Ollama, llama-server, or a hosted one.

The words of a conversation leave this process for that server, and what it does with them is its owner's affair.
Nothing else is sent: no telemetry, no environment variables are read besides the usual proxies for remote addresses.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from backends.base import BackendContext, Kind, ModelIdentity
from backends.options import chosen_options
from provenance.errors import BackendError, BackendUnavailableError, ConfigError, GenerationError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from backends.llm.served import Endpoint

__all__ = ["OpenAIBackend", "OpenAIOptions"]

_log = logging.getLogger(__name__)


class OpenAIOptions(BaseModel):
    """What a person may choose."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field("", description="Base URL of the server's API, as http://127.0.0.1:8000/v1.")
    key: SecretStr = Field(SecretStr(""), description="Its key, where it wants one.")
    model: str = Field("", description="The model's name there; empty takes the only one the server has.")
    temperature: float = Field(0.0, ge=0.0, le=2.0, description="0 always takes the likeliest token.")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Seed of the sampler, where the server has one.")
    max_tokens: int | None = Field(None, ge=1, description="Longest answer in tokens; empty: the server's limit.")
    tokenizer: str = Field(
        "", description="GGUF file or tokenizer.json of the server's model: with it, free text is marked there, too."
    )
    timeout_s: float = Field(120.0, gt=0, description="Seconds of silence after which the server counts as gone.")


class OpenAIBackend:
    """A server that is not ours; its weights cannot be verified, and records say so."""

    name: ClassVar[str] = "openai"
    kind: ClassVar[Kind] = Kind.CHAT
    options_model: ClassVar[type[BaseModel]] = OpenAIOptions

    def __init__(self, context: BackendContext) -> None:
        self._context = context

    def available(self) -> str:
        """Whether a URL is set; does not call it."""
        if not self._options(None).url:
            return "No server is named. Set WHEREFROM_OPENAI_URL."
        return ""

    def chat_model(self, options: BaseModel | None = None) -> BaseChatModel:
        """A chat model at that server.

        Raises:
            ConfigError: If the URL is missing or none, or the server has several models and none was named.
            BackendUnavailableError: If no model was named and the server cannot be asked.
        """
        from backends.llm.served import ServedChatModel
        from backends.llm.vocabulary import words_of_file

        chosen = self._options(options)
        url = _base_url(chosen.url)
        local = _is_loopback(url)
        if url.startswith("http://") and not local:
            _log.warning("Questions and passages travel to %s without encryption.", _shown(url))
        return ServedChatModel(
            host=_RemoteHost(url, chosen.key.get_secret_value(), chosen.timeout_s),
            model=chosen.model or self._only_model(url, chosen),
            temperature=chosen.temperature,
            seed=chosen.seed,
            max_tokens=chosen.max_tokens,
            timeout_s=chosen.timeout_s,
            trust_env=not local,
            # Which number means which word only the model's own vocabulary tells.
            text_mark=self._context.text_mark() if chosen.tokenizer else None,
            words=lambda: words_of_file(Path(chosen.tokenizer)),
            forces_tools=local,  # a small model most likely; the large hosted ones have calls of their own
        )

    def identity(self, options: BaseModel | None = None) -> ModelIdentity:
        """Which server said it would answer, and as which model."""
        chosen = self._options(options)
        url = _base_url(chosen.url)
        details = {"url": _shown(url), "encrypted": url.startswith("https://"), "loopback": _is_loopback(url)}
        return ModelIdentity(
            backend=self.name, model=chosen.model or "unnamed", digest=f"unverified:{_shown(url)}", details=details
        )

    def close(self) -> None:
        """Nothing is held."""

    def _options(self, options: BaseModel | None) -> OpenAIOptions:
        return chosen_options(OpenAIOptions, options, self._context.options, backend=self.name)

    def _only_model(self, url: str, options: OpenAIOptions) -> str:
        names = _RemoteHost(url, options.key.get_secret_value(), options.timeout_s).models()
        if len(names) != 1:
            listed = ", ".join(names[:8]) or "none"
            raise ConfigError(f"Name one of the server's models: {listed}.", hint="Set WHEREFROM_MODEL to its name.")
        return names[0]


class _RemoteHost:
    """A `Host` that is always there, as far as we know."""

    def __init__(self, url: str, key: str, timeout_s: float) -> None:
        self._url, self._key, self._timeout_s = url, key, timeout_s

    @contextmanager
    def lease(self) -> Iterator[Endpoint]:
        from backends.llm.served import Endpoint

        yield Endpoint(url=self._url, key=self._key)

    def may_ask_again(self) -> bool:
        return False

    def explain(self, endpoint: Endpoint, exc: Exception) -> BackendError:
        import httpx

        shown = _shown(self._url)
        match exc:
            case httpx.ConnectTimeout() | httpx.ConnectError():
                return BackendUnavailableError(
                    f"No model server answers at {shown}.", hint="Start it, or correct WHEREFROM_OPENAI_URL."
                )
            case httpx.TimeoutException():
                return GenerationError(
                    f"The model server at {shown} was silent for {self._timeout_s:.0f} seconds.",
                    hint="Ask again; if it is only slow, give it more time.",
                )
            case httpx.ProxyError():
                return BackendUnavailableError(
                    f"The proxy on the way to {shown} refuses.", hint="Check the proxy settings of this machine."
                )
            case _:
                return GenerationError(f"The model server at {shown} broke off its answer.", hint="Ask again.")

    def models(self) -> list[str]:
        """The names that the server lists."""
        import httpx

        from backends.llm.wire import error_from

        try:
            headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
            with httpx.Client(timeout=min(10.0, self._timeout_s), trust_env=not _is_loopback(self._url)) as client:
                response = client.get(f"{self._url}/models", headers=headers)
                if response.status_code != 200:
                    raise error_from(response.status_code, response.text[:300])
                return [str(row["id"]) for row in response.json()["data"]]
        except httpx.HTTPError as exc:
            raise self.explain(None, exc) from exc  # type: ignore[arg-type]  # it needs no endpoint
        except (ValueError, KeyError, TypeError) as exc:
            raise BackendUnavailableError(
                f"{_shown(self._url)} does not answer like an OpenAI-compatible server.",
                hint="Check that the URL ends where the API begins, often in /v1.",
            ) from exc


def _base_url(given: str) -> str:
    """Without a slash at the end, and with the usual /v1 where there was no path at all."""
    parts = urlsplit(given.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            "The URL of the model server is missing or is none.",
            hint="Set WHEREFROM_OPENAI_URL, as http://127.0.0.1:8000/v1.",
        )
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") or "/v1", "", ""))


def _shown(url: str) -> str:
    """For messages and records: without a name and password in front of the host."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
