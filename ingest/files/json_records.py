"""Reads JSON with DuckDB: one object a line, an array of objects, or objects one after another.

Dumps of Steam and older ones of Amazon hold Python dicts (single quotes, ``True``): they are turned into JSON
first.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ingest.files.columns import names_an_item
from ingest.files.content import Content, recode
from ingest.files.delimited_text import Refused, RefusedRecord, lines_sql
from ingest.files.engine import Engine, sql_literal
from ingest.files.first_bytes import CUT_OFF
from ingest.files.plain_copies import (
    as_python,
    has_two_line_ends,
    list_as_json_lines,
    rewrite,
    with_one_line_end,
)
from ingest.files.rejected_lines import NoTableError, SourceError
from ingest.files.typed_ids import id_text

_MAX_OBJECT_BYTES = 64_000_000
_KEPT = 1_000
_MOST_NAMES = 1_000
_LOOKED_AT = 200  # objects that are searched for a list of items
_DEEPEST, _MOST_FIELDS = 3, 100
# The keys that exports of MongoDB wrap around values, the innermost first.
_WRAPPED = (
    "$oid",
    '$date"."$numberLong',
    "$date",
    "$numberLong",
    "$numberInt",
    "$numberDouble",
    "$numberDecimal",
)


_PYTHON_LIST = re.compile(r"\[\s*\{\s*u?'")


def looks_like_json(text: str) -> bool:
    """Whether a text begins like an object or an array of objects."""
    start = text.lstrip()
    return start.startswith("{") or (start.startswith("[") and start[1:].lstrip()[:1] in ("{", "]", "["))


@dataclass
class JsonRecords:
    """A file of JSON objects. ``shape`` describes its form for people."""

    content: Content
    shape: str

    @classmethod
    def of(cls, content: Content, scratch: Path) -> JsonRecords:
        """Find the form from the first line. Raises SourceError if it is neither JSON nor a Python
        literal."""
        text = content.text.lstrip()
        if _PYTHON_LIST.match(text):
            return cls(list_as_json_lines(content, scratch), "a list of Python literals")
        if text.startswith("["):
            return cls(content, "JSON array")
        line = _without_comma(text.partition("\n")[0])
        if _as_json(line) is not None:
            return cls(content, "JSON lines")
        if _as_python(line) is not None:
            return cls(_rewrite_as_json_lines(content, scratch), "lines of Python literals")
        lines = [_as_json(_without_comma(other)) for other in content.sample_lines[1:20]]
        if any(lines):
            return cls(content, "JSON lines")
        return cls(content, "JSON objects")

    @property
    def has_lines(self) -> bool:
        """Whether each record is one line, so that a broken line loses only itself."""
        return self.shape not in ("JSON array", "JSON objects")

    def open(self, engine: Engine, table: str) -> Refused:
        """Fill ``table`` with the objects: columns (line, json). Raises SourceError if they cannot be
        read."""
        try:
            return self._open(engine, table)
        except duckdb.Error as error:
            if "nicode" in str(error) and self.content.encoding == "utf-8":
                self.content = recode(self.content, engine.folder)
                return self.open(engine, table)
            if self.has_lines and has_two_line_ends(self.content):
                self.content = with_one_line_end(self.content, engine.folder)
                return self.open(engine, table)
            _, _, place = str(error).strip().splitlines()[0].rpartition('", ')
            raise SourceError(
                f"{self.content.named} cannot be read as {self.shape} ({place}): fetch it again if it was "
                "cut off, or write one record a line"
            ) from error

    def _open(self, engine: Engine, table: str) -> Refused:
        if not self.has_lines:
            form = "array" if self.shape == "JSON array" else "unstructured"
            engine.run(
                f"CREATE OR REPLACE TABLE {table} AS SELECT row_number() OVER () AS line, json FROM "
                f"read_json_objects({sql_literal(str(self.content.path))}, format = '{form}', "
                f"compression = {sql_literal(self.content.compression)}, "
                f"maximum_object_size = {_MAX_OBJECT_BYTES})"
            )
            if form == "array" and not self.content.ends_with(b"]"):
                raise SourceError(f"{self.content.named} {CUT_OFF.format('a JSON array without an end')}")
            return self._take_out_other_values(engine, table)
        engine.run(
            f"CREATE OR REPLACE TABLE {table} AS SELECT line, "
            "CASE WHEN ends_with(text, ',') THEN rtrim(text, ', ') ELSE text END AS json "
            f"FROM (SELECT line, trim(text) AS text FROM ({lines_sql(self.content)})) "
            "WHERE text <> '' ORDER BY line"
        )
        return self._take_out_other_values(engine, table)

    def _take_out_other_values(self, engine: Engine, table: str) -> Refused:
        kind = "CASE WHEN json_valid(json) THEN json_type(json) END"
        refused = engine.rows(
            f"SELECT line, json, {kind}, count(*) OVER () FROM {table} "
            f"WHERE coalesce({kind}, '') <> 'OBJECT' ORDER BY line LIMIT {_KEPT}"
        )
        if refused:
            engine.run(f"DELETE FROM {table} WHERE coalesce({kind}, '') <> 'OBJECT'")
        first = tuple(
            RefusedRecord(
                line, "not a complete JSON object" if kind is None else "not a JSON object", str(text)
            )
            for line, text, kind, _ in refused
        )
        return Refused(refused[0][3] if refused else 0, first)

    @staticmethod
    def names(engine: Engine, table: str) -> list[str]:
        """The names of all objects' fields, in the order in which they first occur."""
        return [
            name
            for (name,) in engine.rows(
                "SELECT name FROM (SELECT min(line) AS line, name, min(place) AS place FROM "
                "(SELECT line, unnest(json_keys(json)) AS name, "
                f"generate_subscripts(json_keys(json), 1) AS place FROM {table}) "
                f"GROUP BY name) ORDER BY line, place LIMIT {_MOST_NAMES}"
            )
        ]

    @staticmethod
    def list_of_items(engine: Engine, table: str, names: list[str]) -> str | None:
        """The only field with a list of objects that name an item, as in Steam's dump; None if there is
        none."""
        found = []
        for name in names:
            field = sql_literal(f"{pointer(name)}/0")
            keys = engine.rows(
                f"SELECT DISTINCT unnest(json_keys(json, {field})) FROM (SELECT json FROM {table} "
                f"WHERE json_type(json, {field}) = 'OBJECT' LIMIT {_LOOKED_AT})"
            )
            if names_an_item([key for (key,) in keys]):
                found.append(name)
        return found[0] if len(found) == 1 else None

    @staticmethod
    def only_list(engine: Engine, table: str, names: list[str]) -> str | None:
        """The field that holds all records, as in an answer of an API: {"orders": [{...}, ...]}, or within
        another object: {"data": {"orders": [{...}, ...]}}.

        None unless the file is a single object with one list of objects, and no field that names an item.
        """
        if engine.rows(f"SELECT count(*) FROM {table}")[0][0] != 1 or names_an_item(names):
            return None
        inner = [place for name in names for place in _fields_of(engine, table, pointer(name))]
        for places in (names, inner):
            found = [name for name in places if _type_of(engine, table, f"{pointer(name)}/0") == "OBJECT"]
            if found:
                return found[0] if len(found) == 1 else None
        return None

    @staticmethod
    def inner_places(named: Path, engine: Engine, table: str, names: list[str]) -> dict[str, list[str]]:
        """The fields that hold objects, each with the JSON pointers of the fields inside it, to a depth of
        three.

        Raises NoTableError if the file is a single object whose fields are whole columns or rows.
        """
        found: dict[str, list[str]] = {}
        for name in names:
            places, at = [pointer(name)], 0
            while at < len(places):
                if places[at].count("/") <= _DEEPEST:
                    places += _fields_of(engine, table, places[at])
                at += 1
            if places[1:]:
                found[name] = places[1:]
        has_one = engine.rows(f"SELECT count(*) FROM {table}")[0][0] == 1
        has_lists = all(_type_of(engine, table, pointer(name)) == "ARRAY" for name in names)
        if has_one and len(names) > 1 and (len(found) == len(names) or has_lists):
            raise NoTableError(
                f"{named}: one object of {'lists' if has_lists else 'objects'} is not a list of records: "
                "write one record a line, as pandas' to_json(orient='records', lines=True) does"
            )
        return found

    def spread(self, engine: Engine, table: str, name: str) -> None:
        """Replace each object by one for each entry of its list: the entry's fields, and those beside the
        list."""
        listed, whole = sql_literal(pointer(name)), sql_literal(json.dumps({split_pointer(name)[0]: None}))
        engine.run(
            f"CREATE OR REPLACE TABLE {table} AS SELECT line, "
            f"json_merge_patch(json_merge_patch(json, {whole}::JSON), entry)::VARCHAR AS json FROM "
            f"(SELECT line, json, unnest(json_extract(json, {listed})::JSON[]) AS entry FROM {table} "
            f"WHERE json_type(json, {listed}) = 'ARRAY') WHERE json_type(entry) = 'OBJECT' ORDER BY line"
        )
        self.shape = f"{self.shape} with a list of {name} in each"


