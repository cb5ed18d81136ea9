"""The tool that reads the person's documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Protocol

from agent.context import RunContext
from agent.evidence import Evidence, estimate_tokens
from agent.tools.table import QUERY, Tool, ToolResult
from retrieval.document import DocumentInfo
from retrieval.passage import Hit

__all__ = ["Searcher", "search_tool", "worth_reading"]

FIRST_LIMIT = 6  # passages for the first question of a conversation
LATER_LIMIT = 3  # and for later ones: what was read before is still in view
# Passages that score below this share of the best one are read only while there is little to read. In long texts they
# cost time and mislead the model; among short ones the answer often stands in one of them.
ENOUGH = 0.5
LITTLE = 400  # tokens, of all passages up to that one


class Searcher(Protocol):
    """The part of the library that the agent needs."""

    def search(
        self, query: str | list[str], *, top_k: int = 10, document_ids: list[int] | None = None
    ) -> list[Hit]: ...

    def document(self, document_id: int) -> DocumentInfo: ...


def search_tool(
    library: Searcher,
    *,
    top_k: int,
    evidence_tokens: int,
    review: Callable[[RunContext, Sequence[Evidence]], list[Evidence]],
) -> Tool:
    """`search_documents` over one library.

    Args:
        library: What is searched.
        top_k: Most passages that a question may bring.
        evidence_tokens: Most tokens of new passages for a first question; later ones get half.
        review: The guard on retrieved text; returns the evidence that may be read.
    """

    def search(arguments: Mapping[str, Any], context: RunContext) -> ToolResult:
        later = bool(context.board.items)
        texts = (str(arguments["query"]).strip(), context.request.strip())
        queries = list(dict.fromkeys(text for text in texts if text))
        hits = library.search(queries, top_k=top_k * 2, document_ids=context.documents)
        context.hits = hits
        new, known = context.board.take(
            worth_reading(hits),
            digest_of=lambda document_id: library.document(document_id).digest,
            budget_tokens=evidence_tokens // 2 if later else evidence_tokens,
            limit=min(LATER_LIMIT if later else FIRST_LIMIT, top_k),
        )
        kept = review(context, new)
        context.board.drop({item.n for item in new} - {item.n for item in kept})
        context.used = sorted([*known, *kept], key=lambda item: item.n)
        return ToolResult(text=_given(kept, known), detail=_found(context.used))

    return Tool(
        name="search_documents",
        title="Search documents",
        doing="Searching your documents",
        description=(
            "anything that may stand in the documents: facts, people, numbers, dates, rules, events, summaries. "
            "When in doubt, use this."
        ),
        call=search,
        arguments=QUERY,
        fill="query",
        result="passages",
    )


def worth_reading(hits: Sequence[Hit]) -> list[Hit]:
    """Those that score nearly as well as the best one, and weaker ones while there is little to read."""
    through = accumulate(estimate_tokens(hit.passage.text) for hit in hits)
    return [
        hit
        for hit, tokens in zip(hits, through, strict=True)
        if hit.score >= ENOUGH * hits[0].score or hits[0].score <= 0 or tokens <= LITTLE
    ]


def _found(used: Sequence[Evidence]) -> str:
    documents = dict.fromkeys(item.passage.document_name for item in used)
    return f"{len(used)} passages from {', '.join(documents)}" if documents else "nothing found"


def _given(new: Sequence[Evidence], known: Sequence[Evidence]) -> str:
    parts = ["Passages:", *(item.render() for item in new)] if new else []
    if known:
        numbers = " ".join(f"[{item.n}]" for item in known)
        parts.append(f"Look also at the passages given before: {numbers}")
    return "\n\n".join(parts)
