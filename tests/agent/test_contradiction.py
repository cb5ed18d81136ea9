"""Two documents that contradict each other are both shown."""

from __future__ import annotations

import json

import pytest

from agent.contradiction import other_accounts
from agent.evidence import Evidence
from tests.agent import doubles, test_assistant
from tests.agent.doubles import MemoryLibrary, plan

RULES = "Visitors are welcome all year. The museum closes at 18:00 on Sundays."


def given(*texts: str) -> list[Evidence]:
    library = MemoryLibrary({f"{n}.txt": [text] for n, text in enumerate(texts, start=1)})
    return [Evidence(n=one.id, passage=one, document_digest="") for one in library.passages]


@pytest.mark.parametrize(
    ("other", "contradicts"),
    [
        ("The museum closes at 20:00 on Sundays.", True),
        ("On Sundays the museum closes at 20:00.", True),
        ("The museum closes at 18:00 on Sundays.", False),
        ("The museum closes at 20:00 on Mondays.", False),
        ("The library closes at 20:00 on Sundays.", False),
        ("In 2019 the museum closes at 20:00 on Sundays.", False),
        ("The museum is closed on Sundays.", False),
    ],
)
def test_only_the_same_with_another_figure_is_a_contradiction(other: str, contradicts: bool) -> None:
    found = other_accounts("The museum closes at 18:00 on Sundays. [1]", given(RULES, other))
    assert [one.evidence.n for one in found] == ([2] if contradicts else [])


def test_another_year_or_part_is_another_thing() -> None:
    reports = given("In 2023 turbine T7 stood still for 41 days.", "In 2024 turbine T7 stood still for 12 days.")
    assert other_accounts("In 2023 turbine T7 stood still for 41 days. [1]", reports) == []
    parts = given("Turbine T7 stood still for 41 days.", "Turbine T8 stood still for 12 days.")
    assert other_accounts("Turbine T7 stood still for 41 days. [1]", parts) == []


def test_the_answer_shows_both_with_their_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"rules.txt": [RULES], "flyer.txt": ["The museum closes at 20:00 on Sundays."]}
    monkeypatch.setattr(doubles, "TEXTS", texts)
    said = "The museum closes at 18:00 on Sundays."
    house = test_assistant._house([plan("search_documents", "museum"), json.dumps({"answer": "18:00"}), said])
    answer = house.ask("When does the museum close on Sundays?")
    assert answer.text.startswith("The museum closes at 18:00 on Sundays. [1]")
    assert "“The museum closes at 20:00 on Sundays.” [2]" in answer.text
    assert [one.document for one in answer.citations] == ["rules.txt", "flyer.txt"]
