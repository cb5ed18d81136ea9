"""Settings: read once from `WHEREFROM_*`, frozen, passed down. The System page shows the values in force."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from provenance.errors import ConfigError

__all__ = ["Settings", "load_settings"]


def _default_home() -> Path:
    return Path(platformdirs.user_data_dir("wherefrom"))


class Settings(BaseSettings):
    """Every setting, with its unit in its name."""

    model_config = SettingsConfigDict(env_prefix="WHEREFROM_", frozen=True)

    home: Path = Field(default_factory=_default_home, description="The data folder.")
    models_dir: Path | None = Field(
        None, description="Where verified weights lie; default: models/ in the data folder."
    )
    database_url: str | None = Field(
        None, description="URL of an SQLite file; default: wherefrom.db in the data folder."
    )
    backend: str = Field("llamacpp", description="The chat backend that answers.")
    model: str = Field("qwen2.5-coder-1.5b-instruct-q4_k_m", description="The catalogue name of the chat model.")
    tool_loop: Literal["auto", "steered", "free"] = Field(
        "auto",
        description="How the model comes to its tools: steered step by step, free to call them by itself, or auto: "
        "as its catalogue entry says, steered where there is none.",
    )
    openai_url: str = Field("", description="Base URL of an OpenAI-compatible server, for the `openai` backend.")
    openai_key: str = Field("", description="Its key, where it wants one.", repr=False)
    context_tokens: int = Field(4096, ge=512, le=131072, description="Context window given to the model.")
    max_answer_tokens: int = Field(400, ge=16, le=8192, description="Longest answer.")
    evidence_tokens: int = Field(600, ge=50, le=8192, description="Most tokens of passages a question may bring.")
    top_k: int = Field(6, ge=1, le=50, description="Passages handed to the agent.")
    temperature: float = Field(0.0, ge=0.0, le=2.0, description="0 always takes the likeliest token.")
    seed: int = Field(0, ge=0, description="Seed of the sampler.")
    ocr: bool = Field(True, description="Read scans and pictures with OCR.")
    parse_timeout_s: float = Field(120.0, gt=0, description="Seconds a single file may take to parse, without OCR.")
    parse_memory_mib: int = Field(2048, ge=256, description="Memory a parser may take before it is stopped.")
    max_file_mib: int = Field(512, ge=1, description="Largest file that is read.")
    page_host: str = Field(
        "127.0.0.1", description="Address the page listens on; anything but loopback needs a password."
    )
    page_port: int = Field(8501, ge=1, le=65535, description="Port of the page.")
    password: str = Field("", description="Password of the page; needed to listen beyond loopback.", repr=False)
    engine_idle_s: float = Field(
        900.0, gt=0, description="Seconds without a client or work after which the engine ends."
    )
    model_idle_s: float = Field(600.0, gt=0, description="Seconds after which an unused model leaves memory.")
    offline: bool = Field(False, description="Never reach a hub or a package index, not even to fetch weights.")

    sandbox_timeout_s: float = Field(10.0, gt=0, le=600, description="Seconds a program may run in the sandbox.")
    sandbox_memory_mib: int = Field(1024, ge=128, description="Memory a program and all it starts may take.")
    sandbox_degraded: bool = Field(False, description="Run programs although this machine cannot confine them fully.")

    picture_model: str = Field("", description="Hub id or folder of a large picture model, for `diffusers`.")
    picture_weights: Path | None = Field(
        None,
        description="Folder with weights of picture families that go before the shipped ones.",
    )
    keep_warm: bool = Field(
        True, description="Keep on disk what the model has read of a conversation while it is out of memory."
    )
    picture_guard: bool = Field(
        True, description="Judge what a large picture model drew before it leaves; without `open-nsfw` nothing leaves."
    )
    picture_enlarging: Literal["network", "filter"] = Field(
        "network", description="What enlarges small pictures on their way out: the shipped network, or a plain filter."
    )
    text_mark: bool = Field(True, description="Put the invisible mark into free text while it is written.")
    tokenizer: Path | None = Field(
        None, description="GGUF file or tokenizer.json of the `openai` server's model, so that its text is marked too."
    )
    certificate: Path | None = Field(
        None, description="Own signing certificate: a PEM chain, leaf first; default: one made on this machine."
    )
    certificate_key: Path | None = Field(None, description="Its private key, PEM without a password, mode 600.")
    trusted_roots: Path | None = Field(
        None, description="PEM file of further roots whose signatures on files count as trusted."
    )

    checkpoint_folder: Path | None = Field(
        None, description="Second place for signed checkpoints: a folder on another disk, a USB stick, a synced folder."
    )
    checkpoint_events: int = Field(1000, ge=1, description="New events after which a checkpoint is made at once.")
    checkpoint_quiet_s: float = Field(
        5.0, gt=0, description="Seconds without a new event after which a checkpoint is made."
    )

    mcp_servers: Path | None = Field(
        None, description="JSON file with MCP servers (`mcpServers`); default: mcp.json in the data folder."
    )
    otlp_url: str = Field(
        "",
        description="Address of an OpenTelemetry collector, such as http://127.0.0.1:4318/v1/traces.",
    )

    @field_validator(
        "home", "models_dir", "tokenizer", "certificate", "certificate_key", "trusted_roots", "checkpoint_folder"
    )
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        """Processes with other working folders read it too."""
        return None if path is None else path.expanduser().absolute()

    @property
    def models(self) -> Path:
        """Where weights lie."""
        return self.models_dir or self.home / "models"

    @property
    def url(self) -> str:
        """The database in force."""
        return self.database_url or f"sqlite:///{self.home / 'wherefrom.db'}"


def load_settings() -> Settings:
    """The settings of the environment.

    Raises:
        ConfigError: If a value is out of bounds; names the variable.
    """
    try:
        return Settings()
    except ValidationError as exc:
        first = exc.errors()[0]
        name = "_".join(("WHEREFROM", *(str(part).upper() for part in first["loc"])))
        raise ConfigError(f"{name} is wrong: {first['msg']}.", hint="Correct or unset that variable.") from exc
