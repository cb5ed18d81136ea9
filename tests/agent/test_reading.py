"""What is read from the passages: words, doubt, figures bound to what they count."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from typing import Any

import pytest

from agent.cells import cell_for
from agent.doubt import Signs, doubt, weighed
from agent.evidence import Evidence
from agent.figures import figure_for, with_figure
from agent.reading import Reading, as_it_stands, asks_for_words, in_another_row, only_repeats, place_of, read
from retrieval.passage import Passage

MEMO = """\
To whom it may concern:
There were 20,000 bottles of water, 10,000 blankets, and 200 laptops delivered on January 23,
2023. A total of 3 trucks were used for 15 hours."""
CUPS = """\
Team | Location | Stanley Cups
Team: Blues | Location: STL | Stanley Cups: 1
Team: Leafs | Location: TOR | Stanley Cups: {}"""


def evidence(*texts: str, heading: str = "") -> list[Evidence]:
    return [
        Evidence(
            n=n,
            document_digest="d",
            passage=Passage(
                id=n,
                document_id=n,
                document_name=f"{n}.txt",
                page=1,
                page_label="",
                start=0,
                end=len(text),
                text=text,
                heading=heading if n == 1 else "",
                digest=hashlib.sha256(text.encode()).hexdigest(),
            ),
        )
        for n, text in enumerate(texts, start=1)
    ]


def metadata(*tokens: tuple[str, dict[str, float]]) -> dict[str, Any]:
    content = [
        {
            "token": token,
            "logprob": top.get(token, 0.0),
            "top_logprobs": [{"token": text, "logprob": value} for text, value in top.items()],
        }
        for token, top in tokens
    ]
    return {"logprobs": {"content": content}}


def test_the_probability_of_none_is_that_of_its_first_token() -> None:
    head: list[tuple[str, dict[str, float]]] = [('{"', {}), ("answer", {}), ('":', {}), (' "', {})]
    said = read('{"answer": "15 hours"}', metadata(*head, ("15", {"15": -0.1054, "none": -2.3026, "No": -20.0})))
    assert said.words == "15 hours" and said.none == pytest.approx(0.1, abs=1e-3)
    assert read('{"answer": "None."}', metadata(*head, ("None", {"None": 0.0}))) == Reading(
        words="", none=1.0, sure=0.0
    )


def test_how_sure_the_words_are_is_that_of_the_least_likely_of_their_tokens() -> None:
    head: list[tuple[str, dict[str, float]]] = [('{"', {}), ("answer", {}), ('":', {}), (' "', {})]
    likely = [("15", {"15": math.log(0.9)}), (" \\", {}), ('"hours', {'"hours': math.log(0.4)}), ('"}', {'"}': -9.0})]
    assert read('{"answer": "15 \\"hours"}', metadata(*head, *likely)).sure == pytest.approx(0.4)
    assert read('{"answer": "15"}', metadata(*head, likely[0], likely[3])).sure == pytest.approx(0.9)
    assert 0.5 < read('{"answer": "15"}', {}).sure < 0.9  # an engine that gives no probabilities


def test_a_word_that_begins_like_none_is_not_none() -> None:
    head: list[tuple[str, dict[str, float]]] = [('{"', {}), ("answer", {}), ('":', {}), (' "', {})]
    first = ("N", {"N": -0.1054, "none": -2.3026})
    assert read('{"answer": "Netherlands"}', metadata(*head, first)).none == pytest.approx(0.1, abs=1e-3)
    assert read('{"answer": "None"}', metadata(*head, first)).none == pytest.approx(1.0, abs=1e-3)


def test_without_probabilities_what_was_written_decides() -> None:
    sure, unsure = read('{"answer": "15"}', {}), read('{"answer": "none"}', {})
    assert sure.none < 0.5 < unsure.none
    assert read('{"answer": "cut o', {}).words == "cut o"
    assert read("nonsense", {}).words == ""


def test_doubt_grows_with_none_with_names_that_are_nowhere_and_with_words_that_are_nowhere() -> None:
    given = evidence(MEMO)
    plain = doubt(Reading(words="3 trucks", none=0.1), "How many trucks were used?", given)
    assert plain < doubt(Reading(words="3 trucks", none=0.8), "How many trucks were used?", given)
    assert plain < doubt(Reading(words="nine trucks", none=0.1), "How many trucks were used?", given)
    assert plain < doubt(Reading(words="3 trucks", none=0.1), "How many trucks were used in Skarnholm?", given)
    assert plain < doubt(Reading(words="3 trucks", none=0.1, sure=0.5), "How many trucks were used?", given)


def test_what_other_documents_say_too_is_doubted_less_the_same_document_twice_is_not() -> None:
    given = evidence(MEMO, "They used 3 trucks.", "It was done with 3 trucks.")

    def doubted(documents: str) -> float:
        papers = [replace(item, document_digest=one) for item, one in zip(given, documents, strict=False)]
        return doubt(Reading(words="3 trucks", none=0.1), "How many trucks were used?", papers)

    assert doubted("a") == doubted("aaa") > doubted("ab") > doubted("abc")


@pytest.mark.parametrize("sign", Signs.__dataclass_fields__)
def test_every_sign_raises_the_doubt(sign: str) -> None:
    nothing = Signs(**dict.fromkeys(Signs.__dataclass_fields__, 0.0))
    assert weighed(replace(nothing, **{sign: 1.0})) > weighed(nothing)


def test_an_echo_is_made_of_words_that_the_question_says_and_of_at_least_one() -> None:
    asked = "What is written on the strip of tape?"
    assert only_repeats("a strip of tape", asked)
    assert not only_repeats("symbols on the tape", asked) and not only_repeats("", asked)


def test_a_list_is_taken_as_the_passage_has_it() -> None:
    given = evidence("Otters, beavers and  hundreds of kinds of birds live there. Foxes do not.")
    assert as_it_stands("otters, beavers, hundreds of kinds of birds", given) == (
        "Otters, beavers and  hundreds of kinds of birds"
    )
    assert as_it_stands("beavers, otters, foxes", given) not in given[0].passage.text  # another order is no list of it
    assert as_it_stands("birds live there, foxes", given) == "birds live there"  # nor does one go on over a full stop


def test_words_stand_where_the_question_is_talked_about() -> None:
    given = evidence("The lamp was changed after 15 years.", "The trucks were used for 15 hours.")
    found = place_of("15", "For how long were the trucks used?", given)
    assert found is not None and found.n == 2
    assert place_of("16", "For how long were the trucks used?", given) is None
    assert place_of("the Trucks  were", "x", given) is not None


@pytest.mark.parametrize("question", ["Who is the keeper?", "How many lamps?", "And in 2024?", "Wie viele Lampen?"])
def test_some_questions_want_words(question: str) -> None:
    assert asks_for_words(question)


@pytest.mark.parametrize(
    "question", ["Why did it stop?", "How does the lamp work?", "Please summarise the report", "Wie funktioniert das?"]
)
def test_others_want_an_explanation(question: str) -> None:
    assert not asks_for_words(question)


def test_a_figure_belongs_to_what_it_counts() -> None:
    given = evidence(MEMO)
    blankets = figure_for("How many blankets were delivered on January 23, 2023?", given)
    assert blankets is not None and blankets.text == "10,000"
    laptops = figure_for("How many laptops were delivered?", given)
    assert laptops is not None and laptops.text == "200"
    assert figure_for("How many chairs were delivered?", given) is None
    assert figure_for("Who delivered the blankets?", given) is None


def test_the_table_whose_heading_fits_the_question_gives_the_figure() -> None:
    given = evidence(CUPS.format(0), CUPS.format(13), heading="Stanley Cups Since 67")
    since = figure_for("How many Stanley Cups have the Leafs won since 67?", given)
    assert since is not None and since.text == "0" and since.evidence.n == 1
    assert figure_for("How many Stanley Cups do the Leafs have?", given) is None  # 0 or 13: both fit
    assert figure_for("How many Stanley Cups do the Canadiens have?", given) is None


def test_a_figure_of_another_row_is_no_answer() -> None:
    given = evidence(CUPS.format(13))
    assert in_another_row("1", "How many Stanley Cups do the Canadiens have?", given)
    assert not in_another_row("13", "How many Stanley Cups do the Leafs have?", given)
    assert not in_another_row("15", "How long were the trucks of Lund used?", evidence(MEMO))  # no table


def test_a_row_of_a_layout_is_no_row_about_somebody() -> None:
    form = "Galaxy Lamps, Inc.\nNevada | 20-8143\n(State of incorporation) | (IRS Employer Identification No.)"
    assert not in_another_row("20-8143", "What is the IRS number of Galaxy Lamps?", evidence(form))


def test_a_figure_replaces_a_wrong_one_only() -> None:
    figure = figure_for("How many blankets were delivered?", evidence(MEMO))
    assert with_figure(Reading(words="20,000", none=0.3), figure).words == "10,000"
    right = Reading(words="10000 blankets", none=0.3)
    surer = with_figure(right, figure)
    assert surer.words == right.words and surer.none < right.none
    assert with_figure(right, None) == right


ROTA = """\
The week at the light.

