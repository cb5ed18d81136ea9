"""A real small model translates a paragraph with figures, through the whole assistant."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from agent.tools.translate import translate_tool
from agent.translation.figures import lost_figures
from agent.translation.languages import is_in, language_named
from backends.base import BackendContext
from backends.llm.llamacpp import LlamaCppBackend
from backends.weights import present
from tests.agent.doubles import ListLedger, assistant_of
from tests.agent.test_translation import Shelf

MODEL = "qwen2.5-coder-0.5b-instruct-q4_k_m"
PARAGRAPH = "The tenant pays a rent of 1,250 euros for the flat. The rent is due on the first day of each month."


@pytest.mark.model
def test_a_paragraph_with_a_figure_comes_back_in_german(models_dir: Path, tmp_path: Path) -> None:
    if not present(MODEL, models_dir):
        pytest.skip(f"{MODEL} is not in {models_dir}")
    backend = LlamaCppBackend(
        BackendContext(
            models_dir=str(models_dir),
            runtime_dir=str(tmp_path),
            options={"model": MODEL, "context_tokens": 1024, "threads": 1},
        )
    )
    shelf = Shelf({"lease.pdf": [f"LEASE\n\n{PARAGRAPH}"]})
    tool = translate_tool(shelf, lambda _context, evidence: list(evidence))
    assistant = assistant_of(backend.chat_model(), ListLedger(), tools=[tool], library=shelf)
    try:
        answer = assistant.run(
            "Translate the first paragraph of lease.pdf into German",
            run="r-1",
            conversation="c",
            stop=threading.Event(),
            emit=lambda _update: None,
        )
    finally:
        backend.close()
    said = answer.text.partition("\n\n")[2].partition(" [1]")[0]
    german = language_named("German")
    assert german is not None and is_in(said, german), answer.text
    assert lost_figures(PARAGRAPH, said) == [] and "*(" not in answer.text
    assert [(one.document, one.page) for one in answer.citations] == [("lease.pdf", 1)]
