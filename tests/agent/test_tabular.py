"""Questions that a table answers: the query under a grammar, its check and repair, the cells that are cited."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.tabular.asking import Asked, Candidate, TableAsker
from agent.tabular.grammar import query_schema
from agent.tabular.telling import as_csv, as_words
from agent.tools.query import table_tool
from retrieval.document import DocumentInfo, Page
from retrieval.parsing import ParseOptions, parse
from retrieval.passage import Hit, Passage
from retrieval.sql.query import Tables
from retrieval.testing import PlainParser
from tests.agent.doubles import ListLedger, plan
from tests.agent.test_tools import House
from tests.retrieval.sheets import HARVEST, ORDERS


class Shelf:
    """A library of files with tables; a search finds them all."""

    def __init__(self, folder: Path, **files: bytes) -> None:
        self.tables = Tables(folder / "tables", PlainParser())
        self._paths: dict[int, Path] = {}
        self._infos: list[DocumentInfo] = []
        self._pages: dict[int, tuple[Page, ...]] = {}
        for id_, (stem, data) in enumerate(files.items(), start=1):
            name = f"{stem}.{'html' if data.startswith(b'<') else 'csv'}"
            path = self._paths[id_] = folder / name
            path.write_bytes(data)
            parsed = parse(path, name, ParseOptions())
            self._pages[id_] = parsed.pages
            digest = hashlib.sha256(data).hexdigest()
            self._infos.append(
                DocumentInfo(
                    id=id_,
                    name=name,
                    path="",
                    digest=digest,
                    kind=parsed.kind,
                    title=name,
                    size_bytes=len(data),
                    pages=len(parsed.pages),
                    passages=1,
                    added_at="2026-01-01T00:00:00Z",
                )
            )

    def documents(self) -> list[DocumentInfo]:
        return self._infos

    def original(self, document_id: int) -> Path:
        return self._paths[document_id]

    def page(self, document_id: int, number: int) -> Page:
        return self._pages[document_id][number - 1]

    def search(self, query: str | list[str], *, top_k: int = 10, document_ids: list[int] | None = None) -> list[Hit]:
        found = []
        for info in self._infos:
            passage = Passage(
                id=info.id, document_id=info.id, document_name=info.name, page=1, page_label="", start=0, end=1,
                text="x", heading="", digest="",
            )  # fmt: skip
            found.append(Hit(passage=passage, score=1.0, dense=1.0, lexical=1.0))
        return found


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path, orders=ORDERS, harvest=HARVEST)


def candidate(shelf: Shelf, question: str) -> Candidate:
    found = TableAsker(shelf).candidate(question)
    assert found is not None
    return found


def ask(shelf: Shelf, question: str, *written: str) -> tuple[Asked, list[list[str]]]:
    """What becomes of a question when the model writes these queries; and what it was told each time."""
    told: list[list[str]] = []
    queries = list(written)

    def write(said: Sequence[str], schema: Mapping[str, Any]) -> str:
        told.append(list(said))
        return json.dumps({"sql": queries.pop(0)})

    return TableAsker(shelf).ask(question, candidate(shelf, question), write), told


def test_the_table_that_speaks_of_it_is_chosen(shelf: Shelf) -> None:
    assert candidate(shelf, "How many orders came from the North region?").document.name == "orders.csv"
    assert candidate(shelf, "What was the yield of rye on the upper field?").document.name == "harvest.html"


def test_a_table_without_the_name_or_the_year_asked_for_is_not_asked(shelf: Shelf) -> None:
    asker = TableAsker(shelf)
    assert asker.candidate("What was the yield of rye in 2022?") is not None
    assert asker.candidate("What was the yield of rye in 2019?") is None
    assert asker.candidate("How many orders of chairs did Gustafsson place?") is None


def test_values_are_linked_in_the_form_they_are_asked_in(shelf: Shelf) -> None:
    found = candidate(shelf, "How many chairs went south?")
    assert {(link.column, link.value) for link in found.linked["data"]} == {("product", "Chair"), ("region", "South")}


@pytest.mark.parametrize(
    ("sql", "allowed"),
    [
        ("SELECT SUM(quantity) FROM data WHERE product = 'Chair' AND region = 'North'", True),
        ("SELECT region, COUNT(*) FROM data GROUP BY region ORDER BY COUNT(*) DESC LIMIT 1", True),
        ("SELECT product FROM data WHERE price > (SELECT AVG(price) FROM data)", True),
        ("SELECT COUNT(*) FROM data WHERE date BETWEEN '2024-02-01' AND '2024-02-29'", True),
        ("SELECT COUNT(*) FROM data WHERE MONTH(date) = 2", True),
        ("none", True),
        ("SELECT SUM(quantity) FROM data WHERE product = 'Sofa'", False),
        ("SELECT SUM(region) FROM data", False),
        ("SELECT price FROM other", False),
        ("SELECT secret FROM data", False),
        ("SELECT * FROM data; DROP TABLE data", False),
        ("DELETE FROM data", False),
    ],
)
def test_the_grammar_names_only_what_there_is(sql: str, allowed: bool, shelf: Shelf) -> None:
    found = candidate(shelf, "How many orders came from the North region?")
    schema = query_schema(found.tables, found.linked)
    assert bool(re.fullmatch(schema["properties"]["sql"]["pattern"], sql)) is allowed


def test_rows_are_not_counted_where_a_column_holds_the_figures_asked_for(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, visits=b"Visit,Month,Visitors\n1,May,120\n2,June,340\n3,July,210\n")
    found = candidate(shelf, "How many visitors came in June?")
    for question, allowed in (("How many visitors came in June?", False), ("How many visits were there?", True)):
        pattern = query_schema(found.tables, found.linked, question)["properties"]["sql"]["pattern"]
        assert bool(re.fullmatch(pattern, "SELECT COUNT(*) FROM data")) is allowed
        assert re.fullmatch(pattern, "SELECT visitors FROM data WHERE month = 'June'")


def test_a_query_that_leaves_out_what_was_asked_is_written_again(shelf: Shelf) -> None:
    asked, told = ask(
        shelf,
        "How many chairs were ordered in the North?",
        "SELECT SUM(quantity) FROM data WHERE product = 'Chair'",
        "SELECT SUM(quantity) FROM data WHERE product = 'Chair' AND region = 'North'",
    )
    assert asked.result is not None
    assert asked.result.rows == (("4",),)
    assert "does not use North (region)" in told[1][-1]


def test_a_query_that_cannot_run_is_written_again_with_the_reason(shelf: Shelf) -> None:
    asked, told = ask(shelf, "How many orders are there?", "SELECT COUNT(x) FROM data", "SELECT COUNT(*) FROM data")
    assert asked.result is not None
    assert asked.result.rows == (("4",),)
    assert "x" in told[1][-1]


def test_after_three_queries_without_rows_there_is_no_answer(shelf: Shelf) -> None:
    tries = [f"SELECT region FROM data WHERE quantity > {n}" for n in (100, 200, 300)]
    asked, _ = ask(shelf, "Which region ordered a quantity over 100?", *tries)
    assert asked.result is None
    assert asked.tries == tuple(tries)
    assert asked.problem.startswith("That query brings no rows.")


def test_the_model_may_say_that_the_tables_do_not_hold_it(shelf: Shelf) -> None:
    asked, _ = ask(shelf, "Which order of a lamp has the longest delivery time?", "none")
    assert (asked.result, asked.problem) == (None, "The tables do not hold what is asked.")


@pytest.mark.parametrize(
    ("question", "sql", "said"),
    [
        (
            "How many chairs were ordered?",
            "SELECT SUM(quantity) FROM data WHERE product = 'Chair'",
            "Sum of Quantity where Product = 'Chair': **14**. [1]",
        ),
        (
            "What is the highest price of an order?",
            "SELECT MAX(price) FROM data",
            "Largest Price ($): **$1,200.5**. [1]",
        ),
        (
            "Which product and region has order 1003?",
            "SELECT product, region FROM data WHERE order_ = 1003",
            "Product: **Chair**; Region: **North**. [1]",
        ),
    ],
)
def test_the_answer_is_told_by_code_in_the_words_of_the_file(question: str, sql: str, said: str, shelf: Shelf) -> None:
    asked, _ = ask(shelf, question, sql)
    assert asked.result is not None
    assert as_words(asked.result, " [1]") == said


def test_several_rows_are_listed_and_the_rows_used_are_as_they_are_written(shelf: Shelf) -> None:
    asked, _ = ask(shelf, "List all orders of lamps", "SELECT order_, quantity FROM data WHERE product = 'Lamp'")
    assert asked.result is not None
    assert "| 1001 | 3 |" in as_words(asked.result, "")
    asked, _ = ask(shelf, "List the price of all orders of lamps", "SELECT price FROM data WHERE product = 'Lamp'")
    assert asked.result is not None
    assert as_csv(asked.result) == 'Row,Product,Price ($)\n2,Lamp,"1,200.50"\n5,Lamp,"1,150.00*"\n'


def test_a_cell_that_a_spreadsheet_would_run_is_made_harmless(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, list=b"Name,Note\nOda,=HYPERLINK(1)\nPer,fine\n")
    asked, _ = ask(shelf, "What is the note of Oda?", "SELECT note FROM data WHERE name = 'Oda'")
    assert asked.result is not None
    assert "'=HYPERLINK(1)" in as_csv(asked.result)


def test_the_chat_answers_from_a_table_and_cites_its_cells(shelf: Shelf, tmp_path: Path) -> None:
    ledger = ListLedger()
    sql = "SELECT SUM(quantity) FROM data WHERE product = 'Chair'"
    script = [plan("query_table", "chairs ordered"), json.dumps({"sql": sql})]
    house = House(table_tool(shelf, ledger), script, tmp_path / "artifacts")
    answer = house.ask("How many chairs were ordered?")
    assert answer.text == "Sum of Quantity where Product = 'Chair': **14**. [1]"
    [citation] = answer.citations
    assert (citation.document, citation.page_label) == ("orders.csv", "D3:E4")
    assert shelf.page(1, 1).text[citation.start : citation.end] == citation.quote
    [made] = answer.artifacts
    assert made.details["sql"] == sql
    [(kind, _run, body, contents)] = ledger.events
    assert (kind, body["answered"], body["rows_used"]) == ("table_query", True, 2)
    assert contents["query 1"] == sql
    assert body["document_digest"] == citation.document_digest


def test_a_plain_search_is_turned_to_the_table_that_surely_holds_it(shelf: Shelf, tmp_path: Path) -> None:
    script = [plan("search_documents", "quantity"), json.dumps({"sql": "SELECT SUM(quantity) FROM data"})]
    house = House(table_tool(shelf, ListLedger()), script, tmp_path / "artifacts")
    assert "**18**" in house.ask("What is the total quantity of the orders?").text


def test_what_no_table_speaks_of_is_searched_for(shelf: Shelf, tmp_path: Path) -> None:
    script = [plan("query_table", "keeper"), json.dumps({"answer": "Oda Brandt"}), "Its first keeper was Oda Brandt."]
    house = House(table_tool(shelf, ListLedger()), script, tmp_path / "artifacts")
    answer = house.ask("Who was the first keeper of the trust?")
    assert answer.text == "Its first keeper was Oda Brandt. [1]"
    assert [body["tool"] for body in house.bodies("tool_call")] == ["query_table", "search_documents"]
