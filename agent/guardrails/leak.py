"""The system prompt inside an answer: runs of its words, however they are set and spelled out.

Covers quoting, case, punctuation and letters that only look alike (folded away). A translation or a summary of the
prompt passes; what it says is public with the program, so what is guarded is the surprise, not a secret.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from time import perf_counter

from agent.guardrails.base import Context, Decision, Finding, Ring
from agent.guardrails.decide import decide
from agent.guardrails.fold import fold

__all__ = ["LeakGuard", "find_leaks"]

RUN_WORDS = 8  # in a row: people and documents say seven of them by chance
_WORD = re.compile(r"[^\W_]+")


class LeakGuard:
    """Finds the assistant's own instructions in what it says."""

    id = "leak"
    version = "1"
    rings: frozenset[Ring] = frozenset({"output"})

    def __init__(self, prompts: Sequence[str] | None = None) -> None:
        """`prompts`: the texts to look for; default: the system prompts that are shipped."""
        if prompts is None:
            from agent.prompts import load_prompt

            prompts = [load_prompt(name).text for name in ("system", "free")]
        self._runs = frozenset(run for prompt in prompts for run in _runs(_words(prompt)))

    def check(self, text: str, context: Context) -> Decision:
        """Decide about the instructions in `text`."""
        started = perf_counter()
        return decide(self, text, find_leaks(text, self._runs), context, started=started)


def find_leaks(text: str, runs: frozenset[tuple[str, ...]]) -> list[Finding]:
    """Every stretch of `text` that is made of runs."""
    folded = fold(text)
    matches = list(_WORD.finditer(folded.text))
    words = [match.group() for match in matches]
    found: list[Finding] = []
    for first, run in enumerate(_runs(words)):
        if run in runs:
            start, end = folded.span(matches[first].start(), matches[first + RUN_WORDS - 1].end())
            if found and start <= found[-1].end:
                found[-1] = found[-1]._replace(end=end)
            else:
                found.append(Finding(start, end, "system_prompt", 0.9))
    return found


def _runs(words: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + RUN_WORDS]) for i in range(len(words) - RUN_WORDS + 1)]


def _words(text: str) -> list[str]:
    return _WORD.findall(fold(text).text)
