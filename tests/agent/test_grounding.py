"""Citations are set by code, and only where a passage bears the sentence out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.evidence import Evidence, EvidenceBoard, estimate_tokens
from agent.gate import StreamGate
from agent.grounding import best_span, check_answer, coverage, sentences, strip_marks, support
from retrieval.passage import Hit, Passage

LAMP = "The lamp was lit on 4 May 1887 by Keeper Oda Brandt. It burns 1,250 litres of oil a year."
BOAT = "The supply boat Petrel calls every second Tuesday. Its skipper is Nils Aker."


def _evidence(n: int, text: str, heading: str = "") -> Evidence:
    passage = Passage(
        id=n * 10,
        document_id=n,
        document_name=f"d{n}.pdf",
        page=1,
        page_label="page 1",
        start=100,
        end=100 + len(text),
        text=text,
        heading=heading,
        digest=f"{n:064x}",
    )
    return Evidence(n=n, passage=passage, document_digest="0" * 64, score=1.0)


EVIDENCE = [_evidence(1, LAMP), _evidence(2, BOAT)]


WRAPPED = """\
The year in brief
The lens was lit again on 14 June 2024, before 230 guests. The restoration cost 63,400 euros, of which the Ostrava
Foundation paid 40,000 euros. In 2024 there were 21,067 visitors, the most since the tower
was opened.
- the first point of a list that goes on for more than sixty characters
- the second
Contact person for the whole of the restoration and its accounts: Elin"""


def test_a_sentence_goes_on_over_the_end_of_a_line_and_a_list_does_not() -> None:
    pieces = sentences(WRAPPED)
    assert "The restoration cost 63,400 euros, of which the Ostrava\nFoundation paid 40,000 euros." in pieces
    assert "In 2024 there were 21,067 visitors, the most since the tower\nwas opened." in pieces
    assert pieces[0] == "The year in brief" and "- the second" in pieces
    assert pieces[-1].startswith("Contact person")
    assert sentences("Team | Cups of all the years that were ever counted in that league\nBlues | 1")[1] == "Blues | 1"
    assert sentences("One line.\n\nand another") == ["One line.", "and another"]


def test_a_supported_sentence_gets_the_mark_of_its_passage() -> None:
    checked = check_answer("The lamp was lit on 4 May 1887. Nils Aker is the skipper of the Petrel.", EVIDENCE)
    assert checked.text == "The lamp was lit on 4 May 1887. [1] Nils Aker is the skipper of the Petrel. [2]"
    assert checked.numbers == (1, 2)


def test_a_number_that_was_not_given_cannot_appear() -> None:
    checked = check_answer("The lamp was lit on 4 May 1887 [7]. It is nice [9, 12].", EVIDENCE)
    assert "[7]" not in checked.text and "[9" not in checked.text
    assert checked.sentences[0].numbers == (1,)


def test_a_wrong_figure_is_unsupported_whatever_the_other_words_say() -> None:
    checked = check_answer("It burns 1,350 litres of oil a year. [1]", EVIDENCE)
    assert not checked.supported
    assert checked.text == "It burns 1,350 litres of oil a year."


@pytest.mark.parametrize(
    "turned",
    [
        "The lamp was not lit on 4 May 1887.",
        "The lamp burns less than 1,250 litres of oil a year.",
        "Nils Aker never calls.",
    ],
)
def test_a_sentence_that_turns_its_passage_round_is_unsupported(turned: str) -> None:
    more = _evidence(1, LAMP.replace("burns 1,250", "burns more than 1,250"))
    assert not check_answer(turned, [more, EVIDENCE[1]]).supported


def test_a_sentence_may_deny_what_its_passage_denies() -> None:
    dry = _evidence(1, "The lamp does not burn whale oil. The number of visitors decreased in winter.")
    assert check_answer(
        "The lamp doesn't burn whale oil. In winter fewer visitors came: it decreased.", [dry]
    ).supported


@pytest.mark.parametrize("figure", ["1,250", "1250", "1 250"])
def test_thousands_separators_do_not_matter(figure: str) -> None:
    assert support(f"It burns {figure} litres of oil", LAMP) >= 0.5


def test_a_misplaced_mark_moves_to_the_passage_that_says_it() -> None:
    assert check_answer("Nils Aker is the skipper [1].", EVIDENCE).numbers == (2,)


def test_repeating_the_question_is_no_support() -> None:
    question = "Who painted the tower of the lamp house in 1912?"
    assert support("Ida Holm painted the tower of the lamp house in 1912.", LAMP, question) < 0.5


def test_the_quote_is_the_sentence_that_says_it() -> None:
    start, end = best_span("It burns 1,250 litres.", LAMP)
    assert LAMP[start:end].strip() == "It burns 1,250 litres of oil a year."


def test_a_heading_counts_as_context() -> None:
    item = _evidence(3, "Flyers, PHI, 2", heading="Team, Location, Stanley Cups")
    assert check_answer("The Flyers have 2 Stanley Cups.", [item]).numbers == (3,)


@given(
    st.lists(
        st.sampled_from(["The lamp was lit in 1887.", "Nils Aker is skipper [2].", "e.g. oil", "\n", "[3] x"]),
        max_size=8,
    )
)
def test_the_stream_ends_as_the_final_check_says(pieces: list[str]) -> None:
    text = " ".join(pieces)
    gate = StreamGate(EVIDENCE, "q", lambda shown: shown)
    streamed = "".join(gate.push(character) for character in text) + gate.finish()
    assert streamed.strip() == check_answer(text, EVIDENCE, "q").text.strip()


@given(st.text(max_size=200))
def test_any_text_survives_the_check(text: str) -> None:
    checked = check_answer(text, EVIDENCE)
    assert "".join(strip_marks(checked.text).split()).startswith("".join(strip_marks(text).split())[:5])
    assert all(n in (1, 2) for n in checked.numbers)


def test_a_redaction_never_lets_the_secret_through() -> None:
    gate = StreamGate(EVIDENCE, "q", lambda text: text.replace("hunter2", "[hidden]"))
    shown = "".join(gate.push(piece) for piece in ["The pass", "word is hun", "ter2 they ", "say."]) + gate.finish()
    assert "hunter2" not in shown


def test_a_title_or_a_page_number_is_no_place_to_show() -> None:
    page = "Skarnholm\n2\nThe harbour of Skarnholm was built by the same firm."
    start, end = best_span("How many ships ran aground at Skarnholm?", page)
    assert page[start:end] == "The harbour of Skarnholm was built by the same firm."
    start, end = best_span("Who sang?", page)
    assert page[start:end].startswith("The harbour")
    start, end = best_span("It is Skarnholm.", "Skarnholm\nAnother line of some words that say nothing.", "Skarnholm")
    assert (start, end) == (0, len("Skarnholm"))


def test_sentences_are_not_cut_at_abbreviations_or_decimals() -> None:
    assert sentences("Dr. J. May paid 3.5 crowns. It was No. 7. Fine!") == [
        "Dr. J. May paid 3.5 crowns.",
        "It was No. 7.",
        "Fine!",
    ]


def test_a_passage_keeps_its_number_for_the_whole_conversation() -> None:
    board = EvidenceBoard()
    hits = [Hit(passage=item.passage, score=1.0, dense=0.5, lexical=1.0) for item in EVIDENCE]
    first, known = board.take(hits[:1], digest_of=lambda _id: "x", budget_tokens=500, limit=5)
    assert [item.n for item in first] == [1] and not known
    second, known = board.take(hits, digest_of=lambda _id: "x", budget_tokens=500, limit=5)
    assert [item.n for item in second] == [2] and [item.n for item in known] == [1]


def test_the_budget_is_kept_but_the_best_passage_always_comes() -> None:
    board = EvidenceBoard()
    long = _evidence(1, "word " * 400)
    hits = [Hit(passage=item.passage, score=1.0, dense=0.5, lexical=1.0) for item in [long, *EVIDENCE[1:]]]
    new, _known = board.take(hits, digest_of=lambda _id: "x", budget_tokens=50, limit=5)
    assert [item.passage.text[:4] for item in new] == ["word"]
    assert estimate_tokens("a" * 32) >= 10


def test_coverage_tells_a_passage_about_something_else() -> None:
    assert coverage("How much oil does the lamp burn?", [LAMP, BOAT]) > 0.9
    assert coverage("Which restaurant does the mayor prefer?", [LAMP, BOAT]) == 0.0
    assert coverage("???", [LAMP]) == 1.0
