"""What one run carries through the graph: its identity, its stop button, its evidence and its clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from agent.approvals import Person, nobody
from agent.evidence import Evidence, EvidenceBoard
from agent.updates import Artifact, GuardNotice, Step, Timings, Update
from retrieval.passage import Hit

if TYPE_CHECKING:
    from agent.artifacts import ArtifactStore
    from agent.loop import Loop
    from agent.model_calls import ModelCaller
    from agent.tools.table import ToolResult

__all__ = ["Part", "PlannedStep", "Prompted", "RunContext", "RunStopped"]


class RunStopped(Exception):
    """Raised inside the graph when the stop event is set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompted:
    """One message exactly as the model read or wrote it: what a later turn must repeat byte for byte."""

    role: Literal["user", "assistant"]
    content: str

    def to_dict(self) -> dict[str, str]:
        """For storage."""
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedStep:
    """One step of a plan: a tool, the part of the question that it is for, and a phrase to look for."""

    tool: str
    request: str
    query: str = ""  # the request itself where nothing better is known
    arguments: Mapping[str, Any] | None = None  # where they were filled when the tool was chosen

    def __post_init__(self) -> None:
        if not self.query:
            object.__setattr__(self, "query", " ".join(self.request.split()))


@dataclass(slots=True)
class RunContext:
    """The runtime context of the graph. One per run; used from one thread."""

    run: str
    conversation: str
    question: str
    stop: threading.Event
    emit: Callable[[Update], None]
    board: EvidenceBoard
    history: list[Prompted]
    temperature: float
    seed: int
    artifacts: ArtifactStore  # where tools put files
    model: ModelCaller  # how tools ask the model: stopped, counted and recorded like every call
    request: str = ""  # what is asked of the tool that runs now: the question, or one step's part of it
    plan: list[PlannedStep] = field(default_factory=list)
    routed_by: str = ""  # who decided the plan: "rule", "examples" or "model"
    parts: list[Part] = field(default_factory=list)  # of the answer, one for each step that is done
    calls: int = 0  # of tools, so far
    loop: Loop | None = None  # where the model calls tools by itself
    results: list[ToolResult] = field(default_factory=list)  # of the steps so far
    answered: str = ""  # what the person read last in this conversation, with its marks
    made: list[Artifact] = field(default_factory=list)
    documents: list[int] | None = None  # the only ones that may be looked at; None: all
    seen: frozenset[int] = frozenset()  # numbers that earlier turns already brought
    exchange: list[Prompted] = field(default_factory=list)
    used: list[Evidence] = field(default_factory=list)  # given to the model in this turn, or again relevant
    hits: list[Hit] = field(default_factory=list)
    leads: list[str] = field(default_factory=list)  # what was searched for next, where one search was not enough
    tool: str = ""
    written: str = ""  # what a person has seen of the answer so far
    doubt: float | None = None  # the probability that no passage holds the answer; see `agent.doubt`
    signs: Mapping[str, float] = field(default_factory=dict)  # what it was weighed from
    words: str = ""  # the fewest words that are the answer, as they stand in a passage
    ask_person: Person = nobody
    tool_calls: dict[str, int] = field(default_factory=dict)  # how often each tool was let through in this run
    refused: bool = False
    reason: str = ""
    text_mark: dict[str, Any] | None = None  # which mark the answer was written with; never the key
    began: float = field(default_factory=time.perf_counter)
    first_token_s: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    writing_s: float = 0.0
    written_tokens: int = 0

    def check_stop(self) -> None:
        """Raise if a person pressed stop."""
        if self.stop.is_set():
            raise RunStopped

    @property
    def progress(self) -> dict[str, int]:
        """Which step this is, and of how many, for the record; a free loop does not know how many there will be."""
        if self.loop is not None and not self.loop.steered:
            return {"step": self.calls}
        return {"step": len(self.parts) + 1, "steps": len(self.plan)}

    @contextmanager
    def step(
        self, name: str, detail: str = "", *, clock: str = "", title: str = "", doing: str = ""
    ) -> Iterator[dict[str, str]]:
        """Show a step while the block runs; the block may set `shown["detail"]`."""
        self.check_stop()
        shown = {"detail": detail}
        began = time.perf_counter()
        number = sum(1 for key in self.seconds if key.startswith("step:"))
        step_id = f"{number}-{name}"
        self.seconds[f"step:{step_id}"] = 0.0
        told = Step(id=step_id, name=name, status="started", detail=detail, title=title, doing=doing)
        self.emit(told)
        status: Literal["done", "failed"] = "failed"
        try:
            yield shown
            status = "done"
        finally:
            took = time.perf_counter() - began
            if clock:
                self.seconds[clock] = self.seconds.get(clock, 0.0) + took
            ended = {"status": status, "detail": shown["detail"], "seconds": round(took, 3)}
            self.emit(told.model_copy(update=ended))

    def notice(self, ring: str, guard: str, action: Any, detail: str) -> None:
        """Tell the person that a guard acted."""
        self.emit(GuardNotice(ring=ring, id=guard, action=action, detail=detail))

    def timings(self) -> Timings:
        """The clock so far."""
        rate = self.written_tokens / self.writing_s if self.writing_s > 0 and self.written_tokens > 1 else None
        return Timings(
            total_s=round(time.perf_counter() - self.began, 4),
            first_token_s=None if self.first_token_s is None else round(self.first_token_s, 4),
            plan_s=round(self.seconds.get("plan", 0.0), 4),
            search_s=round(self.seconds.get("search", 0.0), 4),
            model_s=round(self.seconds.get("model", 0.0), 4),
            prompt_tokens=self.prompt_tokens,
            cached_tokens=self.cached_tokens,
            output_tokens=self.output_tokens,
            tokens_per_s=None if rate is None else round(rate, 2),
        )


@dataclass(kw_only=True, slots=True)
class Part:
    """What one step added to the answer; checked against the passages where it was written from them."""

    tool: str
    request: str
    text: str
    refused: str = ""  # why there is no more than this sentence
    words: str = ""
    doubt: float | None = None
    signs: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, context: RunContext, text: str, *, refused: str = "") -> Part:
        """The part of the step that runs now."""
        return cls(
            tool=context.tool,
            request=context.request,
            text=text,
            refused=refused,
            words=context.words,
            doubt=context.doubt,
            signs=context.signs,
        )