def pointer(name: str) -> str:
    """A field's name as a JSON pointer. A name that begins with / is a pointer already."""
    return name if name.startswith("/") else "/" + name.replace("~", "~0").replace("/", "~1")


def split_pointer(place: str) -> tuple[str, str]:
    """Split a JSON pointer into its first field and the rest."""
    first, slash, rest = place.removeprefix("/").partition("/")
    return first.replace("~1", "/").replace("~0", "~"), slash + rest


def _type_of(engine: Engine, table: str, place: str) -> str | None:
    """JSON's type at a place of the table's first object; None where it has none."""
    found = engine.rows(f"SELECT json_type(json, {sql_literal(place)}) FROM {table} LIMIT 1")
    return str(found[0][0]) if found and found[0][0] else None


def _fields_of(engine: Engine, table: str, place: str) -> list[str]:
    """The pointers of an object's fields; none if the object is only MongoDB's wrapping of a value."""
    at = sql_literal(place)
    keys = engine.rows(
        f"SELECT DISTINCT unnest(json_keys(json, {at})) FROM (SELECT json FROM {table} "
        f"WHERE json_type(json, {at}) = 'OBJECT' LIMIT {_LOOKED_AT}) ORDER BY 1"
    )
    names = [key for (key,) in keys]
    if any(name.startswith("$") for name in names):
        return []
    return [f"{place}{pointer(name)}" for name in names[:_MOST_FIELDS]]


