"""Who decides that a model calls tools by itself: the setting, else its catalogue entry, else nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backends import catalog
from ui.inventory import tool_loop
from ui.settings import Settings

LARGE = "qwen2.5-coder-0.5b-instruct-q4_k_m"  # for the length of a test


def settings(home: Path, **more: Any) -> Settings:
    return Settings(home=home, **more)


def test_every_shipped_chat_model_is_led_step_by_step(tmp_path: Path) -> None:
    assert {model.tools for model in catalog.load_catalog()} == {"steered"}
    assert tool_loop(settings(tmp_path)) == "steered"
    assert "led step by step" in catalog.card(LARGE)


def test_a_catalogue_entry_sets_a_model_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    freed = tuple(
        model.model_copy(update={"tools": "free"}) if model.name == LARGE else model for model in catalog.load_catalog()
    )
    monkeypatch.setattr(catalog, "_shipped", lambda: freed)
    assert tool_loop(settings(tmp_path, model=LARGE)) == "free"
    assert tool_loop(settings(tmp_path, model=LARGE, tool_loop="steered")) == "steered"
    assert tool_loop(settings(tmp_path)) == "steered"
    assert "calls them by itself" in catalog.card(LARGE)


def test_for_a_model_that_is_in_no_catalogue_the_setting_decides(tmp_path: Path) -> None:
    served = {"backend": "openai", "model": "llama-3.3-70b"}
    assert tool_loop(settings(tmp_path, **served)) == "steered"
    assert tool_loop(settings(tmp_path, **served, tool_loop="free")) == "free"
    assert tool_loop(settings(tmp_path, model="/models/own.gguf")) == "steered"
