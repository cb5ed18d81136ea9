"""Drives the page without a browser: one fake engine a test, the whole app or one view, what the parts were given."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from tests.fake_engine import FakeEngine
from ui.settings import Settings
from ui.views.page_services import PageServices

__all__ = ["Stage", "current", "part", "services", "staged", "texts", "until", "view"]


class Stage:
    """What the views of the running test are given."""

    engine: FakeEngine
    settings: Settings
    went: list[tuple[str, dict[str, str]]]

    @classmethod
    def go(cls, page: str, /, **params: str) -> None:
        cls.went.append((page, params))


def staged(home: Path) -> FakeEngine:
    """A fresh fake engine for the views of this test."""
    Stage.engine, Stage.settings, Stage.went = FakeEngine(), Settings(home=home), []
    return Stage.engine


def view(name: str, **query: str) -> AppTest:
    """One view, drawn alone; `query` is what stands in the address."""

    def script(name: str) -> None:
        from importlib import import_module

        from tests.ui.page_harness import services

        import_module(f"ui.views.{name}").render(services())

    at = AppTest.from_function(script, default_timeout=120, args=(name,))
    at.query_params.update(query)
    return at.run()


def current() -> FakeEngine:
    """For WHEREFROM_FAKE_ENGINE."""
    return Stage.engine


def services() -> PageServices:
    """For a view that is drawn alone."""
    return PageServices(settings=Stage.settings, engine=Stage.engine, go=Stage.go)


def part(at: AppTest, name: str) -> list[Any]:
    """The data that each component of this name was mounted with, in order."""
    protos = [element.proto for element in at.get("bidi_component")]
    return [json.loads(proto.json) for proto in protos if proto.component_name == name]


def texts(at: AppTest) -> str:
    """Everything that was said through HTML or Markdown, and every label, in one string."""
    said = [element.proto.body for element in at.get("html")]
    said += [element.value for element in [*at.markdown, *at.title, *at.caption, *at.error, *at.success, *at.warning]]
    said += [button.label for button in at.button]
    return "\n".join(str(piece) for piece in said if "<style>" not in str(piece)).replace("\\", "")


def until(at: AppTest, ready: Callable[[AppTest], bool], *, seconds: float = 60.0) -> AppTest:
    """Run the app again, as its fragments would, until it shows what is waited for."""
    deadline = time.monotonic() + seconds
    while not ready(at):
        if time.monotonic() > deadline:
            raise AssertionError(f"never came; the page says:\n{texts(at)}")
        at.run()
    return at
