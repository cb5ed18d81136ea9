"""Schemas on their way to a decoder."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from backends.llm.schema import closed, json_schema_format, schema_of
from provenance.errors import UsageError


def test_objects_inside_objects_are_closed_too() -> None:
    inner = {"properties": {"a": {}}}
    found = closed({"properties": {"list": {"items": inner}, "either": {"anyOf": [inner]}}, "$defs": {"d": inner}})
    for part in (found["properties"]["list"]["items"], found["properties"]["either"]["anyOf"][0], found["$defs"]["d"]):
        assert part["additionalProperties"] is False


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"properties": {}, "additionalProperties": {"type": "string"}},
        {"properties": {}, "allOf": [{"properties": {"a": {}}}]},
        {"const": {"properties": {}}},
    ],
)
def test_what_says_otherwise_stays_open(schema: dict[str, Any]) -> None:
    assert closed(schema) == schema


def test_a_field_may_be_called_properties_or_type() -> None:
    schema = {"properties": {"properties": {"type": "integer"}, "type": {"enum": ["a"]}}}
    assert closed(schema) == schema | {"additionalProperties": False}


def test_a_class_becomes_a_closed_schema_and_comes_out_again() -> None:
    class Plan(BaseModel):
        steps: list[str]

    schema = schema_of(json_schema_format(Plan))
    assert schema is not None and schema["additionalProperties"] is False and schema["required"] == ["steps"]


@pytest.mark.parametrize("form", ["json", {"type": "grammar"}, {"type": "json_schema"}, 5])
def test_another_form_is_a_wrong_use(form: Any) -> None:
    with pytest.raises(UsageError):
        schema_of(form)
