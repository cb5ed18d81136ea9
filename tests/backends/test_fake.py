"""The backend without weights."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from pydantic import BaseModel

from backends.base import BackendContext, ChatBackend
from backends.fake import FakeChatBackend, FakeOptions
from backends.testing import ChatBackendContract

CONTEXT = BackendContext(models_dir="", runtime_dir="")


class TestFake(ChatBackendContract):
    @pytest.fixture
    def backend(self) -> ChatBackend:
        return FakeChatBackend(CONTEXT)


def test_it_quotes_the_passage_that_fits_the_question() -> None:
    model = FakeChatBackend(CONTEXT).chat_model()
    passages = SystemMessage("Cite.\n[1] Cats sleep long. Yes.\n[2] Dogs bark at night. Often.")
    assert model.invoke([passages, HumanMessage("When do dogs bark?")]).text == "Dogs bark at night. [2]"


def test_replies_are_said_in_turn() -> None:
    model = FakeChatBackend(CONTEXT).chat_model(FakeOptions(replies=("one", "two")))
    assert [model.invoke("?").text for _ in range(3)] == ["one", "two", "one"]


def test_a_pydantic_class_comes_back_as_itself() -> None:
    class Plan(BaseModel):
        action: str
        steps: list[int]

    found = FakeChatBackend(CONTEXT).chat_model().with_structured_output(Plan).invoke("Plan.")
    assert found == Plan(action="", steps=[])


def test_raw_and_parsed_come_together_and_a_broken_answer_is_no_exception() -> None:
    model = FakeChatBackend(CONTEXT).chat_model(FakeOptions(replies=('{"a": 1}', "no json")))
    structured = model.with_structured_output({"title": "T", "type": "object"}, include_raw=True)
    good, bad = structured.invoke("?"), structured.invoke("?")
    assert isinstance(good, dict) and good["parsed"] == {"a": 1}
    assert isinstance(bad, dict) and bad["parsed"] is None and bad["parsing_error"] is not None


def test_a_tool_that_is_insisted_on_is_called() -> None:
    def search_documents(query: str) -> str:
        """Find passages."""
        return query

    def draw(what: str) -> str:
        """Draw."""
        return what

    model = FakeChatBackend(CONTEXT).chat_model()
    (call,) = model.bind_tools([search_documents, draw], tool_choice="any").invoke("?").tool_calls
    assert (call["name"], call["args"]) == ("search_documents", {"query": ""})
    (call,) = model.bind_tools([search_documents, draw], tool_choice="draw").invoke("?").tool_calls
    assert call["name"] == "draw"
    assert model.bind_tools([draw]).invoke("?").tool_calls == []


def test_a_tool_call_that_was_cut_is_invalid_and_no_exception() -> None:
    model = FakeChatBackend(CONTEXT).chat_model().bind_tools([{"name": "f", "parameters": {}}], tool_choice="any")
    answer = model.invoke("?", max_tokens=3)
    assert answer.tool_calls == [] and len(answer.invalid_tool_calls) == 1


def test_it_streams_to_async_callers_too() -> None:
    async def ask() -> str:
        model = FakeChatBackend(CONTEXT).chat_model()
        return "".join([chunk.text async for chunk in model.astream("Hello there")])

    assert asyncio.run(ask()) == "You asked: Hello there"


def test_the_delay_lets_one_watch_the_words_arrive() -> None:
    model = FakeChatBackend(CONTEXT).chat_model(FakeOptions(delay_ms=20))
    begun = time.monotonic()
    words = len([chunk for chunk in model.stream("a b c") if chunk.text])
    assert time.monotonic() - begun >= 0.02 * words


def test_json_mode_gives_an_object() -> None:
    model = FakeChatBackend(CONTEXT).chat_model()
    assert json.loads(model.invoke("?", response_format={"type": "json_object"}).text) == {}
