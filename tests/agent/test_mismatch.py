"""Questions that were turned round, or are about somebody else, are told from those that a passage answers."""

from __future__ import annotations

import pytest

from agent.doubt import DOUBT_THRESHOLD, doubt, look, why
from agent.mismatch import mismatch, missing_names
from agent.reading import Reading
from tests.agent.test_reading import evidence

KEEPERS = (
    "The lamp was lit in 1911 by Oda Brandt. The number of visitors increased after the war. "
    "It does not burn whale oil. Many years later, and far from the coast, a second lamp was built on Vardholm by the "
    "sons of Lund, who had learnt the trade in Bergen and kept a shop there until the harbour silted up for good. "
    "The European Union paid for the road."
)


def _seen(question: str, words: str) -> tuple[bool, bool, set[str]]:
    found = mismatch(question, words, evidence(KEEPERS)[0])
    return found.negated, found.opposite, set(found.strangers)


def test_a_question_that_its_place_answers_shows_no_sign() -> None:
    assert _seen("Who lit the lamp in 1911?", "Oda Brandt") == (False, False, set())
    assert _seen("What does the lamp not burn?", "whale oil") == (False, False, set())


def test_a_denied_question_is_not_answered_by_a_statement() -> None:
    negated, _opposite, _strangers = _seen("Who did not light the lamp?", "Oda Brandt")
    assert negated


@pytest.mark.parametrize("turned", ["Why did the number of visitors decrease?", "What fell before the war?"])
def test_the_opposite_of_a_word_is_seen(turned: str) -> None:
    _negated, opposite, _strangers = _seen(turned, "number of visitors")
    assert opposite


def test_names_and_years_count_where_the_words_stand() -> None:
    assert _seen("Who lit the lamp on Vardholm in 1934?", "Oda Brandt")[2] == {"vardholm", "1934"}
    assert _seen("Who built the lamp on Vardholm?", "sons of Lund")[2] == set()


def test_a_name_may_be_misspelt_or_shortened() -> None:
    assert _seen("Who built the lamp on Vardhollm?", "sons of Lund")[2] == set()
    assert _seen("Did the EU pay for the road?", "The European Union paid for the road")[2] == set()


def test_a_row_is_read_with_its_whole_table() -> None:
    [table] = evidence("Keeper | Lamp | Since\nBrandt | Vardholm | 1911\nLund | Bergen | 1950\nMoe | Oslo | 1960")
    assert mismatch("Since when does Moe keep the lamp in Oslo?", "1960", table).strangers == frozenset()


def test_what_is_asked_of_the_same_thing_stands_in_the_sentence_of_the_words() -> None:
    [place] = evidence(KEEPERS, heading="The Vardholm lamp")
    near = mismatch("In what year was the lamp lit?", "1911", place).apart
    far = mismatch("In what year was the harbour sold to the bishops?", "1911", place).apart
    assert near < 0.5 < far
    assert mismatch("Where did Vardholm learn the trade?", "Bergen", place).apart == 0.0  # another form; the heading
    [table] = evidence("Keeper | Lamp | Since\nBrandt | Vardholm | 1911\nMoe | Oslo | 1960")
    assert mismatch("Since when does the keeper Moe keep the lamp in Oslo?", "1960", table).apart == 0.0


def test_a_line_of_a_form_is_read_with_what_stands_about_it() -> None:
    [form] = evidence("The harbour board visits the keepers.\n\nOn: 4 May 1911\n\nPresent: all")
    assert mismatch("When does the harbour board visit?", "4 May 1911", form).apart == 0.0


def test_who_is_spoken_of_may_be_named_in_the_sentence_before() -> None:
    [place] = evidence("Oda Brandt kept the lamp. Her mother bore her in Bergen as the seventh child of a poor baker.")
    assert mismatch("In which town was Brandt born as a child?", "Bergen", place).apart < 0.5
    named = mismatch("Which baker was the mother of Brandt poor with?", "Bergen", place).apart
    stranger = mismatch("Which baker was the mother of Torvald poor with?", "Bergen", place).apart
    assert named < stranger


def test_each_sign_raises_the_doubt() -> None:
    given = evidence(KEEPERS)
    plain = doubt(Reading(words="Oda Brandt", none=0.3), "Who lit the lamp?", given)
    for turned in ("Who did not light the lamp?", "Who lit the lamp on Vardholm?", "Who sold the harbour?"):
        assert doubt(Reading(words="Oda Brandt", none=0.3), turned, given) > plain
    assert plain < DOUBT_THRESHOLD < doubt(Reading(words="Oda Brandt", none=0.3), "Who didn't light the lamp?", given)


def test_an_answer_that_is_retold_is_not_from_nowhere() -> None:
    given = evidence(KEEPERS)
    retold = Reading(words="The lamp was first lit in 1911 by Oda Brandt", none=0.3)
    invented = Reading(words="The lamp was bought in 1911 by seven bishops", none=0.3)
    assert doubt(retold, "What happened in 1911?", given) < DOUBT_THRESHOLD
    assert doubt(invented, "What happened in 1911?", given) > DOUBT_THRESHOLD


def test_a_name_that_stands_nowhere_is_missing() -> None:
    assert missing_names(
        "How many Stanley Cups do the Canadiens have?", ["Stanley Cups of the Blues"]
    ) == pytest.approx(1 / 3)
    assert missing_names("Where is it?", ["somewhere"]) == 0.0
    assert missing_names("What was it in 2019?", ["in 2018"]) == 1.0


def test_a_longer_name_of_which_most_stands_there_is_no_stranger() -> None:
    [place] = evidence("The 77th Golden Lamps will be given away on January 5, 2020.")
    assert mismatch("When are the Golden Lamp Awards given away?", "January 5, 2020", place).strangers == frozenset()
    assert mismatch("When is the Silver Oil Lamp given away?", "January 5, 2020", place).strangers == {"silver", "oil"}
    assert mismatch("When are the Golden Lamp Awards 2021?", "January 5, 2020", place).strangers == {"2021"}


def test_a_denial_in_a_title_is_none() -> None:
    [place] = evidence("Lund sold 150 copies of it.")
    assert not mismatch('Who sold "A Lamp Without Oil"?', "Lund", place).negated
    assert not mismatch("Who sold A Lamp Without Oil?", "Lund", place).negated
    assert not mismatch('Who sold "a lamp without oil"?', "Lund", place).negated
    assert mismatch("Who sold it without a licence?", "Lund", place).negated


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("Who lit the lamp on Torsvik in 1911?", "does not speak of “Torsvik”."),
        ("Who did not light the lamp?", "denies something"),
        ("By how much did the number of visitors decrease?", "the opposite"),
        ("What does the lamp cost a night?", "No passage that was found speaks of “cost” or “night”."),
        ("Who lit the lamp?", "do not hold the answer"),
        ("Which zebras dance waltzes under purple parasols?", "do not hold the answer"),  # too many to name
    ],
)
def test_a_person_is_told_what_kept_the_answer_back(question: str, told: str) -> None:
    words = "visitors" if "visitors" in question else "Oda Brandt"
    given = evidence(KEEPERS)
    assert told in why(question, look(Reading(words=words, none=0.3), question, given)[1], given)
