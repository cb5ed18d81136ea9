"""What a person waits for: the same conversation through the whole assistant, over the documents that come with it.

Part of `wherefrom bench chat`. Each round is an engine of its own over one library, so that the first question finds
nothing in the model's cache.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import closing
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.updates import Answer
    from ui.api import EngineApi
    from ui.settings import Settings

__all__ = ["measure"]

# A question, and another that only the conversation makes clear.
CONVERSATIONS = (
    ("How many people visited Skarn Light in 2023?", "And in 2024?"),
    ("Who got the ferry contract in the trustees' meeting?", "And for how many years?"),
    ("What does Brannock Paints deliver?", "And how many days does its delivery take?"),
)


def measure(settings: Settings, *, rounds: int) -> dict[str, Any]:
    """Ask each conversation's two questions.

    Returns:
        Medians over the rounds: milliseconds to the first word that a person sees, for the first question and for the
        follow-up, and their ratio; whole seconds of both; the share of the time in which the model computes nothing;
        and each round by itself.
    """
    from ui.engine.client import connect

    rows = []
    with tempfile.TemporaryDirectory(prefix="wherefrom-bench-") as home:
        settings = settings.model_copy(update={"home": Path(home), "models_dir": settings.models, "database_url": None})
        with closing(connect(settings)) as engine:
            _fill(engine)
            engine.shutdown()
        for number in range(rounds):
            with closing(connect(settings)) as engine:
                rows.append(_round(engine, *CONVERSATIONS[number % len(CONVERSATIONS)]))
                engine.shutdown()
    middle = {
        name: round(statistics.median(row[name] for row in rows), 4)
        for name, value in rows[0].items()
        if isinstance(value, float)
    }
    return {
        **middle,
        "follow_up_sooner": round(middle["first_word_cold_ms"] / middle["first_word_follow_up_ms"], 2),
        "conversations": rows,
    }


def _fill(engine: EngineApi) -> None:
    with as_file(files("ui") / "samples") as folder:
        job = engine.ingest([str(path) for path in sorted(folder.iterdir()) if path.suffix != ".json"])
        while job.state in ("waiting", "running"):
            time.sleep(0.2)
            job = engine.job(job.id)


def _round(engine: EngineApi, question: str, follow_up: str) -> dict[str, Any]:
    engine.search("warm the embedder")  # it loads beside the model and would count as waiting once
    conversation = engine.new_conversation()
    first = _ask(engine, conversation, question)
    second = _ask(engine, conversation, follow_up)
    outside = [_outside(engine, answer) for answer in (first, second)]
    return {
        "first_word_cold_ms": _first_word_ms(first),
        "first_word_follow_up_ms": _first_word_ms(second),
        "answer_cold_s": first.timings.total_s,
        "answer_follow_up_s": second.timings.total_s,
        "share_outside_model": sum(outside) / (first.timings.total_s + second.timings.total_s),
        "questions": [question, follow_up],
        "answers": [first.text, second.text],
    }


def _ask(engine: EngineApi, conversation: str, question: str) -> Answer:
    for update in engine.watch(engine.ask(question, conversation=conversation)):
        if update.type == "done":
            return update.answer
    raise RuntimeError(f"{question!r} was not answered")


def _first_word_ms(answer: Answer) -> float:
    """A refusal has no first word of the model: then the whole sentence counts."""
    return 1000 * (answer.timings.first_token_s or answer.timings.total_s)


def _outside(engine: EngineApi, answer: Answer) -> float:
    """Seconds of the answer in which the model neither loaded nor computed, by its own clock in the record."""
    calls = [event.body["timings"] for event in engine.record(answer.run).events if event.kind == "model_call"]
    inside_ms = sum(call.get(name) or 0.0 for call in calls for name in ("load_ms", "prompt_ms", "predicted_ms"))
    return max(0.0, answer.timings.total_s - inside_ms / 1000)
