"""The smallest value that a JSON schema allows: what a model without weights answers."""

from __future__ import annotations

from typing import Any

from provenance.errors import UsageError

__all__ = ["minimal_instance"]

_DEEPEST = 40


def minimal_instance(schema: dict[str, Any]) -> Any:
    """A valid instance with as little in it as possible; the first of every choice.

    Raises:
        UsageError: If the schema can only be met by something endless, or refers to what is not in it.

    Example:
        >>> minimal_instance({"properties": {"n": {"type": "integer", "minimum": 3}}, "required": ["n"]})
        {'n': 3}
    """
    return _value(schema, schema, 0)


def _value(schema: Any, root: dict[str, Any], depth: int) -> Any:
    if depth > _DEEPEST:
        raise UsageError("This JSON schema has no smallest instance: it contains itself.", hint="Make a part optional.")
    if schema is True or schema == {}:
        return None
    if "$ref" in schema:
        return _value(_resolve(str(schema["$ref"]), root), root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf"):
        if schema.get(choice):
            return _value(schema[choice][0], root, depth + 1)
    if schema.get("allOf"):
        merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema["allOf"]:
            merged |= _resolve(str(part["$ref"]), root) if "$ref" in part else part
        return _value(merged, root, depth + 1)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0]
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "null"
    return _of_kind(str(kind), schema, root, depth)


def _of_kind(kind: str, schema: dict[str, Any], root: dict[str, Any], depth: int) -> Any:
    match kind:
        case "object":
            properties = schema.get("properties", {})
            return {name: _value(properties.get(name, True), root, depth + 1) for name in schema.get("required", [])}
        case "array":
            items = schema.get("prefixItems") or [schema.get("items", True)] * int(schema.get("minItems", 0))
            return [_value(item, root, depth + 1) for item in items]
        case "string":
            return "x" * int(schema.get("minLength", 0))
        case "integer" | "number":
            return _number(schema, whole=kind == "integer")
        case "boolean":
            return False
        case _:
            return None


def _number(schema: dict[str, Any], *, whole: bool) -> int | float:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    value: float = 0
    if low is not None and value < low:
        value = low
    if above is not None and value <= above:
        value = above + 1
    if high is not None and value > high:
        value = high
    if below is not None and value >= below:
        value = below - 1
    return int(value) if whole else value


def _resolve(ref: str, root: dict[str, Any]) -> Any:
    found: Any = root
    for part in ref.removeprefix("#").strip("/").split("/"):
        if part:
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if found is None:
            raise UsageError(f"This JSON schema refers to “{ref}”, which it does not hold.", hint="Add it to $defs.")
    return found