Header row | Mon | Wed | Fri
Colour | Blue | Red | Green
Keeper | Sarah | Mark | Ryan"""


def test_a_cell_is_found_where_its_row_and_its_column_are_named() -> None:
    given = evidence("keeper: Joe", ROTA)
    found = cell_for("Who is the keeper on Wednesday?", given)
    assert found is not None and (found.text, found.evidence.n) == ("Mark", 2)
    assert with_figure(Reading(words="Joe", none=0.4), found).words == "Mark"
    blue = cell_for("What colour is it on Mon at the light?", given)
    assert blue is not None and blue.text == "Blue"


@pytest.mark.parametrize(
    "question",
    [
        "Who is the keeper on Thursday?",  # no such column
        "Who is the keeper?",  # any column
        "Who is the assistant keeper on Wednesday?",  # a word that stands nowhere
        "Who is the keeper on Monday or Friday?",  # two cells
    ],
)
def test_no_cell_is_found_where_the_question_names_none_or_several(question: str) -> None:
    assert cell_for(question, evidence(ROTA)) is None


def test_rows_that_say_themselves_what_they_are_have_no_columns_to_meet() -> None:
    assert cell_for("How many Stanley Cups have the Leafs won?", evidence(CUPS.format(0))) is None


def test_words_that_were_put_together_are_cut_to_what_stands_in_one_passage() -> None:
    given = evidence("Norwegian keeper Oda Brand lit it.", "Won by Norway's Oda Brandt (Halden Rowing Club) in 2021.")
    assert as_it_stands("Norwegian keeper Oda Brandt (Halden Rowing Club)", given) == "Oda Brandt (Halden Rowing Club)"
    assert as_it_stands("Oda Brandt", given) == "Oda Brandt"
    assert as_it_stands("Nils Moe of Halden", given) == "Nils Moe of Halden"  # one word of four is no answer
    assert as_it_stands("", given) == ""


def test_a_figure_of_another_year_is_not_taken_for_the_year_in_a_files_name() -> None:
    [report] = evidence("18,432 people visited the light in 2023. In 2024 there were 21,067.")
    report = replace(report, passage=replace(report.passage, document_name="annual-report-2024.pdf"))
    assert figure_for("How many people visited the light in 2024?", [report]) is None
    figure = figure_for("How many people visited the light in 2023?", [report])
    assert figure is not None and figure.text == "18,432"
    question = "How many people visited the light in 2024?"
    wrong, right = Reading(words="18,432", none=0.1), Reading(words="21,067", none=0.1)
    assert doubt(wrong, question, [report]) > doubt(right, question, [report])
