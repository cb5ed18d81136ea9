"""`wherefrom engine status` and `stop`: the process in the background."""

from __future__ import annotations

import argparse

from ui.commands.output import Output, shown
from ui.commands.session import open_client

__all__ = ["engine"]


def engine(options: argparse.Namespace, output: Output) -> int:
    """Look, without starting one; or end it."""
    from ui.engine.launcher import find_engine, stop_engine
    from ui.settings import load_settings

    settings = load_settings()
    if options.action == "stop":
        ended = stop_engine(settings)
        said = "The engine has ended." if ended else "No engine was running."
        output.result({"stopped": ended}, lambda: output.line(said))
        return 0
    if find_engine(settings) is None:
        output.result({"running": False}, lambda: output.line("No engine is running."))
        return 0
    with open_client(settings) as client:
        state = client.state()

    def words() -> None:
        model = f"{state.model} ({'loaded' if state.model_loaded else 'not loaded'})"
        output.line(
            f"Process {state.pid} since {state.started_at}, {state.memory_bytes / 1e6:.0f} MB, in {shown(state.home)}"
        )
        output.line(f"Model {model}; {state.documents} documents, {state.passages} passages")
        output.line(f"{state.runs_running} answers and {state.jobs_running} ingests at work")

    output.result({"running": True, **state.model_dump()}, words)
    return 0
