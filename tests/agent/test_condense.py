"""Whole documents: which one is meant, what is read of a long one, and that only what its text bears out is said."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.condense.naming import named_documents
from agent.condense.windows import chosen, windows
from agent.evidence import estimate_tokens
from agent.tools.condense import compare_tool, list_tool, summary_tool
from agent.updates import Step, Stopped
from retrieval.document import DocumentInfo
from retrieval.passage import Passage
from tests.agent.doubles import MemoryLibrary, plan
from tests.agent.test_tools import House

TRUST = [
    "The Halvorsen Lighthouse Trust was founded on 4 May 1911. Its first keeper was Oda Brandt.",
    "In 2023 the trust earned 412,300 crowns from visitors. In 2024 it earned 455,120 crowns.",
]
OIL = ["The lamp burns 1,250 litres of oil a year. The firm Lund and Sons services it every March."]


class Shelf(MemoryLibrary):
    """A library whose documents can be read whole."""

    def documents(self) -> list[DocumentInfo]:
        return [self.document(id_) for id_ in range(1, len(self.names) + 1)]

    def passages_of(self, document_id: int) -> list[Passage]:
        return [passage for passage in self.passages if passage.document_id == document_id]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf({"trust-report.pdf": TRUST, "lamp-oil.txt": OIL})


def points(*texts: str) -> str:
    return json.dumps({"points": list(texts)})


def test_a_document_is_meant_by_its_name_its_words_or_as_this_one(shelf: Shelf) -> None:
    documents = shelf.documents()

    def names(request: str) -> list[str]:
        return [info.name for info in named_documents(request, documents)]

    assert names("Summarise trust-report.pdf") == ["trust-report.pdf"]
    assert names("Sum up the trust's report please") == ["trust-report.pdf"]
    assert names("Compare the lamp oil file with the trust report") == ["trust-report.pdf", "lamp-oil.txt"]
    assert names("Summarise the minutes") == []
    assert names("Summarise this document") == []  # there are two, and none was talked about
    assert [info.id for info in named_documents("Summarise this", documents[:1])] == [1]


def test_of_a_long_document_a_share_of_every_part_is_read(shelf: Shelf) -> None:
    one = shelf.passages[0]
    long = [
        replace(one, id=n, page=n, text=f"Part {n} tells of the harvest of wheat and rye. " * 8) for n in range(1, 101)
    ]
    budget = 20 * estimate_tokens(long[0].text)
    read = chosen(long, budget_tokens=budget)
    assert 10 <= len(read) <= 20
    assert {(passage.page - 1) // 10 for passage in read} == set(range(10))
    assert chosen(long[:3], budget_tokens=budget) == long[:3]
    assert [len(window) for window in windows(long[:5], tokens=2 * estimate_tokens(long[0].text))] == [2, 2, 1]


def test_a_summary_keeps_only_what_the_text_bears_out(shelf: Shelf, tmp_path: Path) -> None:
    said = points(
        "The trust was founded on 4 May 1911.",
        "The trust owns 14 lighthouses in Sweden.",
        "In 2024 the trust earned 455,120 crowns from visitors.",
        "It was on 4 May 1911 that the trust was founded.",
    )
    house = House(summary_tool(shelf), [plan("search_documents", "summary"), said], tmp_path)
    answer = house.ask("Please summarise the trust report")
    assert answer.text.splitlines() == [
        "**trust-report.pdf** in 2 points:",
        "",
        "- The trust was founded on 4 May 1911. [1]",
        "- In 2024 the trust earned 455,120 crowns from visitors. [2]",
    ]
    assert [(one.document, one.page) for one in answer.citations] == [("trust-report.pdf", 1), ("trust-report.pdf", 2)]
    assert all(one.quote in TRUST[one.page - 1] for one in answer.citations)
    assert "part 1 of 1: 2 points" in [one.detail for one in house.updates if isinstance(one, Step)]
    [given] = [body["given"] for body in house.bodies("retrieval")]
    assert [one["n"] for one in given] == [1, 2]  # what it cites is on record as what it was given


def test_a_stop_ends_a_summary_and_what_was_written_is_kept(shelf: Shelf, tmp_path: Path) -> None:
    house = House(summary_tool(shelf), [plan("summarise"), points("The trust was founded on 4 May 1911.")], tmp_path)
    stop = threading.Event()

    def emit(update: object) -> None:
        house.updates.append(update)  # type: ignore[arg-type]
        if isinstance(update, Step) and update.name == "read":
            stop.set()

    house.assistant.run("Summarise the trust report", run="r-1", conversation="c", stop=stop, emit=emit)
    assert isinstance(house.updates[-1], Stopped)


@pytest.mark.parametrize(
    ("request_", "claimed"),
    [
        ("Summarise the trust report", "summarise"),
        ("What is the lamp oil file about?", "summarise"),
        ("What are the differences between the two reports?", "compare_documents"),
        ("Summarise and compare both reports", "compare_documents"),
        ("List all suppliers", "list_all"),
        ("Please list the keepers", "list_all"),
        ("Name the first keeper", ""),
        ("Who keeps the list of suppliers?", ""),
        ("When was the trust founded?", ""),
    ],
)
def test_a_request_is_claimed_by_the_tool_that_is_meant(request_: str, claimed: str, shelf: Shelf) -> None:
    tools = (summary_tool(shelf), compare_tool(shelf), list_tool(shelf))
    assert [tool.name for tool in tools if tool.claims(request_)] == ([claimed] if claimed else [])


def test_what_names_no_document_is_searched_for(shelf: Shelf, tmp_path: Path) -> None:
    script = [plan("summarise"), json.dumps({"answer": "Oda Brandt"}), "The first keeper was Oda Brandt."]
    answer = House(summary_tool(shelf), script, tmp_path).ask("Summarise who the first keeper was")
    assert answer.text == "The first keeper was Oda Brandt. [1]"


def test_two_documents_stand_side_by_side(shelf: Shelf, tmp_path: Path) -> None:
    script = [
        plan("search_documents"),
        points("The trust was founded on 4 May 1911."),
        points("The lamp burns 1,250 litres of oil a year."),
    ]
    answer = House(compare_tool(shelf), script, tmp_path).ask("Compare the trust report with the lamp oil file")
    assert "**trust-report.pdf**\n\n- The trust was founded on 4 May 1911. [1]" in answer.text
    assert "**lamp-oil.txt**\n\n- The lamp burns 1,250 litres of oil a year. [2]" in answer.text
    assert {one.document for one in answer.citations} == {"trust-report.pdf", "lamp-oil.txt"}


def test_a_list_holds_what_stands_in_the_text_word_for_word(shelf: Shelf, tmp_path: Path) -> None:
    items = json.dumps({"items": ["Oda Brandt", "Lund and Sons", "lund and sons", "Ivar Aasen"]})
    script = [plan("search_documents"), items]
    answer = House(list_tool(shelf), script, tmp_path).ask("List all people and firms of the trust and the lamp")
    listed = [line for line in answer.text.splitlines() if line.startswith("- ")]
    assert listed == ["- Oda Brandt [1]", "- Lund and Sons [2]"]
    assert "what stands in others is not among them" in answer.text
