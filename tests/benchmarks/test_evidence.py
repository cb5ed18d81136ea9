"""What would be read: whole passages within the budget, or the telling sentences of more of them."""

from __future__ import annotations

from agent.evidence import estimate_tokens
from benchmarks.evidence import SENTENCE_TOKENS, TOKENS, by_passages, by_sentences
from retrieval.passage import Hit, Passage

FILLER = "The harbour has been described at length by those who came there in summer, and by others in winter. "


def _hit(n: int, text: str, score: float) -> Hit:
    passage = Passage(
        id=n, document_id=n, document_name=f"{n}.txt", page=1, page_label="", start=0, end=len(text), text=text,
        heading="", digest="",
    )  # fmt: skip
    return Hit(passage=passage, score=score, dense=score, lexical=0.0)


def test_sentences_reach_an_answer_that_whole_passages_leave_no_room_for() -> None:
    long = [_hit(n, FILLER * 9 + f"The crane number {n} is red.", 1.0 - 0.05 * n) for n in range(4)]
    last = _hit(9, FILLER * 9 + "The crane of the keeper was built in 1921.", 0.7)
    question = "When was the keeper's crane built?"
    whole, telling = by_passages(question, [*long, last]), by_sentences(question, [*long, last])
    assert not any("1921" in text for text in whole) and any("1921" in text for text in telling)
    assert sum(map(estimate_tokens, whole)) <= TOKENS and sum(map(estimate_tokens, telling)) <= SENTENCE_TOKENS + 20


def test_what_was_found_far_worse_than_the_best_is_read_while_there_is_little_to_read() -> None:
    long = [_hit(1, "The lamp is old. " + FILLER * 14, 2.0), _hit(2, "The lamp is new.", 0.9)]
    assert by_passages("lamp", long) == [long[0].passage.text]
    short = [_hit(1, "The lamp is old.", 2.0), _hit(2, "The lamp is new.", 0.9), _hit(3, "The lamp is red.", -3.0)]
    assert by_passages("lamp", short) == ["The lamp is old.", "The lamp is new.", "The lamp is red."]
    assert by_passages("lamp", []) == by_sentences("lamp", []) == []
