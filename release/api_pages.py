"""The API's part of the documentation: Markdown of the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")
_MOST_VALUES = 12


def markdown(document: Document) -> str:
    """Every route under its subject (OpenAPI's tag), then every record that requests and answers hold."""
    subjects: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                operation = methods[method]
                subjects.setdefault(operation["tags"][0], []).append(_route(method, path, operation))
    parts = [f"## {subject.capitalize()}\n\n" + "\n".join(routes) for subject, routes in subjects.items()]
    schemas = sorted(document["components"]["schemas"].items(), key=lambda pair: pair[0].casefold())
    return "\n".join([*parts, "## Records\n", *(_record(name, schema) for name, schema in schemas)])


def _route(method: str, path: str, operation: Document) -> str:
    lines = [
        f"### {method.upper()} {path}",
        "",
        operation.get("description", operation["summary"]).strip(),
        "",
    ]
    if parameters := operation.get("parameters"):
        lines += ["| parameter | in | type | meaning |", "|---|---|---|---|"]
        lines += [_parameter(parameter) for parameter in parameters]
        lines.append("")
    if body := operation.get("requestBody"):
        lines += [f"**Body:** {_content(body)}", ""]
    for status, answer in operation["responses"].items():
        if status != "default":
            lines += [f"**Answer {status}:** {_content(answer)}", ""]
    return "\n".join(lines)


def _parameter(parameter: Document) -> str:
    meaning = parameter.get("description") or parameter["schema"].get("description", "")
    needed = " (required)" if parameter.get("required") and parameter["in"] != "path" else ""
    return _row(f"`{parameter['name']}`", parameter["in"] + needed, kind(parameter["schema"]), meaning)


def _content(holder: Document) -> str:
    kinds = {
        "text" if media_type.startswith("text/") else kind(each.get("schema", {}))
        for media_type, each in holder.get("content", {}).items()
    }
    return " or ".join(sorted(kinds)) or holder.get("description", "nothing")


def _record(name: str, schema: Document) -> str:
    lines = [f"(record-{name.lower()})=", f"### {name}", ""]
    if text := schema.get("description"):
        lines += [text.strip(), ""]
    required = schema.get("required", ())
    if properties := schema.get("properties"):
        lines += ["| field | type | meaning |", "|---|---|---|"]
        for field, each in properties.items():
            name_shown = f"`{field}`" + ("" if field in required else " (may be absent)")
            lines.append(_row(name_shown, kind(each), each.get("description", "")))
    else:
        lines.append(kind(schema).capitalize() + ".")
    return "\n".join([*lines, ""])


def kind(schema: Document) -> str:
    """The type of a value in words, with its bounds and its default; a record is a link to its section."""
    words = _type(schema)
    extra = [f"default `{schema['default']}`"] if schema.get("default") not in (None, "", []) else []
    return ", ".join([words, *_bounds(schema), *extra])


def _type(schema: Document) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#record-{name.lower()})"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(kind(each) for each in schema[several]))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"][:_MOST_VALUES])
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {kind(schema['additionalProperties'])}"
    return str(schema.get("type", "any value"))


def _bounds(schema: Document) -> Iterator[str]:
    names = {
        "minimum": "≥ {}",
        "exclusiveMinimum": "> {}",
        "maximum": "≤ {}",
        "exclusiveMaximum": "< {}",
        "minLength": "{} or more characters",
        "maxLength": "at most {} characters",
        "minItems": "{} or more",
        "maxItems": "at most {}",
    }
    for name, words in names.items():
        if name in schema:
            yield words.format(schema[name])


def _row(*cells: str) -> str:
    """A table's row: what a cell says stands on one line, and a bar does not end it."""
    return "| " + " | ".join(re.sub(r"\s+", " ", cell).replace("|", "\\|") for cell in cells) + " |"
