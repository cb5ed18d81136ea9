"""The policy: which guard stands in which ring, from what score on it acts, and how.

One readable file (`policy.toml`), read whole or not at all. Covers typing errors, unknown guards, labels without an
action, thresholds out of range; it cannot know whether a rule is wise.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.guardrails.base import Action, Ring, Rule
from provenance.errors import GuardrailError

__all__ = ["Policy", "load_policy", "parse_policy"]

_HINT = "Correct the policy file; until then nothing is answered, because nothing could be checked."
_KNOWN: dict[Ring, frozenset[str]] = {
    "input": frozenset({"secrets", "personal", "injection"}),
    "retrieved": frozenset({"secrets", "personal", "injection"}),
    "tool": frozenset({"tools"}),
    "output": frozenset({"secrets", "personal", "injection"}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """A checked policy. `version` is the SHA-256 (hex) of its canonical content."""

    version: str
    max_characters: int
    rules: Mapping[Ring, Mapping[str, Rule]]  # ring -> guard id -> rule, in the order of the file
    content: Mapping[str, Any]  # what the file says, for the record and for a later dry run


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


_M = TypeVar("_M", bound=BaseModel)


class _Tool(_Strict):
    action: Literal["allow", "ask"] = "allow"
    max_characters: int = Field(4000, ge=1)


class _GuardRule(_Strict):
    threshold: float = Field(0.5, ge=0, le=1)
    action: Action
    labels: dict[str, Action] = Field(default_factory=dict)
    own_evidence: Action | None = None
    allowed: dict[str, _Tool] | None = None  # the tools guard's alone


class _File(_Strict):
    format: Literal[1]
    max_characters: int = Field(1_000_000, ge=1000)
    input: dict[str, Any]
    retrieved: dict[str, Any]
    tool: dict[str, Any]
    output: dict[str, Any]


def load_policy(path: Path | None = None) -> Policy:
    """Read the policy at `path`, or the one that is shipped.

    Raises:
        GuardrailError: If it cannot be read or says something that cannot be followed; the message names the place.
    """
    try:
        if path is None:
            text = resources.files("agent.guardrails").joinpath("policy.toml").read_text(encoding="utf-8")
        else:
            text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise GuardrailError(f"The guard policy cannot be read: {exc}.", hint=_HINT) from exc
    return parse_policy(text)


def parse_policy(text: str) -> Policy:
    """Check the text of a policy file.

    Raises:
        GuardrailError: As for `load_policy`.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise GuardrailError(f"The guard policy is not valid TOML: {exc}.", hint=_HINT) from exc
    file = _validated(_File, content, "")
    rules: dict[Ring, Mapping[str, Rule]] = {ring: _ring(ring, content[ring]) for ring in get_args(Ring)}
    version = hashlib.sha256(rfc8785.dumps(content)).hexdigest()
    return Policy(version=version, max_characters=file.max_characters, rules=rules, content=content)


def _ring(ring: Ring, table: dict[str, Any]) -> dict[str, Rule]:
    names = table.get("guards")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _wrong(f"[{ring}] needs a list `guards`")
    if len(set(names)) != len(names):
        raise _wrong(f"[{ring}] names a guard twice")
    for name in names:
        if name not in _KNOWN[ring]:
            raise _wrong(f"[{ring}] names the guard {name!r}, which is not one of: {', '.join(sorted(_KNOWN[ring]))}")
        if name not in table:
            raise _wrong(f"[{ring}.{name}] is missing")
    for key in table.keys() - {"guards", *names}:
        raise _wrong(f"[{ring}] has {key!r}, which is not in its list of guards")
    return {name: _rule(f"{ring}.{name}", table[name]) for name in names}


def _rule(place: str, table: Any) -> Rule:
    parsed = _validated(_GuardRule, table, place)
    if (parsed.allowed is not None) != place.endswith(".tools"):
        raise _wrong(f"[{place}] " + ("has no use for `allowed`" if parsed.allowed is not None else "needs `allowed`"))
    options = {} if parsed.allowed is None else {"allowed": {n: t.model_dump() for n, t in parsed.allowed.items()}}
    return Rule(
        threshold=parsed.threshold,
        action=parsed.action,
        labels=parsed.labels,
        own_evidence=parsed.own_evidence,
        options=options,
    )


def _validated(model: type[_M], value: Any, place: str) -> _M:
    try:
        return model.model_validate(value)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join([*([place] if place else []), *(str(part) for part in first["loc"])])
        raise _wrong(f"{where or 'the file'}: {first['msg']}") from exc


def _wrong(what: str) -> GuardrailError:
    return GuardrailError(f"The guard policy cannot be followed: {what}.", hint=_HINT)
