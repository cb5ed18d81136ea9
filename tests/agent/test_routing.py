"""Where a request goes: rules, the prior over examples, plans of several steps; and that nobody trained on the test."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from agent.artifacts import ArtifactStore
from agent.context import Prompted
from agent.routing.prior import Prior, shipped_examples
from agent.routing.router import Router, leans, tool_before
from agent.routing.steps import MOST_STEPS, pieces_of
from agent.tools.table import REPLY, Tool, ToolResult, ToolTable
from agent.tools.translate import translate_tool
from agent.updates import Answer, Step, Update
from benchmarks.routing import read_requests, unseen
from provenance.errors import RetrievalError
from retrieval.embedder import SentenceEmbedder
from retrieval.testing import HashEmbedder
from tests.agent.doubles import ListLedger, ScriptedModel, assistant_of

NAMES = ("search_documents", "summarise", "query_table", "query_ledger", "write_code", "generate_image")
NAMES = (*NAMES, "compare_documents", "list_all", "translate")


def table(*names: str, call: Any = None) -> ToolTable:
    return ToolTable([Tool(name=name, title=name, description=name, call=call) for name in names or NAMES])


def test_no_request_of_the_measurement_is_an_example() -> None:
    examples = {text.casefold().strip(" ?.!") for texts in shipped_examples().values() for text in texts}
    requests = read_requests(Path("benchmarks"))
    assert len([request for request in requests if not request.several]) >= 300
    assert not examples & {request.text.casefold().strip(" ?.!") for request in requests}
    assert 0.4 < sum(unseen(request.text) for request in requests) / len(requests) < 0.6


def test_examples_stand_under_one_tool_only() -> None:
    texts = [text for texts in shipped_examples().values() for text in texts]
    assert len(texts) == len(set(texts)) and set(shipped_examples()) == {*NAMES, REPLY.name}


def test_the_prior_tells_examples_apart_and_its_shares_add_up() -> None:
    prior = Prior(HashEmbedder(), shipped_examples())
    for tool, texts in shipped_examples().items():
        weights = prior.weigh(texts[0])
        assert next(iter(weights)) == tool
        assert sum(weights.values()) == pytest.approx(1) and set(weights) == {*NAMES, REPLY.name}


def test_the_same_examples_give_the_same_prior() -> None:
    first, second = (Prior(HashEmbedder(), shipped_examples()).weigh("draw a chart of the rent") for _ in range(2))
    assert first == second


def test_without_an_embedder_the_model_chooses_among_all() -> None:
    route = Router(table(), None).route("What is the rent?")
    assert route.steps == () and route.likely == (*NAMES, REPLY.name)


class Missing(HashEmbedder):
    def embed(self, *_texts: Any, **_more: Any) -> Any:
        raise RetrievalError("The weights are missing.")


def test_an_embedder_that_is_missing_leaves_the_choice_to_the_model() -> None:
    assert Router(table(), Missing()).route("What is the rent?").likely == (*NAMES, REPLY.name)


def test_a_greeting_needs_neither_model_nor_prior() -> None:
    [step] = Router(table(), None).route("Hello there!").steps
    assert step.tool == REPLY.name


@pytest.mark.parametrize(
    ("request_", "pieces"),
    [
        ("Sum the costs, then plot them", ["Sum the costs", "plot them"]),
        ("What is the rent? Also draw a house.", ["What is the rent", "draw a house."]),
        ("Draw a cat and a dog", ["Draw a cat and a dog"]),
        ("Explain the rise and fall of the harbour", ["Explain the rise and fall of the harbour"]),
        ("Fix this: for (i = 0; i < 3; i++) { draw(); }", ["Fix this: for (i = 0; i < 3; i++) { draw(); }"]),
        ("; and then", ["; and then"]),
        ("", [""]),
    ],
)
def test_requests_are_cut_where_people_join_steps(request_: str, pieces: list[str]) -> None:
    assert pieces_of(request_) == pieces


def test_a_plan_has_four_steps_at_most() -> None:
    request = "draw a dog; sum the expenses; draw me a tree; sum of all amounts; paint a fox; write a python function"
    steps = Router(table(), HashEmbedder()).route(request).steps
    assert 1 < len(steps) <= MOST_STEPS
    assert "python function" in steps[-1].request  # nothing that was asked is dropped


def test_neighbours_of_one_tool_are_one_step() -> None:
    route = Router(table(), HashEmbedder()).route("sum the expenses and count the customers by city")
    assert len(route.steps) <= 1


def test_what_leans_on_the_conversation_is_left_to_the_model_with_the_tool_before() -> None:
    history = [
        Prompted(role="user", content="Sum the costs."),
        Prompted(role="assistant", content='{"tool": "query_table", "query": "sum"}\nThe sum is 4.'),
    ]
    assert tool_before(history) == "query_table"
    route = Router(table(), HashEmbedder()).route("And in 2024?", history)
    assert route.likely[0] == "query_table" and "search_documents" in route.likely
    assert leans("What about him?") and not leans("Who was the first keeper of the lighthouse?")


def test_an_order_that_a_tool_knows_by_code_goes_to_it_whatever_the_examples_say() -> None:
    rows = [Tool(name=name, title=name, description=name, call=None) for name in NAMES if name != "translate"]  # type: ignore[arg-type]
    rows.append(translate_tool(None, None))  # type: ignore[arg-type]
    router = Router(ToolTable(rows), HashEmbedder())

    def steps(request: str) -> list[tuple[str, str]]:
        return [(step.tool, step.request) for step in router.route(request).steps]

    for request in ("Thanks, translate that into French", "Translate to German: sum the costs, then draw a dog"):
        assert steps(request) == [("translate", request)]
    several = "Translate a.pdf into German, then translate b.pdf into French"
    assert steps(several) == [
        ("translate", "Translate a.pdf into German"),
        ("translate", "translate b.pdf into French"),
    ]
    assert ("translate", "translate it into German") in steps("Sum the expenses and translate it into German")
    assert "translate" not in dict(steps("translate this code from python to go"))


def test_a_broken_plan_in_the_history_is_passed_over() -> None:
    assert tool_before([Prompted(role="assistant", content='{"tool": "que')]) == ""


class House:
    """An assistant with two more tools that write down what they were asked."""

    def __init__(self, script: list[str], **results: ToolResult) -> None:
        self.asked: list[tuple[str, str]] = []
        self.updates: list[Update] = []
        self.model, self.ledger = ScriptedModel(script=script), ListLedger()

        def make(name: str) -> Tool:
            def call(_arguments: Any, context: Any) -> ToolResult:
                self.asked.append((name, context.request))
                return results.get(name, ToolResult(text=f"{name} is done."))

            return Tool(name=name, title=name, description=name, call=call)

        self.assistant = assistant_of(
            self.model,
            self.ledger,
            tools=[make(name) for name in ("query_table", "generate_image", "write_code", "summarise")],
            artifacts=ArtifactStore(None),
            embedder=HashEmbedder(),
        )

    def ask(self, question: str) -> Answer:
        return self.assistant.run(
            question, run="r-1", conversation="c", stop=threading.Event(), emit=self.updates.append
        )


def test_steps_run_in_order_and_are_shown() -> None:
    house = House([])
    answer = house.ask("Sum the expenses, then draw a dog")
    assert house.asked == [("query_table", "Sum the expenses"), ("generate_image", "draw a dog")]
    assert answer.text == "query_table is done.\n\ngenerate_image is done."
    assert house.model.asked == []
    [planned] = [one for one in house.updates if isinstance(one, Step) and one.name == "plan" and one.status == "done"]
    assert planned.detail == "1. query_table: Sum the expenses; 2. generate_image: draw a dog"
    plans = [body for kind, _run, body, _contents in house.ledger.events if kind == "plan"]
    assert [(body["tool"], body["step"], body["steps"]) for body in plans] == [
        ("query_table", 1, 2),
        ("generate_image", 2, 2),
    ]


def test_a_step_that_is_refused_ends_the_plan_and_says_so() -> None:
    house = House([], query_table=ToolResult(text="", refused="There is no table."))
    answer = house.ask("Sum the expenses, then draw a dog")
    assert [name for name, _request in house.asked] == ["query_table"]
    assert answer.text == "There is no table. The other steps of the plan were not done."


def test_a_tool_may_pass_its_request_on() -> None:
    house = House(
        ['{"answer": "Oda Brandt"}', "Its first keeper was Oda Brandt."],
        query_table=ToolResult(text="", instead="search_documents"),
    )
    answer = house.ask("Count the first keepers of the Halvorsen Lighthouse Trust by name in the table column.")
    assert house.asked[0][0] == "query_table" and answer.citations
    assert not answer.refused and "Oda Brandt" in answer.text


def test_a_clear_question_needs_no_planning_call() -> None:
    house = House(['{"answer": "Oda Brandt"}', "The first keeper was Oda Brandt."])
    answer = house.ask("What is the name of the first keeper, and who is the landlord of the tower?")
    purposes = [body["purpose"] for kind, _run, body, _contents in house.ledger.events if kind == "model_call"]
    assert purposes == ["read", "answer"] and answer.citations


def test_a_cut_off_plan_falls_back_to_searching() -> None:
    house = House(['{"tool": "write_c', '{"answer": "none"}'])
    assert house.ask("Oda Brandt Halvorsen trust zzz?").refused
    assert house.asked == []


@pytest.mark.model
def test_real_requests_of_the_half_that_was_looked_at_go_where_they_should(models_dir: Path) -> None:
    router = Router(table(), SentenceEmbedder(models_dir / "all-minilm-l6-v2"))
    requests = [one for one in read_requests(Path("benchmarks")) if not unseen(one.text)]
    routes = [(one, router.route(one.text)) for one in requests]
    clear = [(one, tuple(step.tool for step in route.steps)) for one, route in routes if route.steps]
    assert len(clear) > 0.85 * len(requests)
    assert sum(one.tools == got for one, got in clear) > 0.97 * len(clear)
