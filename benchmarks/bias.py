"""Prompts that differ only in a name or a group: is one refused more often, answered shorter, or less kindly?

    wherefrom bench bias [--data DIR] [--limit N --seed S] [--json]

`DIR` may hold a `bias.toml` of the form of `samples/bias.toml`, which is asked otherwise. Each prompt goes through the
input ring and, if it passes, to the model alone (the assistant itself says only what documents say). Differences are
within a set, between the words: the widest gap of means, and the share of that gap that shuffling the words reaches
by chance (a permutation test), because eight short answers a word differ anyway.

Kindness is counted with two short lists of words; it sees "excellent" and "unreliable", not irony.

WHEREFROM_BENCH_KEPT names a folder in which answers are kept, so that a run which was cut off goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import random
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.guards import input_guards

if TYPE_CHECKING:
    from agent.guardrails.rings import Guards
    from ui.settings import Settings

__all__ = ["Said", "chance_of", "kindness", "read_sets", "run", "widest_gap"]

TOKENS = 48
SHUFFLES = 2000
_WORD = re.compile(r"[a-z]+")
Answer = Callable[[str], str]


class Said(NamedTuple):
    """What became of one prompt."""

    word: str
    refused: bool
    length: float  # words
    kindness: float  # kind words less unkind ones, each hundred words


def run(
    *,
    data: str | None = None,
    limit: int = 0,
    seed: int = 0,
    settings: Settings | None = None,
    answer: Answer | None = None,
    guards: Guards | None = None,
) -> dict[str, Any]:
    """Ask every prompt of every set for every word.

    Args:
        limit: At most this many prompts of a set; 0 asks all.
        answer: Stands in for the model; `guards` for the rings of the settings.
    Returns:
        By set: prompts asked, and of refusal, length and kindness the mean of each word, the widest gap between two
        words, and how often shuffled words reach it.
    """
    rings = guards or input_guards()
    said: dict[str, list[Said]] = {}
    with _model(settings) if answer is None else nullcontext(answer) as asked_anew:
        ask = _kept(asked_anew, os.environ.get("WHEREFROM_BENCH_KEPT"))
        for name, (words, prompts) in read_sets(data).items():
            asked = prompts[:limit] if limit else prompts
            said[name] = [_said(word, prompt.replace("{}", word), rings, ask) for prompt in asked for word in words]
    return {name: _report(rows, random.Random(seed)) for name, rows in said.items()}


def read_sets(data: str | None) -> dict[str, tuple[list[str], list[str]]]:
    """Name -> (words, prompts), from `bias.toml` in the folder, else from our own."""
    mine = Path(data) / "bias.toml" if data else None
    text = mine.read_text(encoding="utf-8") if mine is not None and mine.is_file() else _own_file()
    return {name: (one["words"], one["prompts"]) for name, one in tomllib.loads(text)["sets"].items()}


def _own_file() -> str:
    return resources.files("benchmarks").joinpath("samples", "bias.toml").read_text(encoding="utf-8")


@cache
def _kind_words() -> tuple[frozenset[str], frozenset[str]]:
    words = tomllib.loads(_own_file())["words"]
    return frozenset(words["kind"].split()), frozenset(words["unkind"].split())


def kindness(text: str) -> float:
    """Kind words less unkind ones, each hundred words.

    Example:
        >>> kindness("A reliable and kind colleague."), kindness("Rude!")
        (40.0, -100.0)
    """
    words, (kind, unkind) = _WORD.findall(text.lower()), _kind_words()
    count = sum((word in kind) - (word in unkind) for word in words)
    return 100.0 * count / len(words) if words else 0.0


def widest_gap(values: Sequence[tuple[str, float]]) -> float:
    """The difference between the highest and the lowest mean of a word."""
    means = _means(values)
    return max(means.values()) - min(means.values()) if means else 0.0


def chance_of(values: Sequence[tuple[str, float]], chance: random.Random) -> float:
    """The share of shuffles of the words over the values whose widest gap is at least as wide."""
    found = widest_gap(values)
    words, numbers = [word for word, _ in values], [value for _, value in values]
    wider = 0
    for _ in range(SHUFFLES):
        chance.shuffle(words)
        wider += widest_gap(list(zip(words, numbers, strict=True))) >= found - 1e-9
    return (wider + 1) / (SHUFFLES + 1)


@contextmanager
def _model(settings: Settings | None) -> Iterator[Answer]:
    """The chat model in force, asked without the assistant."""
    from ui.services import Parts
    from ui.settings import load_settings

    chosen = settings or load_settings()
    with tempfile.TemporaryDirectory(prefix="wherefrom-bench-") as folder:
        home = chosen.model_copy(update={"home": Path(folder), "models_dir": chosen.models, "database_url": None})
        with closing(Parts(home)) as parts:
            bound = parts.backend.chat_model().bind(max_tokens=TOKENS, temperature=0.0, seed=0)
            yield lambda prompt: str(bound.invoke(prompt).text)


def _kept(ask: Answer, folder: str | None) -> Answer:
    """The same, but a prompt that was answered before is not asked again. One folder belongs to one model."""
    if folder is None:
        return ask
    path = Path(folder) / "bias.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    known: dict[str, str] = dict(json.loads(line) for line in lines)

    def answer(prompt: str) -> str:
        if prompt not in known:
            known[prompt] = ask(prompt)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([prompt, known[prompt]], ensure_ascii=False) + "\n")
        return known[prompt]

    return answer


def _said(word: str, prompt: str, guards: Guards, ask: Answer) -> Said:
    if guards.check_input(prompt).action in ("ask", "block"):
        return Said(word, True, 0.0, 0.0)
    text = ask(prompt)
    return Said(word, False, float(len(text.split())), kindness(text))


def _report(rows: list[Said], chance: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {"asked": len(rows)}
    for name in ("refused", "length", "kindness"):
        values = [(row.word, float(getattr(row, name))) for row in rows if name == "refused" or not row.refused]
        found[name] = {
            "by_word": {word: round(mean, 3) for word, mean in _means(values).items()},
            "widest_gap": round(widest_gap(values), 3),
            "by_chance": round(chance_of(values, chance), 4),
        }
    return found


def _means(values: Sequence[tuple[str, float]]) -> dict[str, float]:
    by_word: dict[str, list[float]] = {}
    for word, value in values:
        by_word.setdefault(word, []).append(value)
    return {word: sum(numbers) / len(numbers) for word, numbers in by_word.items()}
