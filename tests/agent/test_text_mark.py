"""Which of an answer's calls to the model ask for a mark, and what the record says about it."""

from __future__ import annotations

import threading
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from tests.agent.doubles import ListLedger, ScriptedModel, assistant_of, plan

FACTS = {"scheme": "words-1", "key": "0011aabb", "strength": 2.0}


class MarkingModel(ScriptedModel):
    """Says that it marked, whenever it was asked to."""

    text_mark: Any = "a marker"

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        yield from super()._stream(messages, stop, run_manager, **kwargs)
        if kwargs.get("text_mark"):
            yield ChatGenerationChunk(message=AIMessageChunk(content="", response_metadata={"text_mark": FACTS}))


def _ask(model: ScriptedModel, question: str = "Tell me about the first keeper of the trust.") -> ListLedger:
    ledger = ListLedger()
    assistant = assistant_of(model, ledger)
    assistant.run(question, run="r-1", conversation="c", stop=threading.Event(), emit=lambda _update: None)
    return ledger


SCRIPT = [plan("search_documents", "first keeper"), '{"answer": "Oda Brandt"}', "The first keeper was Oda Brandt."]


def test_only_the_free_answer_is_marked_and_the_record_says_with_what() -> None:
    model = MarkingModel(script=list(SCRIPT))
    ledger = _ask(model)
    assert [bool(bound.get("text_mark")) for bound in model.bound] == [False, False, True]
    assert all("response_format" not in bound for bound in model.bound if bound.get("text_mark"))
    calls = [body for kind, _run, body, _contents in ledger.events if kind == "model_call"]
    assert [body.get("text_mark") for body in calls] == [None, None, FACTS]
    assert [body["text_mark"] for kind, _run, body, _contents in ledger.events if kind == "answer"] == [FACTS]


def test_a_single_sentence_is_too_short_for_a_mark() -> None:
    model = MarkingModel(script=list(SCRIPT))
    ledger = _ask(model, "Who was the first keeper of the trust?")
    assert not any(bound.get("text_mark") for bound in model.bound)
    assert all("text_mark" not in body for _kind, _run, body, _contents in ledger.events)


def test_a_model_that_cannot_mark_is_not_asked_to_and_nothing_is_claimed() -> None:
    model = ScriptedModel(script=list(SCRIPT))
    ledger = _ask(model)
    assert all("text_mark" not in bound for bound in model.bound)
    assert all("text_mark" not in body for _kind, _run, body, _contents in ledger.events)


def test_a_refusal_is_a_fixed_sentence_and_claims_no_mark() -> None:
    model = MarkingModel(
        script=[plan("search_documents", "first keeper"), '{"answer": "Oda Brandt"}', "Cats fly at midnight."]
    )
    ledger = _ask(model)
    bodies = [body for kind, _run, body, _contents in ledger.events if kind == "answer"]
    assert bodies[0]["refused"] is True and "text_mark" not in bodies[0]
