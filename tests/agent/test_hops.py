"""Questions in two steps: told by their form, followed by code, and answered from the passages of both steps."""

from __future__ import annotations

import json
import threading

import pytest

from agent.comparison import alternatives, copied, laid_side_by_side
from agent.doubt import DOUBT_THRESHOLD, doubt, look
from agent.grounding import best_span, check_answer
from agent.hops import chain, described, further
from agent.names import names_in
from agent.reading import Reading
from agent.updates import Answer, Step, Update
from tests.agent.doubles import ListLedger, MemoryLibrary, ScriptedModel, assistant_of, plan
from tests.agent.test_reading import evidence

FILM = "Grey Tide is a film of 1948 about a lighthouse. It was produced by Oda Brandt for Nordlys Pictures."
WOMAN = "Oda Brandt was a Norwegian producer. She was born in 1911 and kept bees."
OTHER = "Grey Heron was produced in Bergen. Its director was born in 1920."
TEXTS = {"film.txt": [FILM], "other.txt": [OTHER], "bees.txt": [WOMAN]}
QUESTION = "The film Grey Tide was produced by a woman born in what year?"


@pytest.mark.parametrize(
    "question",
    [
        QUESTION,
        "Which town is the home of the painter who drew the Sund map?",
        "In what year was the man that led the Halden Bank born?",
        "When did the country where Vardholm lies join the league?",
        "Which region is Oda Brandt's city of birth in?",
        "Who is the sister of the director of Grey Tide?",
    ],
)
def test_a_thing_that_is_described_and_not_named_asks_for_two_steps(question: str) -> None:
    assert described(question)


@pytest.mark.parametrize(
    "question",
    [
        "Who produced Grey Tide?",
        "When was Oda Brandt born?",
        "What is the capital of Norway?",
        "How tall is the lamp that burns oil?",  # no name from which a first step could begin
        "What is the total of invoice 1042?",
    ],
)
def test_a_plain_question_asks_for_one(question: str) -> None:
    assert not described(question)
    assert further(question, evidence(FILM)) == {}


def test_names_are_told_from_words_that_begin_a_sentence_and_from_dates() -> None:
    text = 'Yesterday the trust bought "Grey Tide" from Nordlys Pictures in May 1950. Its owner E. B. Moe died.'
    assert names_in(text) == ["Grey Tide", "Nordlys Pictures", "E. B. Moe"]


def test_a_name_leads_on_in_whatever_form_it_is_written() -> None:
    film = FILM.replace("Oda Brandt", "the Governor Oda Brandt's firm, known as")
    one, woman = evidence(film, WOMAN.replace("a Norwegian producer", "governor of Halden"))
    assert chain(QUESTION, woman, [one, woman]) == [one]


def test_what_the_first_passage_names_is_looked_for_with_the_words_that_are_still_open() -> None:
    leads = further(QUESTION, evidence(FILM))
    assert leads["Oda Brandt"] == "Oda Brandt woman born year"
    assert "Grey Tide" not in leads


def test_of_things_laid_side_by_side_each_is_looked_for() -> None:
    assert further("Which film is older, Grey Tide or Grey Heron?", evidence(FILM)) == {
        "Grey Tide": "Grey Tide",
        "Grey Heron": "Grey Heron",
    }


@pytest.mark.parametrize(
    ("question", "things", "choices"),
    [
        ("Which film is older, Grey Tide or Grey Heron?", ("Grey Tide", "Grey Heron"), ("Grey Tide", "Grey Heron")),
        ("Are Oda Brandt and Nils Moe both keepers?", ("Oda Brandt", "Nils Moe"), ("yes", "no")),
        ("What do Oda Brandt and Nils Moe have in common?", ("Oda Brandt", "Nils Moe"), ()),
        ("Who lit the lamp of Vardholm?", (), ()),
        ("Is the lamp lit?", (), ()),
    ],
)
def test_a_comparison_has_its_things_and_the_answers_it_can_have(
    question: str, things: tuple[str, ...], choices: tuple[str, ...]
) -> None:
    assert laid_side_by_side(question) == things
    assert alternatives(question) == choices


