"""Citations: set by code after the model is done. An answer that no passage bears out becomes a refusal."""

from __future__ import annotations

import re
from typing import Any

from langchain.agents.middleware import AgentMiddleware, AgentState
from langchain_core.messages import AIMessage
from langgraph.runtime import Runtime

from agent.comparison import copied
from agent.context import Part, RunContext
from agent.contradiction import other_accounts, told
from agent.evidence import Evidence
from agent.gate import not_a_sentence
from agent.grounding import Checked, best_span, check_answer, sentences, strip_marks
from agent.middleware.record import LedgerWriter
from agent.reading import asks_for_words, place_of
from agent.tools.table import ToolTable
from agent.updates import AlsoIn, Citation
from agent.words import folded

__all__ = ["NOT_IN_DOCUMENTS", "CiteMiddleware", "cite", "nearest"]

NOT_IN_DOCUMENTS = "Your documents do not say this."
_REFUSAL = re.compile(
    r"^\W*(?:sorry,?\s+)?(?:(?:the (?:answer|information|question) (?:is )?|it is |this is )?not "
    r"(?:stated |mentioned |given |found |specified )?in (?:your|the|these|any of the) (?:documents?|passages?|text)"
    r"|(?:the|your|these) (?:documents?|passages?|text) (?:do(?:es)? not|don't|doesn't)\b"
    r"|there is no (?:information|mention)|no (?:information|passage))",
    re.IGNORECASE,
)
_SELF_REFUSAL = re.compile(
    r"\b(?:is|are|was|were|does|do)\s+not\s+(?:\w+\s+){0,2}(?:mention|state|specif|provid|give|found|contain|say)"
    r".*\b(?:passages?|documents?|texts?)\b",
    re.IGNORECASE | re.DOTALL,
)
NEAREST = 3


class CiteMiddleware(AgentMiddleware[Any, RunContext]):
    """Innermost of the stack: the first to see a finished answer."""

    def __init__(self, ledger: LedgerWriter, tools: ToolTable) -> None:
        super().__init__()
        self._table = tools
        self._ledger = ledger
        self.tools = []

    def after_agent(self, state: AgentState[Any], runtime: Runtime[RunContext]) -> dict[str, Any] | None:
        """Check each part that was written from passages against what was given."""
        context = runtime.context
        if not context.parts:
            return None  # a guard ended the run before its first step
        for part in context.parts:
            if self._table[part.tool].result == "passages":
                self._check(context, part)
        if all(part.refused for part in context.parts):
            context.refused, context.reason = True, context.parts[-1].refused
        context.words = context.parts[-1].words
        return {"messages": [AIMessage(content="\n\n".join(part.text for part in context.parts))]}

    def _check(self, context: RunContext, part: Part) -> None:
        if part.refused:
            if part.doubt is not None:
                self._record(context, {"refused": True, **_doubt(part)})
            return
        with context.step("check") as shown:
            checked = check_answer(part.text, context.board.items, part.request, words=copied(part.words))
            said_no = _says_no(part.text)
            words = "" if said_no else _words_alone(context, part)
            kept = _without_unsupported(checked) if checked.supported else words
            if words and (not_a_sentence(part.text) or folded(part.words) not in folded(kept)):
                kept = words  # the sentence lost what it was to say
            refused = said_no or not kept
            self._record(
                context,
                {
                    "refused": refused,
                    **_doubt(part),
                    "sentences": [
                        {"sources": list(sentence.numbers), "support": round(sentence.support, 4)}
                        for sentence in checked.sentences
                    ],
                },
            )
            if refused:
                part.refused = _why(checked, said_no, context)
                part.text = NOT_IN_DOCUMENTS
                shown["detail"] = "no passage bears the answer out"
                return
            supported = sum(1 for sentence in checked.sentences if sentence.numbers)
            shown["detail"] = f"{supported} of {len(checked.sentences)} sentences are borne out by a passage"
            otherwise = other_accounts(kept, context.board.items)
            if otherwise:
                shown["detail"] += "; another document says otherwise"
            part.text = kept + told(otherwise)

    def _record(self, context: RunContext, body: dict[str, Any]) -> None:
        self._ledger.append(kind="grounding", run=context.run, body=body)


def _doubt(part: Part) -> dict[str, Any]:
    """The doubt, and the signs it was weighed from: a reader of the record can weigh them again."""
    if part.doubt is None:
        return {"doubt": None}
    return {"doubt": round(part.doubt, 6), "signs": {name: round(value, 4) for name, value in part.signs.items()}}


def _words_alone(context: RunContext, part: Part) -> str:
    """The words that the model copied, with their source: what is left where its sentence says something else."""
    if not part.words or not asks_for_words(part.request):
        return ""
    item = place_of(part.words, part.request, context.board.items)
    return "" if item is None else f"{part.words} [{item.n}]"


def _without_unsupported(checked: Checked) -> str:
    """Sentences that no passage bears out are left out: what the documents do not say, the answer does not say."""
    parts = [f"{s.text}{''.join(f' [{n}]' for n in s.numbers)}" for s in checked.sentences if s.numbers]
    return checked.text if len(parts) == len(checked.sentences) else " ".join(parts)


def _says_no(raw: str) -> bool:
    """Whether the model itself says that the passages do not hold the answer."""
    first = next(iter(sentences(strip_marks(raw))), "")
    return bool(_REFUSAL.match(first) or _SELF_REFUSAL.search(first))


def _why(checked: Checked, said_no: bool, context: RunContext) -> str:
    if not context.board.items:
        return "No passage was found."
    if said_no:
        return "The passages that were found do not hold the answer."
    return "What the model wrote is borne out by no passage, so it is not shown."


def cite(text: str, evidence: list[Evidence], words: str = "") -> list[Citation]:
    """The sources of an answer, one a number, quoting the place that its sentences lean on most.

    Args:
        words: The fewest words that are the answer: where a source holds them, that place is quoted.
    """
    by_number: dict[int, list[str]] = {}
    given = {item.n: item for item in evidence}
    for sentence in check_answer(text, evidence).sentences:
        for n in sentence.numbers:
            by_number.setdefault(n, []).append(sentence.text)
    shown = {int(n) for n in re.findall(r"\[(\d+)\]", text)} & set(given)
    return [_citation(given[n], " ".join(by_number.get(n, [text])), words) for n in sorted(shown)]


def nearest(evidence: list[Evidence], question: str) -> list[Citation]:
    """What came closest, offered with a refusal."""
    ranked = sorted(evidence, key=lambda item: -item.score)[:NEAREST]
    return [_citation(item, question) for item in ranked]


def _citation(item: Evidence, sentence: str, words: str = "") -> Citation:
    passage = item.passage
    start, end = best_span(sentence, passage.text, words)
    return Citation(
        n=item.n,
        document_id=passage.document_id,
        document=passage.document_name,
        document_digest=item.document_digest,
        page=passage.page,
        page_label=passage.page_label,
        start=passage.start + start,
        end=passage.start + end,
        quote=passage.text[start:end],
        passage_id=passage.id,
        score=round(item.score, 6),
        also=[
            AlsoIn(document_id=p.document_id, document=p.document_name, page=p.page, page_label=p.page_label)
            for p in item.also
        ],
    )
