"""JSON schemas on their way to a decoder."""

from __future__ import annotations

from typing import Any

from langchain_core.utils.function_calling import convert_to_json_schema

from provenance.errors import UsageError

__all__ = ["closed", "is_free_text", "json_schema_format", "schema_of"]


_NAMED = ("properties", "patternProperties", "$defs", "definitions")  # their values are schemas by name
_NESTED = ("items", "prefixItems", "anyOf", "oneOf", "additionalProperties", "if", "then", "else")


def closed(schema: Any) -> Any:
    """The same schema with every object that lists its properties closed to others, unless it says otherwise.

    JSON Schema lets an object hold more than it lists; a small model under such a schema adds fields without end.
    What is put together with `allOf` stays as it is: its parts know nothing of each other's properties.

    Example:
        >>> closed({"properties": {"n": {"type": "integer"}}})
        {'properties': {'n': {'type': 'integer'}}, 'additionalProperties': False}
    """
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    known = dict(schema)
    for key, value in schema.items():
        if key in _NAMED and isinstance(value, dict):
            known[key] = {name: closed(part) for name, part in value.items()}
        elif key in _NESTED:
            known[key] = closed(value)
    if "properties" in schema and "additionalProperties" not in schema and "allOf" not in schema:
        known["additionalProperties"] = False
    return known


def json_schema_format(schema: dict[str, Any] | type, *, name: str = "answer") -> dict[str, Any]:
    """The `response_format` that makes a model answer with an instance of `schema`.

    A class is taken at its word: an instance has its fields and no others. A schema is taken as it is.
    """
    wanted = closed(convert_to_json_schema(schema)) if isinstance(schema, type) else schema
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": wanted}}


def schema_of(response_format: Any) -> dict[str, Any] | None:
    """The JSON schema inside a `response_format`; None where free text is wanted.

    Raises:
        UsageError: If the form is none that we know.
    """
    match response_format:
        case None | {"type": "text"}:
            return None
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            return schema
        case {"type": "json_object", "schema": dict(schema)}:
            return schema
        case {"type": "json_object"}:
            return {"type": "object"}
        case _:
            raise UsageError(
                "This response_format is not understood.",
                hint='Use {"type": "json_schema", "json_schema": {"schema": {...}}}.',
            )


_SHAPED = ("tools", "functions", "grammar", "json_schema", "guided_json", "guided_grammar", "guided_regex")


def is_free_text(params: dict[str, Any]) -> bool:
    """Whether nothing shapes what a request with these parameters brings: no schema, no grammar, no tools.

    Example:
        >>> is_free_text({"max_tokens": 5}), is_free_text({"response_format": {"type": "json_object"}})
        (True, False)
    """
    if any(params.get(name) for name in (*_SHAPED, "structured_outputs", "guided_choice")):
        return False
    return params.get("response_format") in (None, {"type": "text"})
