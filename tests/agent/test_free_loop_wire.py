"""The free loop over the real wire: the `openai` backend and a server that returns tool calls."""

from __future__ import annotations

import json
import threading
from typing import Any

from agent.assistant import AgentSettings, Assistant
from backends.base import BackendContext
from backends.llm.openai import OpenAIBackend, OpenAIOptions
from tests.agent.doubles import ListLedger, assistant_of, plan
from tests.backends.model_server import Stub, serving

SAID = "The trust earned 412,300 crowns in 2023."


def stream(*deltas: dict[str, Any], finish: str = "stop") -> bytes:
    """The events of one answer, as vLLM, llama-server and others send them."""
    events: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    events.append({"choices": [], "usage": {"prompt_tokens": 50, "completion_tokens": 7}})
    return b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in events) + b"data: [DONE]\n\n"


def piece(arguments: str, **more: str) -> dict[str, Any]:
    """A part of the call with index 0; the first one has its id and the tool's name."""
    named = {"name": more["name"]} if "name" in more else {}
    said = {"index": 0, "function": {"arguments": arguments, **named}}
    return {"tool_calls": [{"id": "call_9", "type": "function", **said} if named else said]}


CALL = stream(
    {"role": "assistant", "content": "Let me look. "},
    piece("", name="search_documents"),
    piece('{"query": "visitor'),
    piece(' income 2023"}'),
    finish="tool_calls",
)


def asking(stub: Stub) -> tuple[Assistant, ListLedger]:
    backend, ledger = OpenAIBackend(BackendContext(models_dir="", runtime_dir="")), ListLedger()
    model = backend.chat_model(OpenAIOptions(url=stub.url, model="large"))
    return assistant_of(
        model,
        ledger,
        settings=AgentSettings(tool_loop="free"),
        identity=lambda: backend.identity(OpenAIOptions(url=stub.url, model="large")),
    ), ledger


def ask(assistant: Assistant) -> Any:
    question = "What did the trust earn from visitors in 2023?"
    return assistant.run(question, run="r-1", conversation="c", stop=threading.Event(), emit=lambda _update: None)


def test_a_server_that_returns_tool_calls_drives_the_loop() -> None:
    with serving() as stub:
        stub.bodies = [CALL, stream(*({"content": word} for word in (SAID[:20], SAID[20:], " [4]")))]
        assistant, ledger = asking(stub)
        answer = ask(assistant)
    assert answer.text == f"{SAID} [1]" and answer.citations[0].page == 2
    first, second = stub.asked
    assert {one["function"]["name"] for one in first["tools"]} == {"search_documents", "query_ledger"}
    assert first["tools"][0]["function"]["parameters"]["required"] == ["query"]
    assert [message["role"] for message in second["messages"]] == ["system", "user", "assistant", "tool"]
    called, brought = second["messages"][2:]
    assert called["tool_calls"][0]["function"] == {
        "name": "search_documents",
        "arguments": json.dumps({"query": "visitor income 2023"}),
    }
    assert brought["tool_call_id"] == called["tool_calls"][0]["id"] == "call_9" and "412,300" in brought["content"]
    purposes = [(body["purpose"], body["backend"]) for kind, _r, body, _c in ledger.events if kind == "model_call"]
    assert purposes == [("act", "openai"), ("answer", "openai")]


def test_a_server_that_takes_no_tools_is_led_step_by_step() -> None:
    steered = (plan("search_documents", "visitor income 2023"), '{"answer": "412,300 crowns"}', SAID)
    refused = json.dumps({"error": {"message": "this model does not support tools"}}).encode()
    with serving() as stub:
        stub.bodies = [b"data: " + refused + b"\n\n", *(stream({"content": text}) for text in steered)]
        assistant, ledger = asking(stub)
        assert ask(assistant).text == f"{SAID} [1]"
    assert "tools" in stub.asked[0] and not any("tools" in body for body in stub.asked[1:])
    assert ledger.kinds().count("model_call") == 4
