"""What would be read: whole passages within the budget."""

from __future__ import annotations

from agent.evidence import estimate_tokens
from benchmarks.evidence import TOKENS, by_passages
from retrieval.passage import Hit, Passage

FILLER = "The harbour has been described at length by those who came there in summer, and by others in winter. "


def _hit(n: int, text: str, score: float) -> Hit:
    passage = Passage(
        id=n, document_id=n, document_name=f"{n}.txt", page=1, page_label="", start=0, end=len(text), text=text,
        heading="", digest="",
    )  # fmt: skip
    return Hit(passage=passage, score=score, dense=score, lexical=0.0)


def test_whole_passages_are_read_while_the_tokens_last() -> None:
    long = [_hit(n, FILLER * 9 + f"The crane number {n} is red.", 1.0 - 0.05 * n) for n in range(4)]
    read = by_passages(long)
    assert read == [hit.passage.text for hit in long[: len(read)]] and 0 < len(read) < len(long)
    assert sum(map(estimate_tokens, read)) <= TOKENS
    assert by_passages([_hit(1, FILLER * 90, 1.0)]) == [FILLER * 90]  # the best one, however long


def test_what_was_found_far_worse_than_the_best_is_read_while_there_is_little_to_read() -> None:
    long = [_hit(1, "The lamp is old. " + FILLER * 14, 2.0), _hit(2, "The lamp is new.", 0.9)]
    assert by_passages(long) == [long[0].passage.text]
    short = [_hit(1, "The lamp is old.", 2.0), _hit(2, "The lamp is new.", 0.9), _hit(3, "The lamp is red.", -3.0)]
    assert by_passages(short) == ["The lamp is old.", "The lamp is new.", "The lamp is red."]
    assert by_passages([]) == []
