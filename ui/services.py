"""The one place that builds things: settings in, the whole house out. What is heavy is built when it is first used.

`Services` answers `EngineApi` inside the engine process; its calls lie in `ui/engine/calls/`, one concern a file.
"""

from __future__ import annotations

import logging
import shutil
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from agent.approvals import ApprovalDesk, Person, nobody
from agent.artifacts import ArtifactStore
from provenance.checkpoints import Checkpoints
from provenance.database import open_database
from provenance.keys import LedgerKeys
from provenance.ledger import Ledger
from ui.engine.annotated import AnnotatedLedger
from ui.engine.board import RunBoard
from ui.engine.calls.approving import ApprovingCalls
from ui.engine.calls.asking import AskingCalls
from ui.engine.calls.audit import AuditCalls
from ui.engine.calls.coding import CodingCalls, Desk
from ui.engine.calls.collecting import CollectingCalls
from ui.engine.calls.drawing import DrawingCalls
from ui.engine.calls.erasing import ErasingCalls
from ui.engine.calls.guarding import GuardingCalls
from ui.engine.calls.handing_out import HandingOutCalls
from ui.engine.calls.house import HouseCalls
from ui.engine.calls.judging import JudgingCalls
from ui.engine.calls.library import LibraryCalls
from ui.engine.calls.proof import ProofCalls
from ui.engine.calls.replaying import ReplayingCalls
from ui.engine.calls.tooling import ToolCalls
from ui.engine.checkpointing import CheckpointClock
from ui.engine.easel import Easel
from ui.engine.journal import RunJournal
from ui.engine.telemetry import SpanSender
from ui.inventory import WARM, backend_context, tool_loop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.assistant import AgentSettings, Assistant, TurnStore
    from agent.code.coder import Coder
    from agent.conversations import Conversations
    from agent.drawing import Drawer
    from agent.guardrails.rings import Guards
    from agent.guardrails.shelf import PolicyShelf
    from agent.middleware.record import LedgerWriter
    from agent.sandbox.sandbox import Sandbox
    from agent.tools.search import Searcher
    from backends.base import ChatBackend, ImageBackend
    from retrieval.embedder import Embedder, Vectors
    from retrieval.ingest import Ingestor
    from retrieval.library import DocumentParser, Library
    from retrieval.watching import FolderWatch
    from ui.engine.evaluating import Evaluator
    from ui.settings import Settings

__all__ = ["EMBEDDER", "Parts", "Services", "build_services"]

EMBEDDER = "all-minilm-l6-v2"

_log = logging.getLogger("wherefrom.engine")


