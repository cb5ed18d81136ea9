"""What the 1.5B model writes with and without the mark for `marks_text`, kept so that nothing is written twice."""

from __future__ import annotations

import hashlib
import json
import os
import re
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from provenance.textmark.keys import TextMarkKey
from provenance.textmark.marker import TextMarker

__all__ = ["TextWriter", "key_of"]

ANSWER_TOKENS = 300
TEXTS_SHARE = 0.65  # of the time that a person gave, where they gave one
EVERY_NTH = 3  # perplexity is measured on every third text
TOPICS = """how bridges are built; why the sea is salty; the history of bicycles; how to keep bees; what makes bread
rise; the life of a river; how trains changed cities; the work of a lighthouse keeper; how glass is made; why leaves
turn red in autumn; the habits of wolves; how to plan a small garden; what causes earthquakes; the first printed books;
how clocks keep time; the uses of copper; why we sleep; how vaccines work; the trade in spices; how cheese is made; the
weather in the mountains; how a parliament works; the migration of birds; how ships are steered; the making of
paper""".replace("\n", " ").split("; ")
FORMS = (
    "Write a text of about 300 words about {}.",
    "Explain to a friend, in about 300 words, {}.",
    "Write a report of about 300 words on {}.",
    "Write a letter of about 300 words to a museum about {}.",
)


