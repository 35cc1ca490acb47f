"""Parquet by DuckDB: a file, a folder as Spark writes it, partitions as Hive names them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingest.files.engine import Engine, sql_literal
from ingest.files.rejected_lines import SourceError

_FRACTIONS = ("DOUBLE", "FLOAT")


@dataclass
class ParquetRecords:
    """One Parquet file; its partition's folders (``date=2024-01-01``) are columns too."""

    path: Path

    def types(self, engine: Engine) -> dict[str, str]:
        """Column -> its type. Raises SourceError."""
        try:
            return {row[0]: row[1] for row in engine.rows(f"DESCRIBE SELECT * FROM {self.relation()}")}
        except duckdb.Error as error:
            raise SourceError(
                f"{self.path} cannot be read as Parquet: {str(error).strip().splitlines()[0]}"
            ) from error

    def relation(self) -> str:
        """The rows as DuckDB reads them."""
        return (
            f"read_parquet({sql_literal(str(self.path))}, hive_partitioning = true, file_row_number = true)"
        )


def column_text(name: str, kind: str, is_id: bool) -> str:
    """SQL: a column's values as text. A moment becomes "@" and its epoch milliseconds."""
    column = '"' + name.replace('"', '""') + '"'
    if kind.startswith(("TIMESTAMP", "DATE")):
        # Rounded as the event's milliseconds have always been.
        moment = column if kind.endswith("TIME ZONE") else f"{column}::TIMESTAMP"
        return f"'@' || round(epoch_us({moment}) / 1000.0)::BIGINT"
    if kind == "BLOB":
        return f"TRY(decode({column}))"
    if kind in _FRACTIONS or kind.startswith("DECIMAL"):
        number = f"{column}::DOUBLE"
        whole = f"{number} = trunc({number}) AND abs({number}) < 9007199254740992"
        shown = f"CASE WHEN isnan({number}) THEN NULL ELSE {column}::VARCHAR END"
        return f"CASE WHEN {whole} THEN {column}::BIGINT::VARCHAR ELSE {shown} END" if is_id else shown
    return f"{column}::VARCHAR"
