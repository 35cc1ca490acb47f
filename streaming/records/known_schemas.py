"""Loads the schemas of framed records: from files that the mapping file names, and from a registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from contracts import topics
from contracts.settings import StreamingSettings
from streaming.records.mapping_file import MappingError, read_mapping
from streaming.records.schema_registry import Schema, SchemaKind, registered_schemas

_KINDS: dict[str, SchemaKind] = {".avsc": "AVRO", ".json": "JSON"}


def known_schemas(settings: StreamingSettings) -> dict[int, Schema]:
    """The schemas by id, asked for now; a file overrides the registry.

    Raises MappingError, SchemaRegistryError.
    """
    schemas: Mapping[int, Schema] = {}
    if settings.schema_registry_url:
        subjects = settings.schema_registry_subjects or (f"{topics.INTERACTIONS.name}-value",)
        secret = settings.schema_registry_user_info
        user_info = secret.get_secret_value() if secret else ""
        found = registered_schemas(settings.schema_registry_url, subjects, user_info)
        schemas = {schema.number: schema for schema in found}
    return {**schemas, **schemas_of_files(settings.event_mapping_file)}


def schemas_of_files(mapping_path: str) -> dict[int, Schema]:
    """The schemas in files beside a mapping file, which names them; none if there is no mapping file.

    Raises MappingError.
    """
    if not mapping_path:
        return {}
    named = read_mapping(mapping_path).schemas
    return {number: _read(number, Path(mapping_path).parent / name) for number, name in named.items()}


def mapping_fault(mapping_path: str) -> str | None:
    """Why a mapping file or one of its schemas cannot be used; None if all can, or no file is named."""
    try:
        schemas_of_files(mapping_path)
    except MappingError as error:
        return str(error)
    return None


def _read(number: int, path: Path) -> Schema:
    kind = _KINDS.get(path.suffix)
    if kind is None:
        raise MappingError(f"schema {number}, {path}: name it .avsc for Avro, or .json for JSON Schema")
    try:
        text = path.read_text(encoding="utf-8")
        is_record = kind == "JSON" or json.loads(text)["type"] == "record"
    except OSError as error:
        raise MappingError(f"schema {number}, {path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError):
        is_record = False
    if not is_record:
        raise MappingError(f"schema {number}, {path} is no record of Avro")
    return Schema(number, kind, text)
