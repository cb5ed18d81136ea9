"""Quick houses for tests that need real services: built on one folder again and again, filled, asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.updates import Answer, Done
from tests.ui.quick_house import build
from ui.engine.info import prepare_home
from ui.services import Services
from ui.settings import Settings

__all__ = ["BAKERY", "KEEPER", "Build", "ask", "fill", "house", "make", "settings"]

KEEPER = b"The keeper of the lighthouse is Oda Brandt.\n\nShe has lived on the rock since 1987."
BAKERY = b"The bakery sells 430 loaves a day. The oven was built in 1921."
Build = Callable[..., Services]


def settings(home: Path, **values: object) -> Settings:
    """Nothing signs by itself within a test, unless the test says so."""
    return Settings(home=home, **({"checkpoint_quiet_s": 3600.0} | values))  # type: ignore[arg-type]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Build]:
    """Build services on `tmp_path / "home"`: the one before is closed first."""
    built: list[Services] = []

    def call(**values: object) -> Services:
        for services in built:
            services.close()
        built.clear()
        chosen = settings(tmp_path / "home", **values)
        prepare_home(chosen.home)
        built.append(build(chosen))
        return built[-1]

    yield call
    for services in built:
        services.close()


def fill(services: Services, **files: bytes) -> None:
    """Take in text files: `fill(house, keeper=b"...")` adds keeper.txt."""
    job = services.upload([(f"{name}.txt", data) for name, data in files.items()])
    deadline = time.monotonic() + 60
    while job.state in ("waiting", "running") and time.monotonic() < deadline:
        time.sleep(0.02)
        job = services.job(job.id)
    assert job.state == "done", job


def ask(services: Services, question: str, conversation: str | None = None) -> Answer:
    """The finished answer."""
    last = list(services.watch(services.ask(question, conversation=conversation)))[-1]
    assert isinstance(last, Done), last
    return last.answer


@pytest.fixture
def house(make: Build) -> Services:
    """Two documents."""
    services = make()
    fill(services, keeper=KEEPER, bakery=BAKERY)
    return services
