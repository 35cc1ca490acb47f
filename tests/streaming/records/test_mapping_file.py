from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streaming.records.known_formats import KNOWN_FORMATS
from streaming.records.known_schemas import mapping_fault
from streaming.records.mapping_file import MappingError, read_mapping, steps

PLAIN = {
    "name": "n",
    "when": {"/kind": "seen"},
    "fields": {"user_id": "/u", "item_id": "/i", "event_type": "/kind", "event_time": "/at"},
}


def write(folder: Path, content: Any) -> str:
    path = folder / "mapping.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


@pytest.mark.parametrize("name", KNOWN_FORMATS)
def test_each_known_format_is_a_mapping_without_further_entries(tmp_path: Path, name: str) -> None:
    assert read_mapping(write(tmp_path, {"formats": [{"like": name}]})).formats[0].name == name


def test_the_entries_of_a_mapping_replace_those_of_its_known_format(tmp_path: Path) -> None:
    ours = {"like": "segment", "fields": {"item_id": "/properties/article"}, "types": {"Seen": "view"}}
    (form,) = read_mapping(write(tmp_path, {"formats": [ours]})).formats
    assert form.fields["item_id"] == ("/properties/article",)
    assert form.fields["user_id"] == ("/userId", "/anonymousId")
    assert (form.types["Seen"], form.types["Product Viewed"]) == ("view", "view")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is no mapping"),
        ([], "is no mapping"),
        ({}, "is no mapping"),
        ({"formats": []}, "formats"),
        ({"formats": [{"like": "carrier pigeon"}]}, "'like' knows cloudevents"),
        ({"formats": [PLAIN | {"when": {}}]}, "formats.0.when"),
        ({"formats": [PLAIN | {"fields": {"user": "/u"}}]}, "formats.0.fields"),
        ({"formats": [PLAIN | {"fields": {"user_id": "u"}}]}, "no JSON pointer"),
        ({"formats": [PLAIN | {"fields": {"user_id": "/a'b"}}]}, "without quotes"),
        ({"formats": [PLAIN | {"types": {"seen": "glance"}}]}, "formats.0.types.seen"),
        ({"formats": [PLAIN | {"time_unit": "days"}]}, "formats.0.time_unit"),
        (
            {"formats": [PLAIN | {"fields": {"user_id": "/u"}}]},
            "where item_id, event_type, event_time stands",
        ),
        ({"formats": [PLAIN | {"types": {"*": "view"}}]}, "name each type, and leave out the others"),
        ({"formats": [PLAIN], "more": 1}, "more"),
    ],
)
def test_a_file_that_is_not_a_mapping_is_refused_with_the_place_of_the_fault(
    tmp_path: Path, content: Any, sentence: str
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(MappingError, match=sentence):
        read_mapping(path)
    assert sentence in (mapping_fault(path) or "")


def test_the_error_names_a_missing_file_and_no_file_is_needed(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="EVENT_MAPPING_FILE=/nowhere/m"):
        read_mapping("/nowhere/m.json")
    assert mapping_fault("") is None


def test_a_json_pointer_is_read_as_its_standard_says() -> None:
    assert steps("/a/0/b~1c~0d/01x") == ["a", 0, "b/c~d", "01x"]
