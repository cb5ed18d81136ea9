"""The assistant: one question in, updates out, one recorded answer.

Build it once per chat model. `run` may be called from any thread; the caller decides how many runs compute at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage

from agent.approvals import Person, nobody
from agent.artifacts import ArtifactStore
from agent.comparison import copied
from agent.context import PlannedStep, Prompted, RunContext, RunStopped
from agent.evidence import Evidence, EvidenceBoard, estimate_tokens
from agent.graph import build_agent
from agent.grounding import check_answer
from agent.guardrails.rings import Guards
from agent.loop import offer_tokens
from agent.middleware.cite import cite, nearest
from agent.middleware.guard import GuardMiddleware
from agent.middleware.record import LedgerWriter, artifact_facts, record_model_call
from agent.model_calls import ModelCaller
from agent.planning import Planner
from agent.prompts import load_prompt
from agent.question import check_question
from agent.routing.prior import TextEmbedder
from agent.routing.router import Router
from agent.tools.ledger import RunLine, ledger_tool
from agent.tools.search import Searcher, search_tool
from agent.tools.table import Tool, ToolTable
from agent.updates import Answer, Done, Failed, Stopped, Update
from backends.base import ModelIdentity
from backends.cancellation import Cancellation, GenerationStopped, cancellable
from backends.catalog import ToolLoop
from provenance.errors import AppError, NotFoundError

MOST_NODES = 64  # of the graph in one run: eight calls of a free loop, then four steps whose tools may pass theirs on

__all__ = ["AgentSettings", "Assistant", "Turn", "TurnStore"]


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentSettings:
    """What the assistant may spend."""

    context_tokens: int = 4096
    max_answer_tokens: int = 400
    evidence_tokens: int = 600
    top_k: int = 6
    temperature: float = 0.0
    seed: int = 0
    tool_loop: ToolLoop = "steered"  # "free": the model calls tools by itself (decision 0013)


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """An earlier question of a conversation, as the model read it and with what it was given."""

    run: str
    question: str
    answer: str
    exchange: tuple[Prompted, ...] = ()
    evidence: tuple[Evidence, ...] = ()


class TurnStore(Protocol):
    """Conversation memory: earlier turns in, finished turns out."""

    def turns(self, conversation: str, *, before_run: str | None = None) -> list[Turn]: ...

    def finish(self, conversation: str, turn: Turn, answer: Answer, state: str) -> None: ...


class Assistant:
    """Answers questions about a person's documents with one chat model."""

    def __init__(
        self,
        *,
        model: BaseChatModel,
        identity: Callable[[], ModelIdentity],
        library: Searcher,
        runs: Callable[[], Sequence[RunLine]],
        ledger: LedgerWriter,
        turns: TurnStore,
        guards: Guards,
        settings: AgentSettings,
        tools: Sequence[Tool] = (),
        artifacts: ArtifactStore | None = None,
        embedder: TextEmbedder | None = None,
        person: Person = nobody,
    ) -> None:
        """
        Args:
            tools: What the chat can do beside searching and looking in the record.
            artifacts: Where they put files.
            embedder: What requests are compared by; without one the model chooses every tool.
            person: Who is asked where a guard says "ask".
        """
        self._person = person
        self._identity = identity
        self._ledger = ledger
        self._turns = turns
        self._library = library
        self._settings = settings
        self._artifacts = artifacts or ArtifactStore(None)
        guard = GuardMiddleware(guards, ledger, side_effects=lambda name: name in table and table[name].side_effects)
        search = search_tool(
            library, top_k=settings.top_k, evidence_tokens=settings.evidence_tokens, review=guard.review
        )
        table = ToolTable([search, ledger_tool(runs), *tools], allowed=guards.may_be_offered)
        self.tools = table
        self.router = Router(table, embedder)
        self._planner = Planner(table, self.router)
        lines = "\n".join(f'- "{tool.name}": {tool.description}' for tool in table if not tool.foreign)
        self._model = ModelCaller(
            model, prompt=load_prompt("system").filled(tools=lines), record=record_model_call(ledger, identity)
        )
        self._graph = build_agent(
            model=model,
            identity=identity,
            tools=table,
            planner=self._planner,
            guard=guard,
            ledger=ledger,
            max_answer_tokens=settings.max_answer_tokens,
            room_tokens=settings.context_tokens - settings.max_answer_tokens - settings.evidence_tokens,
            loop=settings.tool_loop,
        )

    def run(
        self,
        question: str,
        *,
        run: str,
        conversation: str,
        stop: threading.Event,
        emit: Callable[[Update], None],
        regenerate: str | None = None,
        documents: Sequence[int] | None = None,
    ) -> Answer:
        """Answer one question. Every step is in the ledger before it is emitted; so is a stop and a failure.

        Args:
            question: What the person asks.
            run: The id that everything is recorded under.
            conversation: Whose earlier turns are the context.
            stop: Set by the stop button.
            emit: Takes each update; the last is Done, Stopped or Failed.
            regenerate: The run whose answer is replaced: its turn is left out, and the sampler gets another seed.
            documents: Ids of the only documents that may be looked at; default: all.
        Raises:
            AppError: After the failure was recorded and emitted.
        """
        check_question(question)
        turns = self._turns.turns(conversation, before_run=regenerate)
        context = self._context(question, run, conversation, stop, emit, turns, again=regenerate is not None)
        context.documents = None if documents is None else list(documents)
        try:
            with _carried_into_the_model(stop):
                asked = {"messages": [HumanMessage(context.question)]}
                result = self._graph.invoke(asked, context=context, config={"recursion_limit": MOST_NODES})
        except RunStopped:
            return self._stopped(context)
        except AppError as exc:
            self._failed(context, str(exc), exc.hint)
            raise
        except Exception as exc:
            # The border of the run: whatever went wrong must end the stream and stand in the record.
            self._failed(context, f"The answer failed: {type(exc).__name__}.", "Look at the engine's log.")
            raise
        return self._done(context, str(result["messages"][-1].text))

    def plan(self, question: str, *, run: str) -> list[PlannedStep]:
        """What would be done for a question that begins a conversation, without doing it.

        Raises:
            AppError: As `run`.
        """
        context = self._context(question, run, "", threading.Event(), lambda _update: None, [], again=False)
        self._planner.decide(context)
        return context.plan

    def load(self) -> None:
        """Fit the router ahead of the first question.

        Raises:
            RetrievalError: If the embedder cannot be loaded.
        """
        self.router.load()

    def prime(self, stop: threading.Event) -> None:
        """Let the model read what every conversation begins with, so that the first question does not wait for it.

        Call it once, before any question: later it would only push a conversation out of the model's cache.

        Args:
            stop: Set when a question arrives; what was read until then is kept.
        """
        if self._settings.tool_loop == "free":
            return  # its prompt begins with the tools, in a form that only its server knows
        with _carried_into_the_model(stop), suppress(GenerationStopped):
            self._model.prime()

    def _context(
        self,
        question: str,
        run: str,
        conversation: str,
        stop: threading.Event,
        emit: Callable[[Update], None],
        turns: Sequence[Turn],
        *,
        again: bool,
    ) -> RunContext:
        standing = [turn for turn in turns if self._stands(turn)]
        kept = self._fitting(standing, question)
        board = EvidenceBoard(items=[item for turn in kept if turn.exchange for item in turn.evidence])
        board.reserve(max((item.n for turn in turns for item in turn.evidence), default=0))
        return RunContext(
            run=run,
            conversation=conversation,
            question=question.strip(),
            stop=stop,
            emit=emit,
            board=board,
            seen=frozenset(item.n for item in board.items),
            history=[message for turn in kept for message in turn.exchange],
            answered=standing[-1].answer if standing else "",
            temperature=max(self._settings.temperature, 0.7) if again else self._settings.temperature,
            seed=self._settings.seed + (1 + len(run) + sum(run.encode()) if again else 0),
            artifacts=self._artifacts,
            model=self._model,
            ask_person=self._person,
        )

    def _stands(self, turn: Turn) -> bool:
        """Whether every document that a turn was given is still in the library.

        What was deleted, or replaced by a newer one, is in no answer any more, not by way of the conversation either.
        """
        try:
            for item in turn.evidence:
                self._library.document(item.passage.document_id)
        except NotFoundError:
            return False
        return True

    def _fitting(self, turns: Sequence[Turn], question: str) -> list[Turn]:
        """The latest turns that leave room for this one.

        When the window is full, half of it is let go at once: dropping one turn each time would move the prompt's
        beginning with every question, and nothing could be reused.
        """
        settings = self._settings
        offered = offer_tokens(self.tools) if settings.tool_loop == "free" else 0
        fixed = offered + estimate_tokens(self._model.prompt.text) + estimate_tokens(question) * 2 + 200
        room = settings.context_tokens - fixed - settings.max_answer_tokens - settings.evidence_tokens
        costs = [sum(estimate_tokens(message.content) + 8 for message in turn.exchange) for turn in turns]
        first = 0
        while first < len(turns) and sum(costs[first:]) > room:
            target = room // 2
            while first < len(turns) and sum(costs[first:]) > target:
                first += 1
        return list(turns[first:])

    def _answer(self, context: RunContext, text: str) -> Answer:
        evidence = context.board.items
        citations = [] if context.refused else cite(text, evidence, copied(context.words))
        return Answer(
            run=context.run,
            conversation=context.conversation,
            question=context.question,
            text=text,
            refused=context.refused,
            reason=context.reason,
            words="" if context.refused else context.words,
            citations=citations,
            nearest=nearest(context.used, context.question) if context.refused else [],
            artifacts=list(context.made),
            timings=context.timings(),
            model=self._identity().model,
        )

    def _done(self, context: RunContext, text: str) -> Answer:
        answer = self._answer(context, text)
        self._record_answer(context, answer, "answer")
        self._remember(context, answer, "done")
        context.emit(Done(answer=answer))
        return answer

    def _stopped(self, context: RunContext) -> Answer:
        # What was shown had its marks set by the gate; what was cut off in mid-sentence has none. A text that is shown
        # as its tool made it has those of the tool.
        text = context.written
        if context.tool not in self.tools or self.tools[context.tool].result != "final":
            text = check_answer(text, context.board.items, context.question).text
        answer = self._answer(context, text)
        self._record_answer(context, answer, "stopped")
        self._remember(context, answer, "stopped")
        context.emit(Stopped(answer=answer))
        return answer

    def _failed(self, context: RunContext, message: str, hint: str) -> None:
        self._ledger.append(kind="error", run=context.run, body={"error": message})
        answer = self._answer(context, context.written)
        self._remember(context, answer, "failed")
        context.emit(Failed(message=message, hint=hint))

    def _record_answer(self, context: RunContext, answer: Answer, kind: str) -> None:
        body: dict[str, Any] = {
            "refused": answer.refused,
            "tool": context.tool,
            "citations": [
                {
                    "n": c.n,
                    "passage": c.passage_id,
                    "document": c.document_digest,
                    "page": c.page,
                    "start": c.start,
                    "end": c.end,
                }
                for c in answer.citations
            ],
            "timings": answer.timings.model_dump(),
            "model": answer.model,
        }
        if answer.artifacts:
            body["artifacts"] = [artifact_facts(one) for one in answer.artifacts]
        if context.text_mark is not None and not answer.refused:
            body["text_mark"] = context.text_mark
        self._ledger.append(
            kind=kind, run=context.run, body=body, contents={"answer": answer.text, "reason": answer.reason}
        )

    def _remember(self, context: RunContext, answer: Answer, state: str) -> None:
        finished = bool(context.exchange) and context.exchange[-1].role == "assistant" and state == "done"
        turn = Turn(
            run=context.run,
            question=context.question,
            answer=answer.text,
            # A turn that was cut off is shown to the person but not to the model: half an exchange would mislead it.
            exchange=tuple(context.exchange) if finished and len(context.exchange) % 2 == 0 else (),
            evidence=tuple(item for item in context.board.items if item.n not in context.seen),
        )
        self._turns.finish(context.conversation, turn, answer, state)


@contextmanager
def _carried_into_the_model(stop: threading.Event) -> Iterator[None]:
    """Let a stop reach a model that loads, or reads a long prompt, and yields nothing that could be stopped."""
    token, over = Cancellation(), threading.Event()

    def carry() -> None:
        while not over.is_set():
            if stop.wait(0.1):
                token.cancel()
                return

    carrier = threading.Thread(target=carry, name="stop", daemon=True)
    carrier.start()
    try:
        with cancellable(token):
            yield
    finally:
        over.set()
        carrier.join()