def test_a_yes_stands_in_no_passage_and_is_not_looked_for_in_one() -> None:
    assert copied("yes") == ""
    assert copied("Grey Tide") == "Grey Tide"


def test_names_that_stand_where_the_chain_begins_raise_no_doubt() -> None:
    film, woman = evidence(FILM, WOMAN)
    assert chain(QUESTION, woman, [film, woman]) == [film]
    found = Reading(words="1911", none=0.1)
    assert look(found, QUESTION, [film, woman])[0].strangers == 0
    assert doubt(found, QUESTION, [film, woman]) < DOUBT_THRESHOLD
    assert doubt(found, QUESTION, [woman]) > doubt(found, QUESTION, [film, woman])


def test_a_passage_that_nothing_leads_to_is_still_a_strangers() -> None:
    film, other = evidence(FILM.replace("Oda Brandt", "Nils Moe"), WOMAN)
    assert chain(QUESTION, other, [film, other]) == []
    assert look(Reading(words="1911", none=0.3), QUESTION, [film, other])[0].strangers == 1


class House:
    """An assistant over these texts, whose model says what it is told."""

    def __init__(self, *script: str) -> None:
        self.model, self.ledger = ScriptedModel(script=list(script)), ListLedger()
        self.updates: list[Update] = []
        self.assistant = assistant_of(self.model, self.ledger, library=MemoryLibrary(TEXTS))

    def ask(self, question: str) -> Answer:
        return self.assistant.run(
            question, run="r-1", conversation="c", stop=threading.Event(), emit=self.updates.append
        )

    def contents(self, kind: str) -> list[dict[str, str]]:
        return [contents for known, _run, _body, contents in self.ledger.events if known == kind]


def test_the_second_step_is_taken_shown_recorded_and_cited() -> None:
    house = House(
        plan("search_documents", QUESTION), '{"answer": "1911"}', "The producer of Grey Tide was born in 1911."
    )
    answer = house.ask(QUESTION)
    assert not answer.refused
    quotes = {citation.document: citation.quote for citation in answer.citations}
    assert quotes["bees.txt"] == "She was born in 1911 and kept bees."
    [step] = [one for one in house.updates if isinstance(one, Step) and one.name == "further" and one.status == "done"]
    assert "Oda Brandt" in step.detail
    [given] = house.contents("retrieval")
    assert WOMAN in given.values()
    _first, then = house.contents("plan")
    assert "Oda Brandt woman born year" in json.loads(then["arguments"])["queries"]


def test_a_plain_question_takes_one_step() -> None:
    house = House(plan("search_documents", "Grey Tide"), '{"answer": "Oda Brandt"}', "Oda Brandt produced Grey Tide.")
    house.ask("Who produced Grey Tide?")
    assert len(house.contents("plan")) == 1


def test_a_comparison_is_decided_between_its_things() -> None:
    chosen = '{"facts": "Grey Tide is a film of 1948", "answer": "Grey Tide"}'
    question = "Which film is older, Grey Tide or Grey Heron?"
    house = House(plan("search_documents", question), chosen, "Grey Tide is the older film.")
    answer = house.ask(question)
    schema = house.model.bound[1]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["answer"]["enum"] == ["Grey Tide", "Grey Heron", "none"]
    assert answer.words == "Grey Tide"


def test_a_sentence_cites_where_its_words_stand_beside_what_bears_out_the_rest() -> None:
    film, woman = evidence(FILM, WOMAN.replace("in 1911", "in Halden"))
    text = "The film Grey Tide was produced by a woman born in Halden."
    assert check_answer(text, [film, woman], QUESTION).numbers == (1,)
    assert check_answer(text, [film, woman], QUESTION, words="Halden").numbers == (1, 2)
    start, end = best_span(text, woman.passage.text, "Halden")
    assert woman.passage.text[start:end] == "She was born in Halden and kept bees."


def test_the_quote_is_where_the_words_stand_and_not_where_most_others_do() -> None:
    passage = "A woman produced the film Grey Tide. She came from Halden."
    sentence = "The film Grey Tide was produced by a woman from Halden."
    plain, held = best_span(sentence, passage), best_span(sentence, passage, "Halden")
    assert "produced" in passage[slice(*plain)]
    assert passage[slice(*held)] == "She came from Halden."
