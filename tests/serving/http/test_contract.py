"""The names and shapes of the OpenAPI document do not change, because clients rely on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from serving.app import create_app
from tests.serving.conftest import settings_of

# One line for each operation and each component. After a change that is meant (a new route, a new optional
# field), write it anew: python -m tests.serving.http.test_contract
STORED = Path(__file__).with_name("contract.json")
WORDS = frozenset({"description", "summary"})


def without_words(node: Any) -> Any:
    """The document without its texts, which may change at any time."""
    if isinstance(node, dict):
        return {
            name: without_words(value)
            for name, value in node.items()
            if not (name in WORDS and isinstance(value, str))
        }
    return [without_words(each) for each in node] if isinstance(node, list) else node


def shapes() -> dict[str, Any]:
    """Every operation by method and path, every schema by name."""
    document = without_words(create_app(settings_of()).openapi())
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    return operations | document["components"]["schemas"]


def as_text(entries: dict[str, Any]) -> str:
    """JSON with one entry a line, in the order of the names, so that a change shows as one line."""
    lines = [f"{json.dumps(name)}: {json.dumps(entries[name], sort_keys=True)}" for name in sorted(entries)]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def test_no_route_or_field_is_renamed_or_removed() -> None:
    stored, now = json.loads(STORED.read_text()), shapes()
    assert {name for name in stored.keys() | now.keys() if stored.get(name) != now.get(name)} == set()


def test_the_stored_contract_has_the_form_that_this_module_writes() -> None:
    assert STORED.read_text() == as_text(json.loads(STORED.read_text()))


if __name__ == "__main__":
    STORED.write_text(as_text(shapes()))