def token_text(token: str, is_id: bool) -> str:
    """SQL: a JSON value as text. In an id, a whole number loses a fraction of zeros (7.0 becomes 7)."""
    inner = ", ".join(f"""json_extract_string({token}, '$."{name}"')""" for name in _WRAPPED)
    text = f"json_extract_string({token}, '$')"
    text = f"CASE WHEN json_type({token}) = 'OBJECT' THEN coalesce({inner}, {text}) ELSE {text} END"
    if is_id:
        number = f"TRY_CAST({token} AS DOUBLE)"
        digits = f"regexp_full_match({token}::VARCHAR, '-?[0-9]+')"
        as_float = id_text(number, f"{number}::BIGINT::VARCHAR", text)
        text = (
            f"CASE WHEN json_type({token}) IN ('DOUBLE', 'BIGINT', 'UBIGINT', 'HUGEINT') AND NOT {digits} "
            f"THEN {as_float} ELSE {text} END"
        )
    # An object or an array stays JSON text, so that the refusal can show it.
    return f"CASE WHEN {token} IS NULL OR json_type({token}) = 'NULL' THEN NULL ELSE {text} END"


def _without_comma(line: str) -> str:
    """A line of JSON without blanks around it and without a comma at its end."""
    return line.strip().rstrip(", ")


def _as_json(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _as_python(line: str) -> dict[str, Any] | None:
    found = as_python(line)
    return found if isinstance(found, dict) else None


def _rewrite_as_json_lines(content: Content, scratch: Path) -> Content:
    """Make a copy whose lines are JSON. A line that is neither JSON nor Python stays, and is refused
    later."""

    def line_of(line: str) -> str:
        found = _as_python(line) if line and _as_json(line) is None else None
        return line if found is None else json.dumps(found, ensure_ascii=False, default=str)

    texts = (raw.decode("utf-8", "replace").strip() for raw in content.lines())
    return rewrite(content, scratch, (f"{line_of(text)}\n" for text in texts))
