"""SQL expressions that bring a file's ids into the contract's form (`contracts.identifiers`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.events import MAX_ID_LENGTH
from ingest.files.engine import Engine, sql_literal

# What programs write for an absent value. None of these is ever an id.
NULL_LIKE = ("", "null", "none", "nan", "n/a", "na", "\\n", "<na>", "undefined", "nil", "#n/a", "nat")
_WHOLE = "-?(0|[1-9][0-9]*)"
_AS_FLOAT = f"{_WHOLE}[.]0*"
_AS_POWER = "-?[1-9]([.][0-9]*)?[eE][+]?[0-9]+"
_FRACTION = "-?[0-9]+[.][0-9]*[1-9][0-9]*"
# How Excel writes a number that is too long for its cell: the digits after the sixth are lost.
LOST_DIGITS = "-?[0-9]([.,][0-9]{0,6})?E[+][0-9]{2,}"
_SHOWN = 57


@dataclass(frozen=True)
class FloatIds:
    """Which id columns hold whole numbers that a program wrote as floats (7 as 7.0)."""

    files: tuple[int, ...] = ()  # where 7.0 is taken as 7
    kept: str | None = None  # an id such as 7.0 that is not rewritten


def is_null_like(text: str) -> str:
    """SQL: whether a text stands for an absent value."""
    longest = max(map(len, NULL_LIKE))
    listed = ", ".join(sql_literal(word) for word in NULL_LIKE)
    return f"({text} IS NULL OR (length({text}) <= {longest} AND lower({text}) IN ({listed})))"


def float_column(column: str) -> str:
    """SQL, an aggregate: whether a column of text holds whole numbers that a program wrote as floats."""
    is_number = f"regexp_full_match({column}, '{_WHOLE}|{_AS_FLOAT}|{_AS_POWER}')"
    is_float = f"regexp_full_match({column}, '{_AS_FLOAT}|{_AS_POWER}')"
    there = f"NOT {is_null_like(column)}"
    return f"coalesce(bool_and({is_number}) FILTER ({there}) AND bool_or({is_float}) FILTER ({there}), false)"


def float_ids(engine: Engine, table: str, column: str, files: Sequence[int]) -> FloatIds:
    """Which of these files hold ids that a program wrote as floats.

    That is so where all ids of a column are whole numbers, or one number occurs with and without a fraction.
    """
    if not files:
        return FloatIds()
    listed = ", ".join(map(str, files))
    as_float = f"regexp_full_match({column}, '{_AS_FLOAT}')"
    found = engine.rows(
        f"SELECT file, {float_column(column)}, min({column}) FILTER ({as_float}), "
        f"count_if(regexp_full_match({column}, '{_FRACTION}')) FROM {table} "
        f"WHERE file IN ({listed}) GROUP BY file ORDER BY file"
    )
    taken, kept = [], None
    for file, is_float, example, fractions in found:
        if is_float or (example is not None and not fractions and _has_twins(engine, table, column, file)):
            taken.append(file)
        elif example is not None:
            kept = kept or example
    return FloatIds(tuple(taken), kept)


def _has_twins(engine: Engine, table: str, column: str, file: int) -> bool:
    """Whether a number occurs in the column both with and without a fraction of zeros (7.0 and 7)."""
    floats = (
        f"SELECT regexp_replace({column}, '[.]0*$', '') AS id FROM {table} "
        f"WHERE file = {file} AND regexp_full_match({column}, '{_AS_FLOAT}')"
    )
    twins = f"SELECT 1 FROM {table} SEMI JOIN ({floats}) AS f ON {column} = f.id WHERE file = {file} LIMIT 1"
    return bool(engine.rows(twins))


def without_fraction(column: str) -> str:
    """SQL: the whole number that a float's text stands for; text too large for an exact float is
    unchanged."""
    number = f"TRY_CAST({column} AS DOUBLE)"
    return (
        f"CASE WHEN regexp_full_match({column}, '{_AS_FLOAT}') AND abs({number}) < 9007199254740992 "
        f"THEN regexp_replace({column}, '[.]0*$', '') "
        f"WHEN regexp_full_match({column}, '{_AS_POWER}') AND {number} = trunc({number}) "
        f"AND NOT regexp_full_match({column}, '{LOST_DIGITS}') "
        f"AND abs({number}) < 9007199254740992 THEN {number}::BIGINT::VARCHAR ELSE {column} END"
    )


def short(text: str) -> str:
    """SQL: a text in quotes, shortened for a message."""
    return (
        f"'''' || CASE WHEN length({text}) > {_SHOWN} THEN left({text}, {_SHOWN - 3}) || '...' "
        f"ELSE coalesce({text}, '') END || ''''"
    )


def faults(name: str, column: str) -> list[tuple[str, str]]:
    """The reasons to refuse an id: pairs of (condition, reason), both SQL."""
    return [
        (is_null_like(column), f"'{name} ' || {short(column)} || ' is empty: there is no id'"),
        (
            f"length({column}) > {MAX_ID_LENGTH}",
            f"'{name} ' || {short(column)} || ' is longer than {MAX_ID_LENGTH} characters'",
        ),
        (
            f"regexp_matches({column}, '[\\x00-\\x1f\\x7f-\\x{{9f}}]')",
            f"'{name} ' || {short(column)} || ': control characters are not allowed'",
        ),
        (
            f"contains({column}, 'E+') AND regexp_full_match({column}, '{LOST_DIGITS}')",
            f"'{name} ' || {short(column)} || ' has lost its digits in a spreadsheet: "
            "export that column as text'",
        ),
        (
            f"contains({column}, chr(65533))",
            f"'{name} ' || {short(column)} || ' holds bytes that are not text in the file''s encoding'",
        ),
        (
            f"{column}[1] IN ('{{', '[') AND json_valid({column})",
            f"'{name} ' || {short(column)} || ' is neither text nor a number: "
            f"--columns {name}=/FIELD/FIELD names a place within it'",
        ),
        (
            f"{column} IN ('true', 'false')",
            f"'{name} ' || {short(column)} || ' is neither text nor a number'",
        ),
    ]
