"""Reads Parquet with DuckDB: single files, folders that Spark wrote, and partitions with Hive's names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingest.files.columns import names_an_item
from ingest.files.engine import Engine, sql_literal
from ingest.files.json_records import pointer
from ingest.files.rejected_lines import SourceError
from ingest.files.typed_ids import id_text

_FRACTIONS = ("DOUBLE", "FLOAT")


@dataclass
class ParquetRecords:
    """One Parquet file. The folders of its partition (``date=2024-01-01``) are columns too."""

    path: Path

    def types(self, engine: Engine) -> dict[str, str]:
        """DuckDB's type of each column. Raises SourceError if the file cannot be read."""
        try:
            return {row[0]: row[1] for row in engine.rows(f"DESCRIBE SELECT * FROM {self.relation()}")}
        except duckdb.Error as error:
            raise SourceError(
                f"{self.path} cannot be read as Parquet: {str(error).strip().splitlines()[0]}"
            ) from error

    def inner_places(self, engine: Engine, types: dict[str, str]) -> dict[str, list[str]]:
        """The columns that hold structures, each with the JSON pointers of its fields.

        A list of structures is among them if it is the only one whose entries name an item, and no column
        does.
        """
        found, listed = {}, {}
        for name in (name for name, kind in types.items() if kind.startswith("STRUCT")):
            is_list = types[name].endswith("[]")
            first = f"{_in_quotes(name)}[1]" if is_list else _in_quotes(name)
            keys = engine.rows(
                f"SELECT json_keys(to_json({first})) FROM {self.relation()} WHERE {first} IS NOT NULL LIMIT 1"
            )
            fields = [key for (row,) in keys for key in row]
            if not is_list:
                found[name] = [f"{pointer(name)}{pointer(key)}" for key in fields]
            elif names_an_item(fields):
                listed[name] = [f"{pointer(name)}{pointer(key)}" for key in fields]
        return {**found, **listed} if len(listed) == 1 and not names_an_item(list(types)) else found

    def relation(self, lists: Sequence[str] = ()) -> str:
        """SQL: the rows of the file; one for each entry of the list columns ``lists``."""
        rows = (
            f"read_parquet({sql_literal(str(self.path))}, hive_partitioning = true, file_row_number = true)"
        )
        if not lists:
            return rows
        entries = ", ".join(f"unnest({_in_quotes(name)}) AS {_in_quotes(name)}" for name in lists)
        return f"(SELECT * REPLACE ({entries}) FROM {rows})"


def column_text(name: str, kind: str, is_id: bool) -> str:
    """SQL: a column's values as text. A time becomes "@" and its epoch milliseconds."""
    column = _in_quotes(name)
    if kind.endswith(("]", ")")) and not kind.startswith("DECIMAL"):
        return f"{column_json(name)}::VARCHAR"  # shown in the refusal
    if kind.startswith(("TIMESTAMP", "DATE")):
        # Rounded, not cut: another rounding would change the ids of events that were sent before.
        moment = column if kind.endswith("TIME ZONE") else f"{column}::TIMESTAMP"
        return f"'@' || round(epoch_us({moment}) / 1000.0)::BIGINT"
    if kind == "BLOB":
        return f"TRY(decode({column}))"
    if kind in _FRACTIONS or kind.startswith("DECIMAL"):
        number = f"{column}::DOUBLE"
        shown = f"CASE WHEN isnan({number}) THEN NULL ELSE {column}::VARCHAR END"
        if not is_id:
            return shown
        if kind in _FRACTIONS:
            return id_text(number, f"{column}::BIGINT::VARCHAR", shown)
        return f"regexp_replace({column}::VARCHAR, '[.]0*$', '')"
    return f"{column}::VARCHAR"


def column_json(name: str) -> str:
    """SQL: a column of structures as JSON."""
    return f"to_json({_in_quotes(name)})"


def _in_quotes(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
