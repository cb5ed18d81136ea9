"""The fake backend's answers to a JSON schema."""

from __future__ import annotations

from typing import Any

import pytest

from backends.llm.minimal_instance import minimal_instance
from provenance.errors import UsageError


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "minLength": 2}, "xx"),
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 4}, 4),
        ({"type": "integer", "exclusiveMinimum": 4}, 5),
        ({"type": "number", "maximum": -1.5}, -1.5),
        ({"type": ["null", "string"]}, None),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [False, False]),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 0),
        ({"properties": {"a": {"type": "integer"}, "b": {}}, "required": ["a"]}, {"a": 0}),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"const": "y"}}}, "y"),
        ({"allOf": [{"type": "object"}, {"required": ["k"], "properties": {"k": {"const": 1}}}]}, {"k": 1}),
    ],
)
def test_the_smallest_instance(schema: dict[str, Any], expected: Any) -> None:
    assert minimal_instance(schema) == expected


def test_a_schema_without_a_finite_instance_is_refused() -> None:
    endless = {"properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    with pytest.raises(UsageError, match="contains itself"):
        minimal_instance(endless)


def test_a_reference_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(UsageError, match="refers to"):
        minimal_instance({"$ref": "#/$defs/missing"})
