"""Canonical JSON, RFC 8785: one value, one text, so that a digest of it means something.

The package `rfc8785` is the reference and does everything unusual: exponents, exotic types, every refusal. Plain values
take a shorter way that is several times faster; a test holds both against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from json.encoder import encode_basestring as _quote  # escapes exactly what RFC 8785 wants escaped, in C
from typing import Any

import rfc8785

from provenance.errors import LedgerError

__all__ = ["canonical_json"]

_MAX_INT = 2**53 - 1  # what a JSON number, a double, holds exactly


def canonical_json(body: Mapping[str, Any]) -> str:
    """`body` with sorted keys, no spaces, shortest numbers, no NaN.

    Raises:
        LedgerError: If it holds something JSON has no exact form for.
    """
    try:
        text = _object(dict(body))
        text.encode("utf-8")  # lone surrogates are not text
    except (ValueError, RecursionError) as exc:
        raise LedgerError(f"This event cannot be recorded: {exc}.", hint="Give it plain JSON values only.") from exc
    return text


def _object(value: dict[Any, Any]) -> str:
    try:
        # The order is by UTF-16 code units, which is that of Python's strings as long as they are ASCII.
        keys = sorted(value) if all(map(str.isascii, value)) else sorted(value, key=lambda key: key.encode("utf-16-be"))
    except TypeError:
        return _by_reference(value)  # a key that is no text: refused there
    get = _WRITERS.get  # written out here and below: a call less for every value
    return "{" + ",".join([f"{_quote(key)}:{get(type(part := value[key]), _by_reference)(part)}" for key in keys]) + "}"


def _array(value: list[Any] | tuple[Any, ...]) -> str:
    get = _WRITERS.get
    return "[" + ",".join([get(type(item), _by_reference)(item) for item in value]) + "]"


def _integer(value: int) -> str:
    return str(value) if -_MAX_INT <= value <= _MAX_INT else _by_reference(value)


def _float(value: float) -> str:
    """Python and ECMAScript print the same shortest digits; they differ in exponents, in `.0` and in `-0`."""
    text = repr(value)
    if "e" in text or "n" in text or not value:
        return _by_reference(value)
    return text.removesuffix(".0")


def _by_reference(value: Any) -> str:
    return rfc8785.dumps(value).decode("utf-8")


_WRITERS: dict[type, Callable[[Any], str]] = {
    str: _quote,
    dict: _object,
    list: _array,
    tuple: _array,
    int: _integer,
    float: _float,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): lambda _: "null",
}
