from __future__ import annotations

import json
from pathlib import Path

import pytest

from contracts.settings import StreamingSettings
from streaming.records import known_schemas as module
from streaming.records.known_schemas import known_schemas, mapping_fault
from streaming.records.schema_registry import Schema

AVRO = '{"type": "record", "name": "E", "fields": []}'


def write(folder: Path, schemas: dict[str, str]) -> str:
    path = folder / "mapping.json"
    path.write_text(json.dumps({"schemas": schemas}))
    return str(path)


def test_a_schema_file_beside_the_mapping_is_used_before_the_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fake_registry(url: str, subjects: tuple[str, ...], user_info: str) -> list[Schema]:
        asked.append((url, subjects, user_info))
        return [Schema(7, "PROTOBUF", ""), Schema(8, "JSON", "{}")]

    monkeypatch.setattr(module, "registered_schemas", fake_registry)
    (tmp_path / "e.avsc").write_text(AVRO)
    settings = StreamingSettings(
        event_mapping_file=write(tmp_path, {"7": "e.avsc"}),
        schema_registry_url="http://registry",
        schema_registry_user_info="ann:secret",
    )
    assert known_schemas(settings) == {7: Schema(7, "AVRO", AVRO), 8: Schema(8, "JSON", "{}")}
    assert asked == [("http://registry", ("interactions-value",), "ann:secret")]
    assert "ann:secret" not in repr(settings)
    assert known_schemas(StreamingSettings()) == {}


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("e.avsc", "{", "is no record of Avro"),
        ("e.avsc", '"string"', "is no record of Avro"),
        ("e.proto", "message E {}", "name it .avsc for Avro"),
        ("absent.avsc", None, "cannot be read"),
    ],
)
def test_a_schema_that_cannot_be_used_is_an_error_before_the_start(
    tmp_path: Path, name: str, text: str | None, sentence: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    fault = mapping_fault(write(tmp_path, {"7": name})) or ""
    assert "schema 7" in fault
    assert sentence in fault
