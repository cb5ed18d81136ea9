"""The tool that reads the assistant's own record: what was asked, made and added before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from langchain_core.tools import BaseTool, tool
from langgraph.runtime import get_runtime

from agent.context import RunContext

__all__ = ["RunLine", "make_ledger_tool"]

SHOWN = 10
_KINDS = {"ask": "question", "ingest": "ingest of documents"}


class RunLine(Protocol):
    """What the tool shows of a run; `provenance.record.RunSummary` has it."""

    @property
    def run(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def at(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def model(self) -> str: ...


def make_ledger_tool(runs: Callable[[], Sequence[RunLine]]) -> BaseTool:
    """`query_ledger` over the runs that `runs()` lists, newest first.

    The text is written by code and handed to the person as it is: a record is not for a model to retell.
    """

    @tool(return_direct=True, parse_docstring=True)
    def query_ledger(query: str) -> str:
        """Look up what this assistant did before: earlier questions, documents added, models used.

        Args:
            query: Words to look for in earlier questions; empty for the latest.
        """
        current = get_runtime(RunContext).context.run
        lines = [line for line in runs() if line.run != current]
        wanted = [word for word in query.casefold().split() if len(word) > 3]
        matching = [line for line in lines if any(word in line.title.casefold() for word in wanted)]
        chosen = matching or lines
        if not lines:
            return "The ledger holds no earlier run."
        counts = Counter(_KINDS.get(line.kind, line.kind) for line in lines)
        total = ", ".join(f"{count} × {kind}" for kind, count in counts.most_common())
        head = f"The ledger holds {len(lines)} earlier runs ({total})."
        head += " Those that match:" if matching else " The latest:"
        return "\n".join([head, *(_line(line) for line in chosen[:SHOWN])])

    return query_ledger


def _line(line: RunLine) -> str:
    model = f" · {line.model}" if line.model else ""
    title = " ".join(line.title.split())
    return f"- {line.at[:16].replace('T', ' ')} UTC · {title[:120]}{model} · `{line.run}`"
