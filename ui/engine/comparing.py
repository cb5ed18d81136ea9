"""What a replay is held against: how equal two runs are, and what differs in what they were made from."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from provenance.entry import Content

__all__ = ["Step", "Verdict", "compare", "differences", "missing_documents"]

Verdict = Literal["bit-equal", "textually equal", "changed"]
_ENDS = ("answer", "stopped", "error")


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One event of a run, recorded or replayed."""

    kind: str
    body: Mapping[str, Any]
    contents: Mapping[str, Content | None]


def compare(then: Sequence[Step], now: Sequence[Step]) -> Verdict:
    """Bit-equal: the answer and every output of the model. Textually equal: the answer up to spaces, case and marks."""
    before, after = _answer(then), _answer(now)
    outputs = [step.contents.get("output") for step in then if step.kind == "model_call"]
    again = [step.contents.get("output") for step in now if step.kind == "model_call"]
    if before == after and outputs == again:
        return "bit-equal"
    return "textually equal" if _plain(before) == _plain(after) else "changed"


def differences(then: Sequence[Step], now: Sequence[Step]) -> list[str]:
    """What the two runs were made from that is not the same, one sentence each, the most telling first."""
    found = [*_model(_call(then), _call(now)), *_passages(then, now), *_settings(then, now)]
    turns = _first(then, "request").get("turns_before"), _first(now, "request").get("turns_before")
    if turns[0] != turns[1]:
        found.append(f"The model read {turns[0]} earlier turns of the conversation then and {turns[1]} now.")
    return found + _environment(_first(then, "request"), _first(now, "request"))


def missing_documents(then: Sequence[Step], there: Collection[str], erased: Collection[str]) -> list[str]:
    """Documents whose passages the model was given and that are not in the library any more.

    Args:
        there: SHA-256 of the documents that are.
        erased: SHA-256 of documents that somebody had erased.
    """
    given = dict.fromkeys(str(one.get("document_digest", "")) for one in _given(then))
    return [
        f"The document {digest[:12]}… {'was erased' if digest in erased else 'is not in the library any more'}."
        for digest in given
        if digest and digest not in there
    ]


def _model(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[str]:
    for name, said in (("weights", "Other weights"), ("model", "Another model"), ("backend", "Another backend")):
        if then.get(name) != now.get(name):
            yield f"{said}: {then.get(name)} then, {now.get(name)} now."
    old, new = then.get("details") or {}, now.get("details") or {}
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield f"The model's {name.replace('_', ' ')}: {old.get(name)} then, {new.get(name)} now."
    prompts = (then.get("prompt") or {}).get("digest"), (now.get("prompt") or {}).get("digest")
    if prompts[0] != prompts[1]:
        yield "The prompt's wording is another version."


def _passages(then: Sequence[Step], now: Sequence[Step]) -> Iterable[str]:
    before, after = [one.get("digest") for one in _given(then)], [one.get("digest") for one in _given(now)]
    if before == after:
        return
    gone, come = len(set(before) - set(after)), len(set(after) - set(before))
    if gone or come:
        yield f"Other passages were found: {gone} of {len(before)} are not among them now, {come} are new."
    else:
        yield "The same passages were found in another order."


def _settings(then: Sequence[Step], now: Sequence[Step]) -> Iterable[str]:
    old, new = _call(then).get("parameters") or {}, _call(now).get("parameters") or {}
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield f"The sampler's {name}: {old.get(name)} then, {new.get(name)} now."


def _environment(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    old, new = then.get("environment"), now.get("environment") or {}
    if old is None:
        return ["The record is older than the recording of library versions."]
    found = []
    libraries = old.get("libraries") or {}, new.get("libraries") or {}
    for name in sorted(libraries[0].keys() | libraries[1].keys()):
        if libraries[0].get(name) != libraries[1].get(name):
            found.append(f"{name} {libraries[0].get(name)} then, {libraries[1].get(name)} now.")
    for name in ("machine", "system", "cores", "python"):
        if old.get(name) != new.get(name):
            found.append(f"The {name}: {old.get(name)} then, {new.get(name)} now.")
    return found


def _answer(steps: Sequence[Step]) -> str:
    found = [step.contents.get("answer") for step in steps if step.kind in _ENDS]
    return str(found[-1]) if found and found[-1] is not None else ""


def _plain(text: str) -> str:
    return "".join(re.findall(r"\w", text.casefold()))


def _call(steps: Sequence[Step]) -> Mapping[str, Any]:
    """The model call that wrote the answer, or the last one."""
    calls = [step.body for step in steps if step.kind == "model_call"]
    return next((body for body in reversed(calls) if body.get("purpose") == "answer"), calls[-1] if calls else {})


def _given(steps: Sequence[Step]) -> list[Mapping[str, Any]]:
    return [one for step in steps if step.kind == "retrieval" for one in step.body.get("given", [])]


def _first(steps: Sequence[Step], kind: str) -> Mapping[str, Any]:
    return next((step.body for step in steps if step.kind == kind), {})
