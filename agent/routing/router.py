"""Where a request goes: at once where that is clear, narrowed to a few tools where it is not.

Rules for what no statistics is needed for (greetings), the embedding prior for the rest, and "too close to call" as an
honest third outcome: then the model chooses among the likely ones. Without a prior the model chooses among all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.context import PlannedStep, Prompted
from agent.routing.prior import Prior, TextEmbedder, shipped_examples
from agent.routing.steps import MOST_STEPS, pieces_of
from agent.tools.table import REPLY, ToolTable
from provenance.errors import RetrievalError

__all__ = ["Route", "Router", "leans", "small_talk", "tool_before"]

CLEAR = 0.35  # margin between the likeliest tool and the next from which no model is asked
CLEAR_FIRST = 0.2  # for the tool that is safe when wrong: it searches, and says that nothing was found
SURE = 0.6  # margin from which what leans on the conversation is still taken by itself
STEP = 0.25  # margin that a piece needs to be a step of its own
LIKELY, MOST_LIKELY = 0.07, 3
_GREETING = re.compile(
    r"^\W*(hi|hello|hey|thanks|thank you|good (morning|afternoon|evening|day)|hallo|"
    r"guten (tag|morgen)|danke|bonjour|salut|merci|hola|gracias|bye)\b",
    re.IGNORECASE,
)
_ABOUT_SELF = re.compile(
    r"\b(?:what can you do|who are you|what are you|how do you work|what is wherefrom|can you help)\b", re.IGNORECASE
)
_LEANS = re.compile(
    r"^\W*(?:and|but|or|also|so|then|what about|how about|same|again|another|und|aber|auch|noch)\b"
    r"|\b(?:it|its|they|them|their|he|him|his|she|her|that|those|these|this one|the same|there|er|sie|ihm|ihr|davon)\b",
    re.IGNORECASE,
)
_ALONE = 4  # words from which a request without such a word can be understood alone

By = Literal["rule", "examples", "model"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """`steps` where it is clear, else `likely`: the tools that the model may choose from."""

    steps: tuple[PlannedStep, ...] = ()
    likely: tuple[str, ...] = ()
    by: By = "model"


class Router:
    """Over the tools in force."""

    def __init__(self, tools: ToolTable, embedder: TextEmbedder | None) -> None:
        """Without an embedder there is no prior."""
        self._tools, self.embedder = tools, embedder
        known = {tool.name: (*tool.examples, *shipped_examples().get(tool.name, ())) for tool in tools}
        examples = {name: list(dict.fromkeys(texts)) for name, texts in known.items() if texts}
        self._prior = Prior(embedder, examples) if embedder is not None and len(examples) > 1 else None

    def load(self) -> None:
        """Fit the prior ahead of the first request."""
        if self._prior is not None:
            self._prior.load()

    def route(self, request: str, history: Sequence[Prompted] = ()) -> Route:
        """Decide without a model."""
        certain = self._certain(request)
        if certain:
            return _one(certain, request, "rule")
        if small_talk(request):
            return _one(REPLY.name, request, "rule")
        if self._prior is None:
            return Route(likely=self._tools.names)
        try:
            return self._compared(self._prior, request, history)
        except RetrievalError:  # no embedder on this machine: the model chooses, and a search will say what is missing
            return Route(likely=self._tools.names)

    def _compared(self, prior: Prior, request: str, history: Sequence[Prompted]) -> Route:
        pieces = pieces_of(request)
        if len(pieces) > 1 and (steps := self._plan(prior, pieces)):
            return Route(steps=steps, by="examples")
        weights = prior.weigh(request)
        best, margin = _best(weights)
        before = tool_before(history) if leans(request) else ""
        if before:
            if margin >= SURE:
                return _one(best, request, "examples")
            chosen = dict.fromkeys([before, best, self._tools.first.name])
            return Route(likely=tuple(name for name in chosen if name in self._tools))
        if margin >= (CLEAR_FIRST if best == self._tools.first.name else CLEAR):
            return _one(best, request, "examples")
        likely = [name for name, share in weights.items() if share >= LIKELY][:MOST_LIKELY]
        return Route(likely=tuple(dict.fromkeys([*likely, self._tools.first.name])))

    def _certain(self, request: str) -> str:
        """The tool that knows by code that a request is its own; "" where none does."""
        return next((tool.name for tool in self._tools if tool.certain(request)), "")

    def _plan(self, prior: Prior, pieces: Sequence[str]) -> tuple[PlannedStep, ...]:
        """The pieces as steps; empty where one of them is unclear or all go to one tool.

        Neighbours that go to the same tool are one step again, but for two orders that are clear by themselves; so is
        whatever comes after the fourth.
        """
        steps: list[PlannedStep] = []
        for piece in pieces:
            certain = self._certain(piece)
            tool, margin = (certain, 1.0) if certain else _best(prior.weigh(piece))
            if margin < STEP:
                return ()
            if tool == REPLY.name:
                continue
            if len(steps) == MOST_STEPS or (steps and steps[-1].tool == tool and not certain):
                steps[-1] = PlannedStep(tool=steps[-1].tool, request=f"{steps[-1].request}, and {piece}")
            else:
                steps.append(PlannedStep(tool=tool, request=piece))
        return tuple(steps) if len(steps) > 1 else ()


def small_talk(request: str) -> bool:
    """A greeting, thanks, or a question about the assistant itself.

    Example:
        >>> small_talk("Hello!"), small_talk("Hello, when does the lease of the house on the hill end?")
        (True, False)
    """
    return bool((_GREETING.search(request) and len(request.split()) <= 6) or _ABOUT_SELF.search(request))


def leans(request: str) -> bool:
    """Whether a request may need the conversation before it to be understood.

    Example:
        >>> leans("And in 2024?"), leans("When was the trust founded in Halden?")
        (True, False)
    """
    return bool(_LEANS.search(request)) or len(request.split()) < _ALONE


def tool_before(history: Sequence[Prompted]) -> str:
    """The tool of the last plan that the model read or wrote; empty where there is none."""
    for message in reversed(history):
        if message.role == "assistant" and message.content.startswith('{"tool"'):
            try:
                plan, _end = json.JSONDecoder().raw_decode(message.content)
            except json.JSONDecodeError:
                continue
            return str(plan["tool"])
    return ""


def _one(tool: str, request: str, by: By) -> Route:
    return Route(steps=(PlannedStep(tool=tool, request=request),), by=by)


def _best(weights: Mapping[str, float]) -> tuple[str, float]:
    """The likeliest tool, and by how much."""
    (best, first), (_next, second) = list(weights.items())[:2]
    return best, first - second
