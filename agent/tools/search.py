"""The tool that reads the person's documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Protocol

from agent.context import RunContext
from agent.evidence import Evidence, estimate_tokens
from agent.hops import further, in_steps
from agent.names import speaks_of
from agent.tools.table import QUERY, Tool, ToolResult
from retrieval.document import DocumentInfo
from retrieval.passage import Hit

__all__ = ["Searcher", "search_tool", "worth_reading"]

FIRST_LIMIT = 6  # passages for the first question of a conversation
LATER_LIMIT = 3  # and for later ones: what was read before is still in view
STEP_LIMIT = 3  # and for either step of a question in two steps
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

    steps = _Steps(library=library, top_k=top_k, evidence_tokens=evidence_tokens, review=review)

    def search(arguments: Mapping[str, Any], context: RunContext) -> ToolResult:
        context.hits, context.leads = [], []
        texts = (str(arguments["query"]).strip(), context.request.strip())
        new, known = steps.take(context, [text for text in dict.fromkeys(texts) if text])
        context.used = sorted([*known, *new], key=lambda item: item.n)
        return ToolResult(text=_given(new, known), detail=_found(context.used))

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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Steps:
    """One look at the documents, or two where the first only says what to look for next."""

    library: Searcher
    top_k: int
    evidence_tokens: int
    review: Callable[[RunContext, Sequence[Evidence]], list[Evidence]]

    def take(self, context: RunContext, queries: list[str]) -> tuple[list[Evidence], list[Evidence]]:
        """The evidence that the model has not read yet and may read, and what it has read before."""
        if not in_steps(context.request):
            later = bool(context.board.items)
            budget = self.evidence_tokens // 2 if later else self.evidence_tokens
            hits = worth_reading(self._hits(context, queries))
            return self._step(context, hits, LATER_LIMIT if later else FIRST_LIMIT, budget)
        # What leads on may have little to do with most of the question: here a low score is no reason to leave it out.
        budget = self.evidence_tokens * 2 // 3
        new, known = self._step(context, self._hits(context, queries), STEP_LIMIT, budget)
        leads = further(context.request, _by_score([*new, *known]))
        if not leads:
            return new, known
        context.leads = list(leads.values())
        with context.step("further", ", ".join(leads), title="Look further", doing="Looking further"):
            hits = [hit for hit in self._hits(context, context.leads) if _holds_one(hit, leads)]
            then, again = self._step(context, hits, STEP_LIMIT, budget)
        known = list({item.n: item for item in [*known, *again]}.values())
        return [*new, *then], [item for item in known if item not in new]

    def _hits(self, context: RunContext, queries: list[str]) -> list[Hit]:
        hits = self.library.search(queries, top_k=self.top_k * 2, document_ids=context.documents)
        context.hits = [*context.hits, *hits]
        return hits

    def _step(
        self, context: RunContext, hits: Sequence[Hit], limit: int, budget: int
    ) -> tuple[list[Evidence], list[Evidence]]:
        """What the guard lets through of the new ones, and what is known."""
        new, known = context.board.take(
            hits,
            digest_of=lambda document_id: self.library.document(document_id).digest,
            budget_tokens=budget,
            limit=min(limit, self.top_k),
        )
        kept = self.review(context, new)
        context.board.drop({item.n for item in new} - {item.n for item in kept})
        return kept, known


def worth_reading(hits: Sequence[Hit]) -> list[Hit]:
    """Those that score nearly as well as the best one, and weaker ones while there is little to read."""
    through = accumulate(estimate_tokens(hit.passage.text) for hit in hits)
    return [
        hit
        for hit, tokens in zip(hits, through, strict=True)
        if hit.score >= ENOUGH * hits[0].score or hits[0].score <= 0 or tokens <= LITTLE
    ]


def _by_score(evidence: Sequence[Evidence]) -> list[Evidence]:
    return sorted(evidence, key=lambda item: -item.score)


def _holds_one(hit: Hit, names: Iterable[str]) -> bool:
    """Whether one of these names stands in the passage or over it."""
    text = f"{hit.passage.document_name} {hit.passage.heading} {hit.passage.text}"
    return any(speaks_of(text, name) for name in names)


def _found(used: Sequence[Evidence]) -> str:
    documents = dict.fromkeys(item.passage.document_name for item in used)
    return f"{len(used)} passages from {', '.join(documents)}" if documents else "nothing found"


def _given(new: Sequence[Evidence], known: Sequence[Evidence]) -> str:
    parts = ["Passages:", *(item.render() for item in new)] if new else []
    if known:
        numbers = " ".join(f"[{item.n}]" for item in known)
        parts.append(f"Look also at the passages given before: {numbers}")
    return "\n\n".join(parts)
