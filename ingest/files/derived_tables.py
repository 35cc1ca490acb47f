"""Data sets whose lines are not rows (Netflix, Jester, MIND): queries that turn their lines into rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ingest.files.content import Content
from ingest.files.delimited_text import Dialect, Refused, lines_sql
from ingest.files.engine import Engine, sql_literal
from ingest.files.known_layouts import JESTER_HIGH, JESTER_LOW, JESTER_UNRATED


@dataclass
class DerivedTable:
    """A table whose rows come from a query over the lines of a text."""

    content: Content
    shape: str
    query: str  # gives (line, user_id, item_id, value, time, type)
    names: list[str] = field(default_factory=lambda: ["user", "item", "rating", "time"])
    untyped_ids: bool = False
    inner_places: dict[str, list[str]] = field(default_factory=dict)
    scale: tuple[float, float] | None = None

    @property
    def shown_path(self) -> Path:
        """The file."""
        return self.content.named

    @property
    def encoding(self) -> str:
        """In which encoding the file is."""
        return self.content.encoding

    def load(self, engine: Engine, table: str, picked: Mapping[str, str | None]) -> Refused:
        """See Table."""
        engine.run(
            f"CREATE OR REPLACE TABLE {table} AS "
            f"SELECT *, NULL::VARCHAR AS quantity, NULL::VARCHAR AS status FROM ({self.query})"
        )
        return Refused()

    def line_of_rows(self, rows: list[int], refused: Refused) -> dict[int, int]:
        """Every row knows its line."""
        return {}


def netflix(content: Content) -> DerivedTable:
    """The Netflix prize: a line names a movie, and the lines below it are that movie's ratings."""
    movie = "regexp_full_match(trim(text), '[0-9]+:')"
    query = (
        "SELECT line, nullif(split_part(trim(text), ',', 1), '') AS user_id, item_id, "
        "nullif(split_part(trim(text), ',', 2), '') AS value, "
        "nullif(split_part(trim(text), ',', 3), '') AS time, NULL::VARCHAR AS type FROM "
        f"(SELECT line, text, {movie} AS is_movie, "
        f"last_value(CASE WHEN {movie} THEN rtrim(trim(text), ':') END "
        "IGNORE NULLS) OVER (ORDER BY line ROWS UNBOUNDED PRECEDING) AS item_id "
        f"FROM ({lines_sql(content)})) WHERE NOT is_movie AND trim(text) <> '' ORDER BY line"
    )
    return DerivedTable(content, "Netflix prize (a movie above its ratings)", query)


def jester(content: Content, dialect: Dialect) -> DerivedTable:
    """Jester's matrix: one line for each user, one column for each item, and 99 for no rating."""
    split = f"string_split(text, {sql_literal(dialect.separator)})"
    query = (
        "SELECT line, line::VARCHAR AS user_id, place::VARCHAR AS item_id, trim(cell) AS value, "
        "NULL::VARCHAR AS time, NULL::VARCHAR AS type FROM "
        f"(SELECT line, unnest({split}[2:]) AS cell, generate_subscripts({split}[2:], 1) AS place "
        f"FROM ({lines_sql(content)}) WHERE text <> '') "
        f"WHERE coalesce(TRY_CAST(cell AS DOUBLE), 0) <> {JESTER_UNRATED} ORDER BY line, place"
    )
    names = ["user", "item", "rating"]
    scale = (JESTER_LOW, JESTER_HIGH)
    return DerivedTable(content, "Jester (a user a line, a joke a column)", query, names, scale=scale)


def mind(content: Content) -> DerivedTable:
    """MIND's behaviors: one click event for each clicked item; items that were only shown give no event."""
    query = (
        "SELECT line, f[2] AS user_id, regexp_replace(shown, '-1$', '') AS item_id, NULL::VARCHAR AS value, "
        "f[3] AS time, 'click' AS type FROM (SELECT line, f, unnest(string_split(f[5], ' ')) AS shown FROM "
        f"(SELECT line, string_split(text, '\t') AS f FROM ({lines_sql(content)}) WHERE text <> '')) "
        "WHERE shown LIKE '%-1' ORDER BY line"
    )
    return DerivedTable(
        content, "MIND (impressions with their clicks)", query, ["user", "item", "time", "type"]
    )
