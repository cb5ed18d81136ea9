"""The real assistant over a scratch library: the agent, the model, the search and the checks that `wherefrom ask` has.

Only two things stand in: nothing is remembered from one question to the next, and the ledger is a list, from which
the doubt and the passages that were given are read. A question may be confined to a few of the library's files.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.answers_set import Question, QuestionSet, Source
from provenance.errors import RetrievalError
from provenance.ledger import new_run_id

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from agent.assistant import Assistant, Turn
    from agent.updates import Answer, Citation
    from retrieval.library import Library
    from retrieval.passage import Hit
    from ui.services import Parts
    from ui.settings import Settings

__all__ = ["Asked", "Asker", "asker", "code_digest"]

ROOT = Path(__file__).resolve().parents[1]
_MARK = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What came of one question. Sources are named by their keys."""

    text: str  # as it was shown, with marks
    words: str  # the fewest words, where there are any
    refused: bool
    read: str = ""  # what the model copied, whether it was believed or not
    doubt: float | None = None
    signs: Mapping[str, float] = field(default_factory=dict)  # what the doubt was weighed from
    found: tuple[str, ...] = ()  # by the first search, best first
    given: tuple[str, ...] = ()  # to the model, in the order it was given
    citations: tuple[dict[str, Any], ...] = ()  # {sources, verbatim, given}
    strangers: int = 0  # marks in the text that lead nowhere
    seconds: float = 0.0
    prompt_tokens: int = 0
    code: str = ""  # digest of the code that answered

    @property
    def said(self) -> str:
        """What is scored: the words, else the sentence without its marks; nothing where it was refused."""
        return "" if self.refused else self.words or _MARK.sub("", self.text).strip()

    @property
    def weighed(self) -> dict[str, float]:
        """The doubt with its signs; nothing where it was refused before anything was read."""
        return {"doubt": self.doubt, **self.signs} if self.doubt is not None and self.signs else {}

    def to_dict(self) -> dict[str, Any]:
        """For keeping."""
        return asdict(self)

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Asked:
        """What `to_dict` gave, after JSON."""
        lists = {name: tuple(row[name]) for name in ("found", "given", "citations")}
        return cls(**{**row, **lists})


class _Forgetful:
    """A turn store for questions that have nothing to do with each other."""

    def turns(self, conversation: str, *, before_run: str | None = None) -> list[Turn]:
        return []

    def finish(self, conversation: str, turn: Turn, answer: Answer, state: str) -> None:
        return None


@dataclass(slots=True)
class _Events:
    """A ledger that is a list."""

    rows: list[tuple[str, dict[str, Any], dict[str, str]]] = field(default_factory=list)

    def append(self, *, kind: str, run: str, body: dict[str, Any], contents: dict[str, str] | None = None) -> None:
        self.rows.append((kind, body, contents or {}))

    def last(self, kind: str, name: str) -> Any:
        return next((body.get(name) for its, body, _ in reversed(self.rows) if its == kind and name in body), None)


