from __future__ import annotations

import re
from typing import Any

import pytest

from contracts.settings import ServingSettings
from release.api_pages import kind, markdown
from serving.app import create_app


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(ServingSettings()).openapi()


@pytest.fixture(scope="module")
def page(document: dict[str, Any]) -> str:
    return markdown(document)


def test_the_page_has_every_route_and_every_parameter_of_the_api(document: dict[str, Any], page: str) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            section = re.search(rf"^### {method.upper()} {re.escape(path)}\n(.*?)^##", page, re.M | re.S)
            assert section is not None, (method, path)
            for parameter in operation.get("parameters", ()):
                assert f"| `{parameter['name']}` |" in section[1], (method, path)


def test_every_record_that_the_page_links_to_has_a_section(page: str) -> None:
    linked = set(re.findall(r"\(#(record-\w+)\)", page))
    assert linked
    assert linked <= set(re.findall(r"^\((record-\w+)\)=$", page, re.MULTILINE))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 9, "default": 3}, "integer, ≥ 1, ≤ 9, default `3`"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Item"}}, "list of [Item](#record-item)"),
        ({"enum": ["a", "b"]}, "one of `a`, `b`"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "object of number"),
        ({}, "any value"),
    ],
)
def test_the_type_of_a_value_is_given_in_words(schema: dict[str, object], words: str) -> None:
    assert kind(schema) == words


def test_text_with_bars_and_line_breaks_stays_in_its_cell() -> None:
    route = {
        "tags": ["users"],
        "summary": "Read",
        "responses": {},
        "parameters": [{"name": "n", "in": "query", "schema": {}, "description": "one | two\nthree"}],
    }
    page = markdown({"paths": {"/v1": {"get": route}}, "components": {"schemas": {}}})
    assert "| `n` | query | any value | one \\| two three |" in page
