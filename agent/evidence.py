"""The passages a conversation has been given, numbered once and for all.

A passage keeps its number for the whole conversation. A follow-up only adds what is new, so everything the model has
read before stays a prefix of what it reads now and need not be computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from retrieval.passage import Hit, Passage, Place

__all__ = ["Evidence", "EvidenceBoard", "estimate_tokens"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """One numbered passage."""

    n: int
    passage: Passage
    document_digest: str
    score: float = 0.0
    also: tuple[Place, ...] = ()  # where the same stands once more

    @property
    def source(self) -> str:
        """Where it is from, in words."""
        return ", ".join(part for part in (self.passage.document_name, self.passage.page_label) if part)

    def render(self) -> str:
        """The passage as the model reads it."""
        heading = f"{self.passage.heading}\n" if self.passage.heading else ""
        return f"[{self.n}] ({self.source})\n{heading}{self.passage.text.strip()}"


def estimate_tokens(text: str) -> int:
    """A cheap upper estimate of the model's tokens, without asking it: about 3.2 characters each, more for digits."""
    digits = sum(character.isdigit() for character in text)
    wide = sum(ord(character) > 0x2E80 for character in text)
    return int(len(text) / 3.2 + digits * 0.5 + wide * 0.7) + 1


@dataclass(slots=True)
class EvidenceBoard:
    """Everything numbered so far in one conversation."""

    items: list[Evidence] = field(default_factory=list)
    highest: int = 0  # numbers up to here were used before, even if their passages are no longer in view

    def reserve(self, highest: int) -> None:
        """Never give a number up to `highest` to another passage."""
        self.highest = max(self.highest, highest)

    def get(self, n: int) -> Evidence | None:
        """The evidence with this number, if it was given."""
        return next((item for item in self.items if item.n == n), None)

    def take(
        self,
        hits: Sequence[Hit],
        *,
        digest_of: Callable[[int], str],
        budget_tokens: int,
        limit: int,
    ) -> tuple[list[Evidence], list[Evidence]]:
        """Number the best hits that fit the budget.

        Returns:
            (new, known): evidence that the model has not read yet, in the order of its numbers, and evidence among
            the hits that it has read before.
        """
        by_passage = {item.passage.id: item for item in self.items}
        new: list[Evidence] = []
        known: list[Evidence] = []
        spent = 0
        for hit in hits[:limit]:
            if hit.passage.id in by_passage:
                known.append(by_passage[hit.passage.id])
                continue
            item = Evidence(
                n=max([self.highest, *(e.n for e in self.items + new)]) + 1,
                passage=hit.passage,
                document_digest=digest_of(hit.passage.document_id),
                score=hit.score,
                also=hit.also,
            )
            cost = estimate_tokens(item.render())
            if spent + cost > budget_tokens and (new or known):
                continue  # a shorter one further down may still fit
            spent += cost
            new.append(item)
        self.items.extend(new)
        return new, known

    def drop(self, numbers: Iterable[int]) -> None:
        """Forget quarantined evidence: it can be neither read nor cited."""
        gone = set(numbers)
        self.items = [item for item in self.items if item.n not in gone]