class _Confined:
    """The library, or those of its documents that a question may be answered from."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.document = library.document
        self.only: list[int] | None = None
        self.searches: list[list[Hit]] = []

    def search(self, query: str | list[str], **how: Any) -> list[Hit]:
        if self.only is not None:
            how["document_ids"] = self.only
        self.searches.append(self._library.search(query, **how))
        return self.searches[-1]


class Asker:
    """Asks one question after the other; see `asker`."""

    def __init__(self, parts: Parts, library: _Confined, assistant: Assistant, events: _Events) -> None:
        self._parts = parts
        self._library = library
        self._assistant = assistant
        self._events = events
        self._documents = {info.digest: info.id for info in parts.library.documents()}
        self._code = code_digest()

    @property
    def model(self) -> BaseChatModel:
        """The model alone, for what the assistant is compared with."""
        return self._parts.backend.chat_model()

    def ask(self, question: Question) -> Asked:
        """Raises: AppError: The assistant failed."""
        self._events.rows.clear()
        self._library.searches.clear()
        self._library.only = None if question.among is None else [self._documents[key] for key in question.among]
        answer = self._assistant.run(
            question.text,
            run=new_run_id(),
            conversation="bench",
            stop=threading.Event(),
            emit=lambda update: None,
            documents=self._library.only,  # tools beside the search look at no other file either
        )
        given = [
            str(one["document_digest"])
            for kind, body, _contents in self._events.rows
            if kind == "retrieval"
            for one in body["given"]
        ]
        shown = {citation.n for citation in answer.citations}
        return Asked(
            text=answer.text,
            words=answer.words,
            refused=answer.refused,
            read=self._read(),
            doubt=self._events.last("grounding", "doubt"),
            signs=self._events.last("grounding", "signs") or {},
            found=self._keys([hit.passage.document_id for hit in (self._library.searches or [[]])[0]]),
            given=tuple(dict.fromkeys(given)),
            citations=tuple(self._checked(citation, given) for citation in answer.citations),
            strangers=0 if answer.refused else sum(int(n) not in shown for n in _MARK.findall(answer.text)),
            seconds=answer.timings.total_s,
            prompt_tokens=answer.timings.prompt_tokens,
            code=self._code,
        )

    def _read(self) -> str:
        """The words that the model copied, whatever became of them."""
        from agent.reading import read

        outputs = [
            contents["output"]
            for kind, body, contents in self._events.rows
            if kind == "model_call" and body["purpose"] == "read"
        ]
        return read(outputs[-1], {}).words if outputs else ""

    def _checked(self, citation: Citation, given: Sequence[str]) -> dict[str, Any]:
        """Whether the quote stands where the citation says, and whether the model was given what is cited."""
        page = self._parts.library.page(citation.document_id, citation.page).text
        places = [citation.document_id, *(place.document_id for place in citation.also)]
        return {
            "sources": list(self._keys(places)),
            "verbatim": bool(citation.quote) and page[citation.start : citation.end] == citation.quote,
            "given": citation.document_digest in given,
        }

    def _keys(self, documents: Sequence[int]) -> tuple[str, ...]:
        keys = {id_: key for key, id_ in self._documents.items()}
        return tuple(dict.fromkeys(keys[id_] for id_ in documents if id_ in keys))


@contextmanager
def asker(
    settings: Settings,
    questions: QuestionSet,
    *,
    kept: Path | None = None,
    build: Callable[[Settings], Parts] | None = None,
) -> Iterator[Asker]:
    """An assistant over the sources of a set, in a data folder of its own.

    Args:
        build: Makes the house; default: the product's.
        kept: A folder in which that data folder stays, so that the next run need not read the sources again.
    Raises:
        RetrievalError: A source could not be read.
    """
    from ui.services import Parts

    with nullcontext(str(kept)) if kept else tempfile.TemporaryDirectory(prefix="wherefrom-bench-") as folder:
        home = Path(folder) / _library_name(questions.sources.values())
        settings = settings.model_copy(update={"home": home, "models_dir": settings.models, "database_url": None})
        home.mkdir(parents=True, exist_ok=True)
        with closing((build or Parts)(settings)) as parts:
            _fill(parts, list(questions.sources.values()))
            library, events = _Confined(parts.library), _Events()
            limits = parts.agent_settings()
            assistant = parts.assistant_over(events, _Forgetful(), limits, parts.artifacts, library=library)
            yield Asker(parts, library, assistant, events)


def code_digest() -> str:
    """Of the rooms that decide an answer: rows that different code made are not mixed up unseen."""
    rooms = b"".join(_room(name) for name in ("agent", "retrieval", "backends/llm"))
    return hashlib.sha256(rooms).hexdigest()[:12]


def _room(name: str) -> bytes:
    digest = hashlib.sha256()
    for path in sorted((ROOT / name).rglob("*")):
        if path.suffix in (".py", ".md", ".toml"):
            digest.update(path.read_bytes())
    return digest.digest()


def _library_name(sources: Iterable[Source]) -> str:
    digest = hashlib.sha256(_room("retrieval"))
    for one in sources:
        digest.update(f"{one.key} {one.name}\n".encode())
    return f"library-{digest.hexdigest()[:16]}"


def _fill(parts: Parts, sources: list[Source]) -> None:
    there = {info.digest for info in parts.library.documents()}
    missing = [(one.name, one.text.encode()) for one in sources if one.key not in there]
    if not missing:
        return
    job = parts.ingestor.wait(parts.ingestor.submit_uploads(missing))
    for file in job.files:
        if file.status == "failed":
            raise RetrievalError(f"{file.path} of the set could not be read: {file.reason}", hint="Look at the file.")
