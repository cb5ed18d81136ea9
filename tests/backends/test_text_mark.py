"""The mark where text is decoded: in free text and nowhere else, on every backend."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from backends.base import BackendContext, MarksText
from backends.llm.fake_chat import FakeChatModel
from backends.llm.llamacpp import LlamaCppBackend
from backends.llm.openai import OpenAIBackend
from backends.llm.sampling import Sampler, SamplingParams
from backends.llm.transformers import TransformersBackend
from backends.llm.transformers_chat import TransformersChatModel
from backends.llm.vocabulary import words_of_file
from provenance.errors import BackendUnavailableError
from provenance.textmark.detector import TextMarkDetector
from provenance.textmark.keys import TextMarkKey
from provenance.textmark.marker import TextMarker
from provenance.verify import MarkFound, NoMark
from tests.backends.test_openai import Stub, stub
from tests.backends.tiny_model import build_tiny_model
from tests.conftest import SMALL

__all__ = ["stub"]

KEY = TextMarkKey(b"t" * 32)
SCHEMA = {"type": "json_schema", "json_schema": {"schema": {"type": "object", "properties": {"a": {"type": "string"}}}}}
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
CHUNK = {"choices": [{"delta": {"content": "well"}, "finish_reason": "stop"}]}


def marker() -> TextMarker:
    return TextMarker(KEY)


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    path = tmp_path / "tokenizer.json"
    vocabulary = {"<s>": 0, "Ġriver": 1, "Ġstone": 2, "ĠRome": 3, "Ġ12": 4, "river": 5, "Ġwater": 6, "Ġnot": 7}
    path.write_text(json.dumps({"model": {"type": "BPE", "vocab": vocabulary}}), encoding="utf-8")
    return path


@pytest.fixture
def server(stub: Stub, tokenizer: Path) -> Any:
    stub.body = f"data: {json.dumps(CHUNK)}\n\ndata: [DONE]\n\n".encode()
    options = {"url": stub.url, "tokenizer": str(tokenizer)}
    return OpenAIBackend(BackendContext(models_dir="", runtime_dir="", options=options, text_mark=marker)).chat_model()


def test_free_text_is_asked_for_with_a_lean_on_whole_words_only(server: Any, stub: Stub) -> None:
    answer = server.invoke("Hello?", text_mark=True)
    sent = stub.asked[-1]["logit_bias"]
    assert set(sent) == {"1", "2", "6"} and set(map(abs, sent.values())) == {TextMarker(KEY).strength / 2}
    assert answer.response_metadata["text_mark"] == TextMarker(KEY).facts()
    assert "text_mark" not in stub.asked[-1] and "mark" not in stub.asked[-1]


@pytest.mark.parametrize(
    "shape",
    [{"response_format": SCHEMA}, {"response_format": {"type": "json_object"}}, {"tools": [TOOL]},
     {"tools": [TOOL], "tool_choice": "required"}, {"grammar": "root ::= [0-9]"}, {"guided_json": {"type": "object"}}],
)  # fmt: skip
def test_what_a_schema_a_grammar_or_tools_shape_is_never_marked(server: Any, stub: Stub, shape: dict[str, Any]) -> None:
    answer = server.invoke("Hello?", text_mark=True, **shape)
    assert "logit_bias" not in stub.asked[-1] and "text_mark" not in answer.response_metadata


def test_nothing_is_marked_that_was_not_asked_to_be(server: Any, stub: Stub) -> None:
    answer = server.invoke("Write a function.")
    assert "logit_bias" not in stub.asked[-1] and "text_mark" not in answer.response_metadata


def test_a_callers_own_bias_stands(server: Any, stub: Stub) -> None:
    server.invoke("Hello?", text_mark=True, logit_bias={"2": -100})
    assert stub.asked[-1]["logit_bias"]["2"] == -100 and len(stub.asked[-1]["logit_bias"]) == 3


def test_llama_cpp_gets_the_list_in_pairs(server: Any, stub: Stub) -> None:
    server.bias_in_pairs = True  # its server looks up each key of an object among all the others
    server.invoke("Hello?", text_mark=True, logit_bias={"2": -100})
    sent = dict(map(tuple, stub.asked[-1]["logit_bias"]))
    assert set(sent) == {1, 2, 6} and sent[2] == -100
    server.invoke("Hello?")
    assert "logit_bias" not in stub.asked[-1]


def test_a_server_that_takes_no_bias_answers_without_a_mark_and_the_record_does_not_claim_one(
    server: Any, stub: Stub
) -> None:
    whole, asked = stub.body, stub.asked

    class Picky(list[dict[str, Any]]):
        def append(self, body: dict[str, Any]) -> None:
            refused = "logit_bias" in body
            stub.status = 400 if refused else 200
            stub.body = b'{"error": {"message": "logit_bias is not supported"}}' if refused else whole
            asked.append(body)

    stub.asked = Picky()
    answer = server.invoke("Hello?", text_mark=True)
    assert answer.text == "well" and "text_mark" not in answer.response_metadata
    assert ["logit_bias" in body for body in asked] == [True, False]


def test_a_server_whose_tokenizer_nobody_named_is_left_alone(stub: Stub) -> None:
    stub.body = f"data: {json.dumps(CHUNK)}\n\ndata: [DONE]\n\n".encode()
    context = BackendContext(models_dir="", runtime_dir="", options={"url": stub.url}, text_mark=marker)
    answer = OpenAIBackend(context).chat_model().invoke("Hello?", text_mark=True)
    assert "logit_bias" not in stub.asked[-1] and "text_mark" not in answer.response_metadata


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF" + b"\xff" * 64, b"{}", b'{"model": {"vocab": 3}}', b"\xff"])
def test_a_file_that_holds_no_vocabulary_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.gguf"
    path.write_bytes(content)
    with pytest.raises(BackendUnavailableError, match=r"odd\.gguf"):
        words_of_file(path)


def test_the_transformers_backend_leans_on_the_same_words() -> None:
    vocabulary = {"<s>": 0, "Ġriver": 1, "Ġstone": 2, "ĠRome": 3, "river": 4}
    loaded: Any = SimpleNamespace(tokenizer=SimpleNamespace(get_vocab=lambda: vocabulary))
    model = TransformersChatModel(runtime=lambda: (loaded, None), model="m", text_mark=marker())  # type: ignore[arg-type,return-value]
    lean = model._bias(marker(), loaded)
    half = TextMarker(KEY).strength / 2
    assert lean == {1: half * KEY.coin("river"), 2: half * KEY.coin("stone")}
    sampler = Sampler(SamplingParams(bias=lean))
    chosen = sampler.choose(torch.tensor([0.0, 1.0, 1.0, 1.0 - 1e-3, 0.0])).token
    assert chosen == max((3, 1, 2), key=lambda token: lean.get(token, 0.0))


def test_a_model_without_whole_words_claims_no_mark(tmp_path: Path) -> None:
    options = {"model": str(build_tiny_model(tmp_path)), "device": "cpu", "offline": True, "threads": 1}
    context = BackendContext(models_dir="", runtime_dir="", options=options, text_mark=marker)
    answer = TransformersBackend(context).chat_model().invoke("Hi.", text_mark=True, max_tokens=3)
    assert answer.text and "text_mark" not in answer.response_metadata


def test_every_chat_model_of_the_house_can_be_asked_and_the_fake_one_marks_nothing() -> None:
    model = FakeChatModel()
    assert isinstance(model, MarksText)
    assert "text_mark" not in model.invoke("Hi.", text_mark=True).response_metadata


@pytest.mark.model
def test_a_small_model_marks_what_it_writes_and_the_detector_finds_it(small_model: Path, tmp_path: Path) -> None:
    context = BackendContext(
        models_dir=str(small_model),
        runtime_dir=str(tmp_path),
        options={"model": SMALL, "context_tokens": 512, "threads": 1},
        text_mark=marker,
    )
    backend = LlamaCppBackend(context)
    try:
        model: Any = backend.chat_model().bind(max_tokens=240, seed=3, temperature=0.8)
        marked = model.invoke("Write about the life of a river.", text_mark=True)
        shaped = model.invoke("Name a river.", text_mark=True, response_format=SCHEMA, max_tokens=20)
    finally:
        backend.close()
    assert marked.response_metadata["text_mark"]["key"] == KEY.id
    assert "text_mark" not in shaped.response_metadata
    assert isinstance(TextMarkDetector(lambda: [KEY]).detect(marked.text), MarkFound)
    assert isinstance(TextMarkDetector(lambda: [TextMarkKey(b"z" * 32)]).detect(marked.text), NoMark)
