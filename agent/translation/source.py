"""What is to be translated: a text given with the request, the answer before it, a document or a part of one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Protocol

from agent.condense.naming import named_documents
from agent.context import RunContext
from agent.evidence import estimate_tokens
from agent.grounding import check_answer
from agent.tools.sources import NO_PASSAGE
from agent.translation.parts import Slice, paragraphs_of, part_named, slices_of
from agent.translation.pieces import Piece, pieces_of_answer, pieces_of_slices
from agent.translation.request import Wanted
from agent.words import folded
from provenance.errors import RetrievalError, UsageError
from retrieval.document import DocumentInfo, Page
from retrieval.passage import Hit, Passage

__all__ = ["Reader", "Source", "find_source", "passage_of"]

MOST_TOKENS = 2_400  # of one source that are translated: eight pieces, about three minutes on two cores
_MOST_CHARACTERS = 4 * MOST_TOKENS  # of a document from which no further page is brought
_SEARCHED = "search_documents"
_ANSWER = re.compile(
    r"\b(?:answers?|reply|replies|responses?|antwort(?:en)?|réponse|respuesta|risposta|resposta|antwoord"
    r"|what you (?:just )?(?:said|wrote)|was du (?:gerade )?gesagt hast)\b",
    re.IGNORECASE,
)
_SOME_PART = re.compile(
    r"\b(?:clause|passage|part|section|article|rule|paragraph|sentence|bit|klausel|passage|abschnitt|absatz|stelle"
    r"|artikel|regel|satz|teil)\b|§",
    re.IGNORECASE,
)
_UNCLEAR = (
    "It is not clear what is to be translated. Name a document (“translate page 2 of lease.pdf into {language}”), "
    "ask for the last answer (“translate that into {language}”), or write the text behind a colon."
)
_NO_ANSWER = "There is no answer yet that could be translated. Ask something first, or name a document."


class Reader(Protocol):
    """The part of the library that is needed."""

    def documents(self) -> list[DocumentInfo]: ...
    def page(self, document_id: int, number: int) -> Page: ...
    def search(
        self, query: str | list[str], *, top_k: int = 10, document_ids: list[int] | None = None
    ) -> list[Hit]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The pieces within the budget. `left_out` says what is not among them, `refused` why there are none."""

    pieces: tuple[Piece, ...] = ()
    document: DocumentInfo | None = None
    left_out: str = ""
    refused: str = ""


def find_source(asked: Wanted, library: Reader, context: RunContext) -> Source:
    """What a request means, told by its words and the conversation."""
    documents = [one for one in library.documents() if context.documents is None or one.id in context.documents]
    if asked.text and not (asked.quoted and any(folded(asked.text) == folded(one.name) for one in documents)):
        page = Page(number=1, text=asked.text)
        return _within(pieces_of_slices(paragraphs_of(page)), None, asked)
    named = [] if asked.bare else named_documents(asked.what, documents, context.board.items)
    if (asked.bare or _ANSWER.search(asked.what)) and not named:
        said = _said_before(context)
        if said:
            return _within(pieces_of_answer(said), None, asked)
        if not asked.bare:
            return Source(refused=_NO_ANSWER)
    parts = part_named(asked.what)
    if not named and (asked.bare or parts):
        named = named_documents("this", documents, context.board.items)
    if _SOME_PART.search(asked.what) and not parts:
        return _searched(asked, library, context, named)
    if not named:
        language = asked.language.name if asked.language else ""
        return Source(refused=_UNCLEAR.format(language=language))
    info = named[0]
    slices = slices_of(info.pages, lambda number: library.page(info.id, number), parts, most=_MOST_CHARACTERS)
    if not slices:
        return Source(refused=f"{info.name} has no such part, or no text stands there.")
    return _within(pieces_of_slices(slices), info, asked)


def passage_of(info: DocumentInfo, place: Slice) -> Passage:
    """A piece of a document as a source that can be cited."""
    return Passage(
        id=NO_PASSAGE,
        document_id=info.id,
        document_name=info.name,
        page=place.page.number,
        page_label=place.page.label,
        start=place.start,
        end=place.end,
        text=place.text,
        heading="",
        digest=sha256(place.text.encode()).hexdigest(),
    )


def _said_before(context: RunContext) -> str:
    """What the step before this one said, with its marks set; else the last answer of the conversation."""
    if not context.parts:
        return context.answered
    part = context.parts[-1]
    if part.tool != _SEARCHED or part.refused:
        return part.text
    checked = check_answer(part.text, context.board.items, part.request)
    borne_out = [f"{one.text}{''.join(f' [{n}]' for n in one.numbers)}" for one in checked.sentences if one.numbers]
    return " ".join(borne_out) or part.text


def _searched(asked: Wanted, library: Reader, context: RunContext, named: Sequence[DocumentInfo]) -> Source:
    """The part of a document that is about something: "the clause on noise"."""
    within = [info.id for info in named[:1]] or context.documents
    try:
        hits = library.search(asked.what, top_k=1, document_ids=within)
    except (RetrievalError, UsageError) as exc:
        return Source(refused=f"The search failed: {exc}")
    if not hits:
        return Source(refused=f"Nothing was found for “{asked.what}”. Name the page or the paragraph by its number.")
    passage = hits[0].passage
    info = next(one for one in library.documents() if one.id == passage.document_id)
    page = library.page(passage.document_id, passage.page)
    return _within(pieces_of_slices([Slice(page=page, start=passage.start, end=passage.end)]), info, asked)


def _within(pieces: Sequence[Piece], info: DocumentInfo | None, asked: Wanted) -> Source:
    """As many pieces as are sensible at once, from the first on."""
    spent = 0
    for n, piece in enumerate(pieces):
        spent += estimate_tokens(piece.text)
        if n and spent > MOST_TOKENS:
            kept = (*pieces[: n - 1], replace(pieces[n - 1], after=""))
            return Source(pieces=kept, document=info, left_out=_left_out(pieces, n, info, asked))
    ended = tuple(pieces[:-1]) + tuple(replace(piece, after="") for piece in pieces[-1:])
    return Source(pieces=ended, document=info)


def _left_out(pieces: Sequence[Piece], done: int, info: DocumentInfo | None, asked: Wanted) -> str:
    language = asked.language.name if asked.language else ""
    last, following = pieces[done - 1].place, pieces[done].place
    if info is not None and info.pages > 1 and last is not None and following is not None:
        return (
            f"Translated for this: {done} parts, up to page {last.page.number} of {info.pages}; what follows is left "
            f"out. To go on, ask for page {following.page.number} of {info.name} in {language}."
        )
    share = 100 * sum(len(one.text) for one in pieces[:done]) // sum(len(one.text) for one in pieces)
    return f"Translated for this: the first {share} % of the text; what follows is left out."
