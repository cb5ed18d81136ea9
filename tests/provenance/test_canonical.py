"""Canonical JSON against the reference package and against the RFC's own example."""

from __future__ import annotations

import enum
import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.canonical import canonical_json
from provenance.errors import LedgerError

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(), values, max_size=6))
def test_every_value_has_the_form_of_the_reference(body: dict[str, Any]) -> None:
    text = canonical_json(body)
    assert text.encode("utf-8") == rfc8785.dumps(body)
    assert json.loads(text, parse_int=float) == body


def test_the_example_of_the_rfc() -> None:
    """RFC 8785, 3.2.2 and 3.2.3: numbers, escapes, literals, and keys in the order of UTF-16 code units."""
    body = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"\u002f",
        "literals": [None, True, False],
    }
    assert canonical_json(body) == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    in_order = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json.loads(canonical_json(dict.fromkeys(keys, 0)))) == in_order


class _Colour(enum.StrEnum):
    RED = "red"


def test_a_text_enum_is_its_text() -> None:
    assert canonical_json({"colour": _Colour.RED}) == '{"colour":"red"}'


@pytest.mark.parametrize("bad", [float("inf"), 2**53, -(2**53), object(), {1: 2}, b"bytes", {"x"}, "\udfff"])
def test_what_has_no_exact_form_is_refused(bad: Any) -> None:
    with pytest.raises(LedgerError, match="cannot be recorded"):
        canonical_json({"deep": [{"er": bad}]})


def test_a_body_that_holds_itself_is_refused() -> None:
    body: dict[str, Any] = {}
    body["me"] = body
    with pytest.raises(LedgerError):
        canonical_json(body)
