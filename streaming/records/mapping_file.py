"""A mapping file: how events of other systems on our topic are read (docs/data.md has examples).

    {"formats": [{"like": "segment", "types": {"Product Viewed": "view"}},
                 {"name": "shop", "when": {"/kind": ["seen", "bought"]},
                  "fields": {"user_id": "/who/id", "item_id": ["/sku", "/article"], "event_time": "/at",
                             "event_type": "/kind"},
                  "types": {"seen": "view", "bought": "purchase"}, "time_unit": "s"}],
     "schemas": {"7": "clicks.avsc"}}

A record is read by the first format whose ``when`` matches it; without a match it is read as our own event.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from contracts.events import EventType
from streaming.records.known_formats import KNOWN_FORMATS

ANYTHING = "*"  # in `when`: the place exists, with any value
FIELDS = ("event_id", "event_type", "user_id", "item_id", "value", "event_time", "session_id")
_REQUIRED = ("user_id", "item_id", "event_type", "event_time")
TIME_FACTORS = {"s": 1000.0, "ms": 1.0, "us": 0.001, "ns": 0.000001}  # to milliseconds
_POINTER = re.compile(r"(/[^'\"\\]*)+")

FieldName = Literal["event_id", "event_type", "user_id", "item_id", "value", "event_time", "session_id"]


class MappingError(ValueError):
    """The mapping file cannot be used; the message names the cure."""


def steps(pointer: str) -> list[str | int]:
    """The parts of a JSON pointer (RFC 6901): names, and numbers for places in an array."""
    names = (name.replace("~1", "/").replace("~0", "~") for name in pointer.split("/")[1:])
    return [int(name) if name.isascii() and name.isdigit() else name for name in names]


def _checked_pointer(text: str) -> str:
    if not _POINTER.fullmatch(text) or "" in text.split("/")[1:]:
        raise ValueError(f"{text!r} is no JSON pointer as /user/id, without quotes and backslashes")
    return text


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Pointer = Annotated[str, AfterValidator(_checked_pointer)]
Words = Annotated[tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1)]
Pointers = Annotated[tuple[Pointer, ...], BeforeValidator(_as_list), Field(min_length=1)]


class EventFormat(BaseModel):
    """How the events of one system are recognised and read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    when: dict[Pointer, Words] = Field(min_length=1)  # place -> texts of which it must have one, or "*"
    fields: dict[FieldName, Pointers] = Field(default_factory=dict)  # field -> places; the first with a value
    constants: dict[FieldName, str] = Field(default_factory=dict)  # field -> value where no place has one
    types: dict[str, EventType] = Field(default_factory=dict)  # their event types -> ours
    time_unit: Literal["s", "ms", "us", "ns", "auto"] = "auto"  # of numbers; "auto": by their size

    @model_validator(mode="after")
    def _gives_events(self) -> EventFormat:
        missing = [name for name in _REQUIRED if name not in self.fields and name not in self.constants]
        if missing:
            raise ValueError(f"neither fields nor constants say where {', '.join(missing)} stands")
        if ANYTHING in self.types:
            raise ValueError("types knows no '*': name each type, and leave out the others")
        return self


class MappingFile(BaseModel):
    """All formats, in the order in which they are tried."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    formats: tuple[EventFormat, ...] = ()
    # A registry's id -> the file of its schema beside this one: .avsc is Avro's, .json is JSON Schema's.
    schemas: dict[int, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_something(self) -> MappingFile:
        if not self.formats and not self.schemas:
            raise ValueError("neither formats nor schemas are named")
        return self


def read_mapping(path: str) -> MappingFile:
    """Read a mapping file. Raises MappingError."""
    try:
        written = json.loads(Path(path).read_text(encoding="utf-8"))
        formats = [_with_what_it_is_like(one) for one in written.pop("formats", ())]
        return MappingFile.model_validate({"formats": formats, **written})
    except OSError as error:
        raise MappingError(f"EVENT_MAPPING_FILE={path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors(include_url=False)
        )
        raise MappingError(f"EVENT_MAPPING_FILE={path} is no mapping: {faults}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MappingError(
            f"EVENT_MAPPING_FILE={path} is no mapping: {error}. "
            'Write {"formats": [...]} as docs/data.md says'
        ) from error


def _with_what_it_is_like(written: dict[str, Any]) -> dict[str, Any]:
    """A format merged into the known one that it names with "like"; its own entries win, table by table."""
    like = written.pop("like", None)
    if like is None:
        return written
    if like not in KNOWN_FORMATS:
        raise ValueError(f"'like' knows {', '.join(KNOWN_FORMATS)}, not {like!r}")
    known = KNOWN_FORMATS[like]
    tables = {name: {**known.get(name, {}), **written.get(name, {})} for name in ("fields", "types")}
    return {"name": like, **known, **written, **tables}
