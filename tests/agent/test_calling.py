"""Documented functions: which one a request is for, if any; its arguments; and when the leaderboard calls it right."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from agent.calling.caller import MOST_FUNCTIONS, Call, FunctionCaller
from agent.calling.doubt import Signs, Weights
from agent.calling.function import Function, json_schema
from benchmarks.bfcl import functions_of, is_right, request_of
from retrieval.testing import HashEmbedder

WEATHER = Function(
    name="get_weather",
    description="The weather of a city.",
    parameters={
        "type": "dict",
        "properties": {
            "city": {"type": "string", "description": "Which city."},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
            "at": {"type": "tuple", "items": {"type": "float"}},
        },
        "required": ["city"],
    },
)
MAIL = Function(name="mail.send", description="Send a mail.", parameters={"type": "dict", "properties": {}})


class Scripted:
    """Answers in order; says how sure it was of 0 where probabilities are asked for."""

    def __init__(self, *answers: dict[str, Any] | str, none: float = 0.01) -> None:
        self.answers, self.none = list(answers), none
        self.asked: list[tuple[list[str], Mapping[str, Any]]] = []

    def __call__(
        self, said: Sequence[str], schema: Mapping[str, Any], *, max_tokens: int, logprobs: bool
    ) -> tuple[str, Mapping[str, Any]]:
        self.asked.append((list(said), schema))
        answer = self.answers.pop(0)
        import math

        top = [{"token": "0", "logprob": math.log(self.none)}, {"token": "1", "logprob": math.log(1 - self.none)}]
        sure = {"logprobs": {"content": [{"token": '{"'}, {"token": "1", "top_logprobs": top}]}} if logprobs else {}
        return answer if isinstance(answer, str) else json.dumps(answer), sure


def test_a_function_is_chosen_then_filled_under_its_own_schema() -> None:
    decode = Scripted({"function": 1}, {"city": "Oslo"})
    chosen = FunctionCaller(decode).choose("What is the weather in Oslo?", [WEATHER, MAIL])
    assert chosen.call == Call(name="get_weather", arguments={"city": "Oslo"})
    route, fill = decode.asked
    assert route[1]["properties"]["function"]["enum"] == [0, 1, 2]
    assert fill[1]["properties"]["at"] == {"type": "array", "items": {"type": "number"}}
    assert fill[1]["additionalProperties"] is False
    assert fill[0][0] == route[0][0]  # the second call extends the first


def test_none_of_these_is_a_choice() -> None:
    chosen = FunctionCaller(Scripted({"function": 0}, {"city": "?"}, none=0.99)).choose("Who was Brandt?", [WEATHER])
    assert chosen.call is None and chosen.doubt > 0.9 and chosen.likeliest is not None


def test_invented_arguments_are_a_reason_to_doubt() -> None:
    said = FunctionCaller(Scripted({"function": 1}, {"city": "Oslo"})).choose("Weather in Oslo?", [WEATHER])
    invented = FunctionCaller(Scripted({"function": 1}, {"city": "Paris"})).choose("Is it going to rain?", [WEATHER])
    assert (said.signs.unsaid, invented.signs.unsaid) == (0.0, 1.0)
    assert invented.doubt > said.doubt


@pytest.mark.parametrize(
    ("request_", "unsaid"),
    [
        ("Create a page of the games of 2019", 1.0),  # the path repeats its words, the address is made up
        ("Load https://scores.example.org/games/2019", 0.0),
        ("What does scores.example.org say about the games of 2019?", 0.0),
    ],
)
def test_an_address_is_said_only_where_its_host_is(request_: str, unsaid: float) -> None:
    fetch = Function(
        name="fetch",
        description="Loads a page.",
        parameters={"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]},
    )
    decode = Scripted({"function": 1}, {"url": "https://scores.example.org/games/2019"})
    assert FunctionCaller(decode).choose(request_, [fetch]).signs.unsaid == unsaid


def test_a_function_about_something_else_is_doubted_even_if_all_is_said() -> None:
    doubts = [Weights().doubt(Signs(none=0.01, nearness=near, unsaid=0.0)) for near in (0.05, 0.25, 0.45)]
    assert doubts[0] > 0.5 > doubts[1] > doubts[2]
    assert doubts[0] - doubts[1] > doubts[1] - doubts[2]


def test_a_call_that_was_cut_off_is_not_made() -> None:
    chosen = FunctionCaller(Scripted({"function": 1}, '{"city": "Os')).choose("Weather in Oslo?", [WEATHER])
    assert (chosen.call, chosen.likeliest, chosen.doubt) == (None, None, 1.0)


def test_no_functions_no_call() -> None:
    assert FunctionCaller(Scripted()).choose("Weather?", []).call is None


def test_only_the_nearest_functions_are_shown() -> None:
    many = [Function(name=f"tool_{n}", description=f"Does thing {n}.", parameters={}) for n in range(30)]
    decode = Scripted({"function": 1}, {"city": "Oslo"})
    FunctionCaller(decode, HashEmbedder()).choose("The weather of a city", [*many, WEATHER])
    assert len(decode.asked[0][1]["properties"]["function"]["enum"]) == MOST_FUNCTIONS + 1
    assert "get_weather" in decode.asked[0][0][0]


@pytest.mark.parametrize("sign", ["none", "unsaid"])
def test_doubt_grows_with_each_sign(sign: str) -> None:
    base = {"none": 0.3, "nearness": 0.5, "unsaid": 0.2}
    assert Weights().doubt(Signs(**{**base, sign: 0.9})) > Weights().doubt(Signs(**base))
    assert Weights().doubt(Signs(**{**base, "nearness": 0.9})) < Weights().doubt(Signs(**base))


def test_words_of_other_dialects_become_json_schema() -> None:
    assert json_schema({"type": "dict", "properties": {"n": {"type": "int"}}, "required": ["n", "gone"]}) == {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
    }
    assert json_schema("nonsense") == {}


def test_a_long_description_is_cut_and_stays_on_its_line() -> None:
    text = Function(name="f", description="word\n" * 500, parameters={"properties": {}}).describe()
    assert len(text) < 400 and "\n" not in text and text.endswith("…")


ROW = {
    "id": "r1",
    "question": [[{"role": "system", "content": "It is 2024."}, {"role": "user", "content": "Area of 2 by 3?"}]],
    "function": [
        {
            "name": "area",
            "description": "",
            "parameters": {
                "type": "dict",
                "properties": {
                    "w": {"type": "float"},
                    "h": {"type": "integer"},
                    "unit": {"type": "string"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "box": {"type": "dict", "properties": {}},
                },
                "required": ["w", "h"],
            },
        }
    ],
    "ground_truth": [
        {"area": {"w": [2.0], "h": [3], "unit": ["sq m", ""], "tags": [["A b"], ""], "box": [{"k": ["v", ""]}, ""]}}
    ],
}


@pytest.mark.parametrize(
    ("arguments", "right"),
    [
        ({"w": 2.0, "h": 3}, True),
        ({"w": 2, "h": 3}, True),  # an integer stands for a float
        ({"w": 2.0, "h": 3.0}, False),  # not the other way round
        ({"w": 2.0}, False),
        ({"w": 2.0, "h": 4}, False),
        ({"w": 2.0, "h": 3, "unit": "SQ-M"}, True),
        ({"w": 2.0, "h": 3, "unit": "acre"}, False),
        ({"w": 2.0, "h": 3, "depth": 1}, False),
        ({"w": 2.0, "h": 3, "tags": ["ab"]}, True),
        ({"w": 2.0, "h": 3, "tags": ["ab", "c"]}, False),
        ({"w": 2.0, "h": 3, "box": {"k": "V"}}, True),
        ({"w": 2.0, "h": 3, "box": {}}, True),
        ({"w": 2.0, "h": 3, "box": {"x": 1}}, False),
        ({"w": True, "h": 3}, False),
    ],
)
def test_a_call_is_right_as_the_leaderboard_says(arguments: dict[str, Any], right: bool) -> None:
    assert is_right(Call(name="area", arguments=arguments), ROW) is right


def test_another_function_is_never_right() -> None:
    assert not is_right(Call(name="volume", arguments={"w": 2.0, "h": 3}), ROW)
    assert request_of(ROW) == "It is 2024.\nArea of 2 by 3?"
    assert [function.name for function in functions_of(ROW)] == ["area"]
