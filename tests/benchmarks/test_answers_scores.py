"""The scores of the measurement of answers, on examples that can be checked by hand."""

from __future__ import annotations

import pytest

from benchmarks.answers_assistant import Asked
from benchmarks.answers_citations import citations
from benchmarks.answers_scores import Judged, best, contains_all, fitted_threshold, told_apart, tradeoff
from benchmarks.answers_set import Question


def _question(gold: set[str], answers: tuple[tuple[str, ...], ...] = (("1920",),)) -> Question:
    return Question(id="q", unit="u", text="When?", answers=answers, gold=frozenset(gold))


def _cited(*sources: str, verbatim: bool = True, given: bool = True) -> dict[str, object]:
    return {"sources": list(sources), "verbatim": verbatim, "given": given}


@pytest.mark.parametrize(
    ("predicted", "golds", "wanted"),
    [
        ("The Red Army!", ["red army"], (1.0, 1.0)),
        ("in the year 1920", ["1921", "1920"], (0.0, 0.5)),
        ("", ["red army"], (0.0, 0.0)),
        ("the", ["a"], (1.0, 1.0)),  # nothing is left of either, as in the official script
        ("red red army", ["red army army"], (0.0, 2 / 3)),  # a word counts as often as both have it
    ],
)
def test_exact_match_and_f1_are_those_of_squad(predicted: str, golds: list[str], wanted: tuple[float, float]) -> None:
    assert best(predicted, golds) == pytest.approx(wanted)


def test_all_of_several_answers_must_stand_there_in_one_wording_each() -> None:
    answers = (("April 29, 2015", "29 April 2015"), ("Facebook",))
    assert contains_all("facebook said so on 29 april 2015", answers)
    assert not contains_all("on April 29, 2015", answers)
    assert not contains_all("whatever", ())


def test_a_threshold_refuses_what_is_doubted_as_much() -> None:
    rows = [
        Judged(unanswerable=False, doubt=0.2, refused=False, exact=1.0, f1=1.0),
        Judged(unanswerable=False, doubt=0.7, refused=True, exact=1.0, f1=1.0),  # its words were right
        Judged(unanswerable=True, doubt=0.6, refused=True, exact=0.0, f1=0.0),
        Judged(unanswerable=True, doubt=None, refused=True, exact=0.0, f1=0.0),  # nothing was found
    ]
    curve = {point["threshold"]: point for point in tradeoff(rows)}
    assert curve[0.75] == {
        "threshold": 0.75, "right_refusals": 0.5, "false_refusals": 0.0, "exact": 1.0, "f1": 1.0
    }  # fmt: skip
    assert curve[0.6] == {"threshold": 0.6, "right_refusals": 1.0, "false_refusals": 0.5, "exact": 0.5, "f1": 0.5}


def test_the_lowest_threshold_within_the_bar_is_chosen() -> None:
    answerable = [
        Judged(unanswerable=False, doubt=doubt, refused=False, exact=1.0, f1=1.0) for doubt in (0.1, 0.2, 0.3, 0.52)
    ]
    unanswerable = [Judged(unanswerable=True, doubt=0.5, refused=False, exact=0.0, f1=0.0)]
    assert fitted_threshold([*answerable, *unanswerable], most_false=0.25) == 0.35
    assert fitted_threshold([*answerable, *unanswerable], most_false=0.0) == 0.55
    assert fitted_threshold(answerable) is None


def test_citations_are_counted_against_the_gold_sources() -> None:
    asked = [
        (_question({"a", "b"}), Asked(text="x [1] [2]", words="", refused=False, citations=(_cited("a"), _cited("c")))),
        (_question({"a"}), Asked(text="x [1]", words="", refused=False, citations=(_cited("z", "a"),))),
        (_question({"a"}), Asked(text="no", words="", refused=True)),
        (_question(set(), ()), Asked(text="x [1]", words="", refused=False, citations=(_cited("a"),))),
    ]
    found = citations(asked)
    assert (found["answers"], found["citations"], found["links_not_given"]) == (3, 4, 0)
    assert found["precision"] == pytest.approx(2 / 3, abs=1e-4)  # the question without an answer has no right source
    assert found["recall"] == pytest.approx(0.75) and found["gold_cited"] == 1.0
    assert found["verbatim"] == 1.0


def test_a_quote_elsewhere_a_mark_without_a_source_and_a_source_not_given_are_found() -> None:
    row = Asked(text="x [1] [9]", words="", refused=False, strangers=1, citations=(_cited("a", verbatim=False),))
    other = Asked(text="x [1]", words="", refused=False, citations=(_cited("a", given=False),))
    found = citations([(_question({"a"}), row), (_question({"a"}), other)])
    assert found["verbatim"] == 0.5 and found["links_not_given"] == 2


def test_what_is_scored_are_the_words_else_the_sentence_without_marks() -> None:
    assert Asked(text="It was 1920. [1]", words="1920", refused=False).said == "1920"
    assert Asked(text="It was 1920. [1]", words="", refused=False).said == "It was 1920."
    assert Asked(text="Your documents do not say this.", words="1920", refused=True).said == ""


def test_signs_that_tell_the_kinds_apart_are_told_from_those_that_do_not() -> None:
    def row(unanswerable: bool, doubt: float | None) -> tuple[bool, dict[str, float]]:
        asked = Asked(text="", words="", refused=unanswerable, doubt=doubt, signs={"alone": 1.0})
        return unanswerable, asked.weighed

    rows = [row(True, 0.9), row(True, 0.6), row(False, 0.1), row(False, 0.7), row(True, None)]
    assert told_apart(rows) == {"doubt": 0.75, "alone": 0.5}
    assert told_apart(rows[2:]) == {}  # of one kind there is nothing to tell it from