class TextWriter:
    """Lets a model write, and keeps what it wrote."""

    def __init__(self, *, model: str | None, strength: float, temperature: float, seed: int) -> None:
        import tempfile

        from backends.base import BackendContext
        from backends.llm.llamacpp import LlamaCppBackend
        from ui.settings import load_settings

        settings = load_settings()
        self.model_name = model or settings.model
        self._strength, self._temperature, self._seed = strength, temperature, seed
        self._begun = time.monotonic()
        self._seconds = float(os.environ.get("WHEREFROM_BENCH_SECONDS") or "inf")
        self._runtime = tempfile.TemporaryDirectory()
        self._marker: TextMarker | None = None
        self._turn = threading.Lock()
        options = {"model": self.model_name, "context_tokens": 2048, "temperature": temperature}
        self._backend = LlamaCppBackend(
            BackendContext(
                models_dir=str(settings.models),
                runtime_dir=self._runtime.name,
                options=options,
                text_mark=lambda: self._marker,
            )
        )
        kept = os.environ.get("WHEREFROM_BENCH_KEPT") or str(settings.home / "bench")
        Path(kept).mkdir(parents=True, exist_ok=True)
        self.kept = Path(kept) / f"marks_text-{self.model_name}-{strength:g}-{temperature:g}-{seed}.jsonl"

    def close(self) -> None:
        """End the model."""
        self._backend.close()
        self._runtime.cleanup()

    def texts(self, count: int) -> list[dict[str, Any]]:
        """`count` texts with the mark, each under a key of its own, and every third without it, for perplexity."""
        wanted = [(i, marked) for i in range(count) for marked in (True, False) if marked or i % EVERY_NTH == 0]
        jobs = {f"text-{i}-{marked}": partial(self._text, i, marked) for i, marked in wanted}
        return list(self._written(jobs, self._begun + TEXTS_SHARE * self._seconds).values())

    def answers(self, questions: list[dict[str, Any]]) -> dict[str, Any]:
        """Token F1 of short answers from a passage, with and without the mark."""
        jobs = {
            f"answer-{n}-{marked}": partial(self._answered, n, marked, question)
            for n, question in enumerate(questions)
            for marked in (True, False)
        }
        done = self._written(jobs, self._begun + self._seconds)
        both = [n for n in range(len(questions)) if all(f"answer-{n}-{marked}" in done for marked in (True, False))]
        rows = [done[f"answer-{n}-{marked}"] for n in both for marked in (True, False)]
        if not rows:
            return {"questions": 0}
        return {
            "questions": len(both),
            **{
                f"{what}_{name}": statistics.mean(row[what] for row in rows if row["marked"] is marked)
                for what in ("answer_f1", "holds_answer")
                for name, marked in (("unmarked", False), ("marked", True))
            },
        }

    def times(self, rounds: int) -> dict[str, Any]:
        """Milliseconds per token and to the first one, with and without the mark in turn; nothing without time."""
        if not self._seconds:
            return {}
        seen: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        chats = {True: self._chat(key_of(self._seed, 0)), False: self._chat(None)}
        chats[True].invoke("Hello.", max_tokens=4, text_mark=True)  # loads the weights, tosses the coins of all words
        for number in range(rounds):
            for marked in (True, False) if number % 2 else (False, True):
                asked = f"Count from {number} upwards."
                answer = chats[marked].invoke(asked, max_tokens=64, ignore_eos=True, text_mark=True)
                timings = answer.response_metadata["timings"]
                per_token = timings["predicted_ms"] / max(1, timings["predicted_tokens"] - 1)
                seen[marked].append((per_token, timings["first_token_ms"]))
        middle = {
            marked: [statistics.median(column) for column in zip(*rows, strict=True)] for marked, rows in seen.items()
        }
        return {
            "ms_per_token_unmarked": middle[False][0],
            "ms_per_token_marked": middle[True][0],
            "ms_to_first_token_unmarked": middle[False][1],
            "ms_to_first_token_marked": middle[True][1],
        }

    def _written(self, jobs: dict[str, Callable[[str], None]], until: float) -> dict[str, dict[str, Any]]:
        """Do what was not done before, as long as there is time; the rows that there are."""
        before = self._done()
        left = [(name, job) for name, job in jobs.items() if name not in before]
        with ThreadPoolExecutor(2) as pool:  # the worker serves two at once
            list(pool.map(lambda one: time.monotonic() < until and one[1](one[0]), left))
        done = self._done()
        return {name: done[name] for name in jobs if name in done}

    def _text(self, i: int, marked: bool, name: str) -> None:
        prompt = FORMS[i // len(TOPICS) % len(FORMS)].format(TOPICS[i % len(TOPICS)])
        # Sorting the whole vocabulary for its probabilities takes as long as a token: not for every text.
        wanted = {"logprobs": True, "top_logprobs": 1} if i % EVERY_NTH == 0 else {}
        chat = self._chat(key_of(self._seed, i) if marked else None)
        answer = chat.invoke(prompt, max_tokens=ANSWER_TOKENS, seed=i, text_mark=True, **wanted)
        # llama.cpp reports what the model itself gave to the chosen token, the lean not counted.
        content = (answer.response_metadata.get("logprobs") or {}).get("content") or []
        logprobs = [float(token["logprob"]) for token in content if float(token["logprob"]) > -100]
        tokens = answer.usage_metadata["output_tokens"]
        row = {"i": i, "seed": self._seed, "marked": marked, "text": answer.text, "tokens": tokens}
        row["finish"] = answer.response_metadata["finish_reason"]
        self._keep(name, row | {"logprob": sum(logprobs), "counted": len(logprobs)})

    def _answered(self, n: int, marked: bool, question: dict[str, Any], name: str) -> None:
        asked = (
            f"[1] {question['context']}\n\nUsing the passage, answer in one or two sentences: {question['question']}"
        )
        chat = self._chat(key_of(self._seed, n) if marked else None)
        answer = chat.invoke(asked, max_tokens=80, seed=n, text_mark=True)
        scores = [_f1(answer.text, gold) for gold in question["answers"]]
        holds = any(" ".join(_plain(gold)) in " ".join(_plain(answer.text)) for gold in question["answers"])
        self._keep(
            name, {"n": n, "marked": marked, "text": answer.text, "answer_f1": max(scores), "holds_answer": holds}
        )

    def _chat(self, key: TextMarkKey | None) -> Any:
        with self._turn:  # the model takes its marker when it is built
            self._marker = TextMarker(key, strength=self._strength) if key is not None else None
            return self._backend.chat_model()

    def _keep(self, name: str, row: dict[str, Any]) -> None:
        with self.kept.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"name": name, **row}, ensure_ascii=False) + "\n")

    def _done(self) -> dict[str, dict[str, Any]]:
        if not self.kept.exists():
            return {}
        rows = [json.loads(line) for line in self.kept.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
        return {row["name"]: row for row in rows}


def key_of(seed: int, number: int) -> TextMarkKey:
    """A key for one text: detection is measured over keys, not for a lucky one."""
    return TextMarkKey(hashlib.sha256(f"bench {seed} {number}".encode()).digest())


def _plain(text: str) -> list[str]:
    words = re.sub(r"[^\w\s]", " ", text.lower()).split()
    return [word for word in words if word not in ("a", "an", "the")]


def _f1(answer: str, gold: str) -> float:
    """Share of the gold words that the answer holds, with those it holds in vain: SQuAD's F1."""
    mine, theirs = _plain(answer), _plain(gold)
    left, shared = list(theirs), 0
    for word in mine:
        if word in left:
            left.remove(word)
            shared += 1
    return 2 * shared / (len(mine) + len(theirs)) if shared else 0.0
