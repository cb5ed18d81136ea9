"""Instructions aimed at the model inside a text: what someone wrote so that the assistant obeys it, not its person.

Covers phrases and forms (`injection.toml`) in folded and decoded text, in fourteen languages, and how they stand
together: each family of signs adds to the score of its window. Does not cover a plain request that is merely out of
place ("What is the capital of Brazil?" between two table rows): it reads like any sentence. The structure of the
prompt has to hold there. A text that quotes an attack, a book on them for one, is found too.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from time import perf_counter
from typing import NamedTuple

from agent.guardrails.base import Context, Decision, Finding, Ring
from agent.guardrails.decide import decide
from agent.guardrails.fold import Folded, fold, fold_char, hidden_pieces
from provenance.errors import GuardrailError

__all__ = ["InjectionGuard", "Signs", "find_injection", "load_signs"]

WINDOW = 500  # characters in which signs add up: a few sentences
_MAX_MATCHES = 50  # of one sign in one text
_GAP = r"[\W_]{1,5}"  # what a blank in a pattern stands for: any punctuation between two words
_WORD = r"[^\W_]{1,24}"
_HIDDEN_WEIGHT = 0.35  # added where the sign was hidden: nobody hides what is harmless


class _Match(NamedTuple):
    start: int
    end: int
    family: str
    weight: float
    beside: frozenset[str] = frozenset()  # families of which one must be near, or the match says nothing


@dataclass(frozen=True, slots=True)
class _Sign:
    family: str
    weight: float
    beside: frozenset[str]
    needs: tuple[str, ...]  # one of these must be in the folded text: cheap to look for
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Signs:
    """The list of signs; `digest` is the first of its SHA-256."""

    signs: tuple[_Sign, ...]
    digest: str


class InjectionGuard:
    """Scores a text by the most suspicious window in it."""

    id = "injection"
    rings: frozenset[Ring] = frozenset({"input", "retrieved", "output"})

    def __init__(self, signs: Signs | None = None) -> None:
        self._signs = signs if signs is not None else load_signs()
        self.version = f"1+{self._signs.digest}"

    def check(self, text: str, context: Context) -> Decision:
        """Decide about the instructions in `text`. Spans are the windows' matched parts."""
        started = perf_counter()
        return decide(self, text, find_injection(text, self._signs), context, started=started)


def find_injection(text: str, signs: Signs | None = None) -> list[Finding]:
    """Windows that hold signs, with their scores 0..1, not overlapping, the highest first."""
    known = signs if signs is not None else load_signs()
    folded = fold(text)
    matches = [_original(match, folded) for match in _matches(folded.text, known)]
    for how, start, end, piece in hidden_pieces(text, folded.text):
        inside = [match._replace(start=start, end=end) for match in _matches(piece, known)]
        if any(match.weight >= 0.3 and not match.beside for match in inside):
            matches += [*inside, _Match(start, end, f"hidden_{how}", _HIDDEN_WEIGHT)]
    return _windows(sorted(matches, key=lambda m: (m.start, m.end)))


def _matches(text: str, known: Signs) -> Iterator[_Match]:
    for sign in known.signs:
        if sign.needs and not any(need in text for need in sign.needs):
            continue
        for count, match in enumerate(sign.pattern.finditer(text)):
            if count >= _MAX_MATCHES:
                break
            yield _Match(match.start(), match.end(), sign.family, sign.weight, sign.beside)


def _original(match: _Match, folded: Folded) -> _Match:
    start, end = folded.span(match.start, match.end)
    return match._replace(start=start, end=end)


def _windows(matches: list[_Match]) -> list[Finding]:
    """From every match, the score of the window it opens; then greedily the best that do not overlap."""
    windows: list[Finding] = []
    last = 0
    for first, opening in enumerate(matches):
        while last < len(matches) and matches[last].start <= opening.start + WINDOW:
            last += 1
        near = matches[first:last]
        families = {match.family for match in near}
        best: dict[str, float] = {}
        end = opening.start
        for match in near:
            if not match.beside or match.beside & families:
                best[match.family] = max(best.get(match.family, 0.0), match.weight)
                end = max(end, match.end)
        if best:
            windows.append(Finding(opening.start, end, "injected_instruction", _combined(best.values())))
    kept: list[Finding] = []
    for window in sorted(windows, key=lambda w: (-w.score, w.start)):
        if all(window.end <= other.start or window.start >= other.end for other in kept):
            kept.append(window)
            if len(kept) == 20:
                break
    return kept


def _combined(weights: Iterable[float]) -> float:
    """Independent signs: 1 - (1 - a)(1 - b)...; rounded, so that a score is the same on every machine."""
    rest = 1.0
    for weight in sorted(weights):
        rest *= 1.0 - weight
    return round(1.0 - rest, 4)


@cache
def load_signs() -> Signs:
    """The signs that are shipped.

    Raises:
        GuardrailError: If the list is damaged.
    """
    text = resources.files("agent.guardrails").joinpath("injection.toml").read_text(encoding="utf-8")
    try:
        content = tomllib.loads(text)
        macros = {name: f"(?:{value})" for name, value in content["words"].items()} | {"w": _WORD}
        signs = tuple(
            _Sign(
                family=family,
                weight=float(entry["weight"]),
                beside=frozenset(entry.get("beside", ())),
                needs=tuple(_fold_literal(need) for need in entry.get("needs", ())),
                pattern=_compiled(entry["pattern"], macros),
            )
            for family, entries in content["signs"].items()
            for entry in entries
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, re.error) as exc:
        raise GuardrailError(
            f"The list of injection signs is damaged: {exc}.", hint="Install the program again."
        ) from exc
    return Signs(signs, hashlib.sha256(text.encode()).hexdigest()[:12])


def _compiled(source: str, macros: dict[str, str]) -> re.Pattern[str]:
    """A pattern as the list writes it: `<word>` is a macro, a blank is any gap between words, accents are folded."""
    expanded = source
    for _ in range(3):  # a macro may use another
        expanded = re.sub(r"<([a-z]+)>", lambda m: macros[m[1]], expanded)
    return re.compile(_fold_literal(expanded).replace(" ", _GAP))


def _fold_literal(text: str) -> str:
    return "".join(c if c.isascii() else fold_char(c) for c in text)