class Parts:
    """Every part of the house, built once. Safe for threads: a part that is being built makes others wait."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._building = threading.RLock()
        self.evaluator: Evaluator | None = None  # who asks sets of questions, once somebody wants to
        self.database = open_database(settings.url)
        self.ledger = Ledger(self.database)
        self.journal = RunJournal(settings.home / "runs")
        self.board = RunBoard(journal=self.journal)
        self.easel = Easel()
        self.desk = Desk()
        self.approval_desk = ApprovalDesk()
        self.artifacts = ArtifactStore(settings.home / "artifacts")
        self.keys = LedgerKeys(settings.home / "keys" / "ledger")
        self.checkpoint_folder = settings.home / "checkpoints"
        self.notary = Checkpoints(self.ledger, self.keys, self.checkpoint_folder, second=settings.checkpoint_folder)
        self.checkpointing = CheckpointClock(
            self.ledger,
            self.notary,
            busy=lambda: bool(self.board.running()),
            every_events=settings.checkpoint_events,
            quiet_s=settings.checkpoint_quiet_s,
        )

    @property
    def building(self) -> threading.RLock:
        """Held while a part is built."""
        return self._building

    @property
    def conversations(self) -> Conversations:
        """Conversation memory."""
        with self._building:
            return self._conversations

    @property
    def library(self) -> Library:
        """The documents; the index loads at the first search."""
        with self._building:
            return self._library

    @property
    def ingestor(self) -> Ingestor:
        """The ingest queue; its thread starts with the first job."""
        with self._building:
            return self._ingestor

    @property
    def watch(self) -> FolderWatch:
        """The folders that are kept in step."""
        with self._building:
            return self._watch

    @property
    def embedder(self) -> Embedder:
        """The embedding model; torch and the weights load at the first text."""
        with self._building:
            return self._embedder

    @property
    def backend(self) -> ChatBackend:
        """The chat backend in force."""
        with self._building:
            return self._backend

    def forget_prompts(self) -> None:
        """Something was deleted or erased: what a model kept on disk of earlier prompts goes, too."""
        from backends.base import Forgets

        if isinstance(self.backend, Forgets):
            self.backend.forget()
        shutil.rmtree(self.settings.home / WARM, ignore_errors=True)  # of a backend that is not in force any more

    @property
    def drawer(self) -> Drawer:
        """Who draws; a family's weights load with its first picture."""
        with self._building:
            return self._drawer

    @property
    def coder(self) -> Coder:
        """Who writes code on request."""
        with self._building:
            return self._coder

    @cached_property
    def sandbox(self) -> Sandbox:
        """Where programs run; cheap to build, and each program gets a process of its own."""
        from agent.sandbox.program import Limits
        from agent.sandbox.sandbox import Sandbox

        settings = self.settings
        limits = Limits(
            wall_s=settings.sandbox_timeout_s,
            cpu_s=max(1, round(settings.sandbox_timeout_s)),
            memory_mib=settings.sandbox_memory_mib,
        )
        return Sandbox(limits=limits, allow_degraded=settings.sandbox_degraded)

    @property
    def guards(self) -> Guards:
        """All rings, under the policy in force."""
        with self._building:
            return self._guards

    @property
    def policy_shelf(self) -> PolicyShelf:
        """Where that policy lies and how it is changed."""
        with self._building:
            return self._policy_shelf

    @property
    def assistant(self) -> Assistant:
        """The agent over all of it; LangChain loads here."""
        with self._building:
            return self._assistant

    @cached_property
    def telemetry(self) -> SpanSender | None:
        """Sends spans of finished runs, where a setting names a collector."""
        url = self.settings.otlp_url
        return SpanSender(url, self.ledger.run_entries) if url else None

    def embedder_problem(self) -> str:
        """Empty if documents can be embedded, else what is missing. Looks at names and sizes only."""
        from backends.weights import present

        there = present(EMBEDDER, self.settings.models)
        return "" if there else f"The embedding model {EMBEDDER} is not on this machine."

    def built(self, name: str) -> bool:
        """Whether a part is there already."""
        return f"_{name}" in self.__dict__

    def close(self) -> None:
        """End threads and children, save the index, close the database. In this order: who uses before what is used."""
        if self.evaluator is not None:
            self.evaluator.close()
        self.board.close()
        self.easel.close()
        for name in ("watch", "ingestor", "library", "parser", "backend"):
            end = getattr(getattr(self, f"_{name}"), "close", None) if self.built(name) else None
            if end is not None:
                end()
        self.journal.close()
        if self.__dict__.get("telemetry") is not None:
            self.__dict__["telemetry"].close()
        self.checkpointing.close()
        self.ledger.close()
        self.database.close()

    @cached_property
    def _conversations(self) -> Conversations:
        from agent.conversations import Conversations

        return Conversations(self.database)

    @cached_property
    def _embedder(self) -> Embedder:
        from backends.weights import model_dir
        from retrieval.embedder import SentenceEmbedder

        # Whether the weights are the right ones is checked where they arrive and by `doctor`; that they are missing
        # is said when they are first needed, so that a library can be looked at without them.
        return SentenceEmbedder(model_dir(EMBEDDER, self.settings.models))

    @cached_property
    def _parser(self) -> DocumentParser:
        from retrieval.parser import ParseOptions, Parser

        settings = self.settings
        return Parser(
            ParseOptions(
                ocr=settings.ocr,
                timeout_s=settings.parse_timeout_s,
                memory_mib=settings.parse_memory_mib,
                max_file_mib=settings.max_file_mib,
            )
        )

    @cached_property
    def _library(self) -> Library:
        from retrieval.library import Library

        home = Path(self.settings.home)
        return Library(home, self.database, self.ledger, embedder=self._embedder, parser=self._parser)

    @cached_property
    def _ingestor(self) -> Ingestor:
        from retrieval.ingest import Ingestor

        return Ingestor(self._library, max_file_mib=self.settings.max_file_mib)

    @cached_property
    def _watch(self) -> FolderWatch:
        from retrieval.watching import FolderWatch

        return FolderWatch(Path(self.settings.home) / "watched.json", _Keeper(self))

    @cached_property
    def _backend(self) -> ChatBackend:
        from backends.registry import backend_class, load_chat

        name = self.settings.backend
        return load_chat(name, backend_context(self.settings, backend_class(name)))

    @cached_property
    def _guards(self) -> Guards:
        from agent.guardrails.abuse import AbuseGuard
        from agent.guardrails.harm import load_harm_model
        from agent.guardrails.rings import Guards

        model, embedder = load_harm_model(), self.embedder

        def embed(texts: Sequence[str]) -> Vectors:
            # The vector of a question alone is kept: the search asks for it next.
            return embedder.embed_query(texts[0])[None, :] if len(texts) == 1 else embedder.embed(texts)

        fits = not self.embedder_problem() and embedder.digest == model.embedder
        return Guards(guards={"abuse": AbuseGuard(embed if fits else None, model)})

    @cached_property
    def _policy_shelf(self) -> PolicyShelf:
        from agent.guardrails.shelf import PolicyShelf

        return PolicyShelf(Path(self.settings.home), self.guards, self.ledger)

    @cached_property
    def _drawer(self) -> Drawer:
        from agent.drawing import Drawer
        from agent.finishing import Finisher
        from agent.guardrails.pictures import PictureGuard
        from backends.image.enlarging import Enlarger
        from backends.registry import backend_class, load_image
        from ui.origins import picture_delivery

        def family(name: str) -> ImageBackend:
            return load_image(name, backend_context(self.settings, backend_class(name)))

        folder = Path(self.settings.home) / "pictures"
        enlarger = Enlarger(self.settings.picture_weights)
        guard = PictureGuard(self.settings.models) if self.settings.picture_guard else None
        finisher = Finisher(picture_delivery(self.settings), enlarger, self.settings.picture_enlarging, guard)
        return Drawer(ledger=self.ledger, guards=self.guards, family=family, folder=folder, finisher=finisher)

    @cached_property
    def _coder(self) -> Coder:
        from agent.code.coder import Coder

        return Coder(
            model=self.backend.chat_model(),
            identity=self.backend.identity,
            ledger=self.ledger,
            guards=self.guards,
            runner=self.sandbox,
            artifacts=self.artifacts,
        )

    def renew_assistant(self) -> None:
        """Make it anew with the next question: its tools have changed."""
        with self._building:
            self.__dict__.pop("_assistant", None)

    @cached_property
    def _assistant(self) -> Assistant:
        from dataclasses import asdict

        from agent.memory import ConversationTurns

        settings = self.agent_settings()
        ledger = AnnotatedLedger(self.ledger, asdict(settings), ended=self._ended)
        return self.assistant_over(
            ledger, ConversationTurns(self._conversations), settings, self.artifacts, person=self.approval_desk
        )

    def agent_settings(self) -> AgentSettings:
        """What the settings in force allow an answer to spend."""
        from agent.assistant import AgentSettings

        settings = self.settings
        return AgentSettings(
            context_tokens=settings.context_tokens,
            max_answer_tokens=settings.max_answer_tokens,
            evidence_tokens=settings.evidence_tokens,
            top_k=settings.top_k,
            temperature=settings.temperature,
            seed=settings.seed,
            tool_loop=tool_loop(settings),
        )

    def assistant_over(
        self,
        ledger: LedgerWriter,
        turns: TurnStore,
        settings: AgentSettings,
        artifacts: ArtifactStore,
        *,
        library: Searcher | None = None,
        person: Person = nobody,
    ) -> Assistant:
        """An assistant that records and remembers elsewhere: a replay leaves no trace but its verdict.

        `library`: what it searches, if not the whole library. `person`: who is asked where a guard says "ask".
        """
        from agent.assistant import Assistant
        from provenance import record
        from ui.toolbox import chat_tools

        return Assistant(
            model=self.backend.chat_model(),
            identity=self.backend.identity,
            library=library or self.library,
            runs=lambda: record.runs(self.ledger, limit=200, live=self.board.running()),
            ledger=ledger,
            turns=turns,
            guards=self.guards,
            settings=settings,
            tools=chat_tools(self, ledger),
            artifacts=artifacts,
            embedder=self.embedder,
            person=person,
        )

    def _ended(self, run: str) -> None:
        if self.telemetry is not None:
            self.telemetry.send(run)


