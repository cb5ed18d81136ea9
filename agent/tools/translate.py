"""The tool that translates: the last answer, a document or a part of one, or a text given with the request.

Long texts go through in pieces, each a step that a person sees; a stop ends it within a token. Marks and places are
kept by code, so a translated sentence cites what its original cites. See decision 0019.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.context import RunContext
from agent.evidence import Evidence
from agent.model_calls import show
from agent.routing.steps import pieces_of
from agent.tools.sources import cite_passage
from agent.tools.table import Tool, ToolResult
from agent.translation.languages import NAMES, Language, is_in
from agent.translation.pieces import Piece
from agent.translation.request import Wanted, wanted
from agent.translation.source import Reader, Source, find_source, passage_of
from agent.translation.translator import translate_piece
from retrieval.document import DocumentInfo

__all__ = ["Review", "translate_tool"]

Review = Callable[[RunContext, Sequence[Evidence]], list[Evidence]]
SEARCH = "search_documents"
_PUT_ASIDE = "*(A part is left out here: the guard on documents put it aside.)*"


def translate_tool(library: Reader, review: Review) -> Tool:
    """`translate` into one of the languages that are known.

    Args:
        review: The guard on retrieved text; returns the evidence that may be read.
    """

    def translate(arguments: Mapping[str, Any], context: RunContext) -> ToolResult:
        asked = wanted(str(arguments.get("request") or context.request)) or wanted(context.request)
        if asked is None:
            return ToolResult(text="", instead=SEARCH, detail="nothing is to be translated")
        if asked.language is None:
            return ToolResult(text="", refused=_which(asked))
        source = find_source(asked, library, context)
        if source.refused:
            return ToolResult(text="", refused=source.refused)
        return _translated(context, source, asked.language, review)

    return Tool(
        name="translate",
        title="Translate",
        doing="Translating",
        description="only to translate a document, a text or the last answer into another language.",
        call=translate,
        claims=lambda request: (asked := wanted(request)) is not None and _clear(asked),
        certain=_certain,
        examples=(
            "translate the second page into german",
            "translate that into french",
            "translate this document to english",
            "say that again in italian",
            "übersetze die antwort ins englische",
        ),
    )


def _clear(asked: Wanted) -> bool:
    """Whether it names a language, or what could be one; or leaves only that open."""
    return bool(asked.language or asked.unknown) or not any(word in asked.what.split() for word in ("into", "to"))


def _certain(request: str) -> bool:
    """An order to translate into a language, alone: what joins it to other steps is cut before."""
    asked = wanted(request)
    if asked is None or not (asked.language or asked.unknown):
        return False
    before = pieces_of(request)[:-1]  # "Thanks, ..." is no step
    return bool(asked.text and not asked.quoted) or all(len(piece.split()) == 1 for piece in before)


def _which(asked: Wanted) -> str:
    if asked.unknown:
        return f"“{asked.unknown}” is no language that is translated into here. One of: {NAMES}."
    return f"It is not said into which language. Write, for example, “translate it into German”. One of: {NAMES}."


def _translated(context: RunContext, source: Source, language: Language, review: Review) -> ToolResult:
    """Every piece in turn, shown as it is done."""
    info = source.document
    aside = _put_aside(context, source.pieces, info, review)
    to_do = [piece for piece in source.pieces if not piece.kept and piece not in aside]
    if to_do and all(is_in(piece.text, language) for piece in to_do):
        name = info.name if info is not None else "The text"
        return ToolResult(text="", refused=f"{name} is in {language.name} already.")
    parts = [f"**{info.name}** in {language.name}:\n\n"] if info is not None else []
    show(context, "".join(parts))
    done = 0
    for piece in source.pieces:
        if piece in aside:
            line = _PUT_ASIDE + piece.after
        elif piece.kept:
            line = piece.text + piece.after
        else:
            done += 1
            line = _line(context, piece, info, language, told=f"part {done} of {len(to_do)}")
        show(context, line)
        parts.append(line)
    if source.left_out:
        parts.append(f"\n\n{source.left_out}")
        show(context, parts[-1])
    return ToolResult(text="".join(parts), detail=f"{len(to_do)} parts into {language.name}")


def _line(context: RunContext, piece: Piece, info: DocumentInfo | None, language: Language, *, told: str) -> str:
    """A piece in the other language, with its marks, and a note where code found fault."""
    doing = f"Translating into {language.name}, {told}"
    with context.step("translate_part", told, title="Translate a part", doing=doing):
        came = translate_piece(context, piece.text, language)
    marks = "".join(f" [{n}]" for n in _numbers(context, piece, info))
    note = f" *({came.note})*" if came.note else ""
    return f"{piece.before}{came.text}{marks}{note}{piece.after}"


def _numbers(context: RunContext, piece: Piece, info: DocumentInfo | None) -> list[int]:
    """The sources behind a piece: its own place, or those of the answer that are still known."""
    if info is not None and piece.place is not None:
        return [cite_passage(context, passage_of(info, piece.place), digest=info.digest)]
    known = [item for n in piece.marks if (item := context.board.get(n)) is not None]
    context.used += [item for item in known if item not in context.used]
    return [item.n for item in known]


def _put_aside(context: RunContext, pieces: Sequence[Piece], info: DocumentInfo | None, review: Review) -> list[Piece]:
    """The pieces of a document that the guard does not let the model read."""
    if info is None:
        return []
    placed = [piece for piece in pieces if piece.place is not None]
    evidence = [
        Evidence(n=n, passage=passage_of(info, piece.place), document_digest=info.digest)
        for n, piece in enumerate(placed)
        if piece.place is not None
    ]
    kept = {item.n for item in review(context, evidence)}
    return [piece for n, piece in enumerate(placed) if n not in kept]
