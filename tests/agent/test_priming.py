"""What every conversation begins with is read ahead, so that the first question need not wait for it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from agent.prompts import load_prompt
from backends.cancellation import GenerationStopped, current_cancellation
from backends.llm.llamacpp import LlamaCppBackend
from tests.agent.doubles import ListLedger, ScriptedModel, assistant_of


def test_it_reads_the_beginning_of_every_prompt_and_records_nothing() -> None:
    model, ledger = ScriptedModel(script=["x", "Hello."]), ListLedger()
    assistant = assistant_of(model, ledger)
    assistant.prime(threading.Event())
    assert ledger.events == []
    assert model.bound[0]["max_tokens"] == 1
    assistant.run("Hello!", run="r-1", conversation="c", stop=threading.Event(), emit=lambda _update: None)
    assert model.asked[0][0] == model.asked[1][0]


@pytest.mark.model
def test_the_first_question_finds_it_in_the_models_cache(llamacpp: LlamaCppBackend) -> None:
    ledger = ListLedger()
    assistant = assistant_of(llamacpp.chat_model(), ledger)
    assistant.prime(threading.Event())
    assistant.run("Who was the keeper?", run="r-1", conversation="c", stop=threading.Event(), emit=lambda _update: None)
    first = next(body for kind, _run, body, _contents in ledger.events if kind == "model_call")
    assert first["timings"]["prompt_tokens_cached"] > len(load_prompt("system").text.split())


class ReadsUntilCancelled(ScriptedModel):
    """Reads for a minute, unless somebody ends it."""

    def _stream(self, *args: Any, **kwargs: Any) -> Any:
        token = current_cancellation()
        assert token is not None
        if token.wait(60):
            raise GenerationStopped
        yield from super()._stream(*args, **kwargs)  # nobody ended it: an empty script fails


def test_a_question_that_arrives_meanwhile_ends_it() -> None:
    asked = threading.Event()
    timer = threading.Timer(0.2, asked.set)
    timer.start()
    assistant_of(ReadsUntilCancelled(), ListLedger()).prime(asked)
    assert asked.is_set()