class _Keeper:
    """Takes in what a watched folder brings, and lets go what is gone from it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def take_in(self, paths: list[Path], collection: int | None) -> None:
        self._parts.ingestor.submit(paths, collection=collection)

    def let_go(self, path: Path) -> None:
        self._parts.library.leave(path)


class Services(
    AskingCalls,
    LibraryCalls,
    DrawingCalls,
    CodingCalls,
    AuditCalls,
    ProofCalls,
    ErasingCalls,
    HandingOutCalls,
    ReplayingCalls,
    JudgingCalls,
    GuardingCalls,
    ApprovingCalls,
    ToolCalls,
    CollectingCalls,
    HouseCalls,
):
    """`EngineApi`, answered here."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.asked = threading.Event()
        self.board = self.parts.board
        self.easel = self.parts.easel

    def open(self) -> None:
        """Take up what a killed engine left: mark its unfinished answers, go on with its ingest."""
        self.recover_runs()
        self.resume_ingest()
        self.parts.checkpointing.start()

    def busy(self) -> bool:
        """Whether a run or a job has not ended."""
        if self.parts.watch.folders():  # who watches a folder does not end
            return True
        asking = self.parts.evaluator is not None and self.parts.evaluator.busy()
        return bool(self.board.running()) or self.ingesting() or self.easel.busy() or asking

    def close(self) -> None:
        """End everything."""
        self.parts.close()


def build_services(settings: Settings) -> Services:
    """What the engine serves.

    Raises:
        StorageError: If the data folder or the database cannot be opened.
    """
    services = Services(Parts(settings))
    services.open()
    return services
