"""Ids of files as the contract has them (`contracts.identifiers`), as expressions of SQL."""

from __future__ import annotations

from contracts.events import MAX_ID_LENGTH
from ingest.files.engine import sql_literal

# What programs write where there is nothing; none of it is anybody's id.
NULL_LIKE = ("", "null", "none", "nan", "n/a", "na", "\\n", "<na>", "undefined", "nil", "#n/a", "nat")
_WHOLE = "-?(0|[1-9][0-9]*)"
_AS_FLOAT = f"{_WHOLE}[.]0*"
_AS_POWER = "-?[1-9]([.][0-9]*)?[eE][+]?[0-9]+"
_SHOWN = 57


def is_null_like(text: str) -> str:
    """SQL: whether a text stands for nothing."""
    longest = max(map(len, NULL_LIKE))
    listed = ", ".join(sql_literal(word) for word in NULL_LIKE)
    return f"({text} IS NULL OR (length({text}) <= {longest} AND lower({text}) IN ({listed})))"


def float_column(column: str) -> str:
    """SQL, an aggregate: whether a column of text holds whole numbers that a program wrote as floats."""
    is_number = f"regexp_full_match({column}, '{_WHOLE}|{_AS_FLOAT}|{_AS_POWER}')"
    is_float = f"regexp_full_match({column}, '{_AS_FLOAT}|{_AS_POWER}')"
    there = f"NOT {is_null_like(column)}"
    return f"coalesce(bool_and({is_number}) FILTER ({there}) AND bool_or({is_float}) FILTER ({there}), false)"


def without_fraction(column: str) -> str:
    """SQL: the whole number of a float's text. One too large for a float to hold exactly stays as it is."""
    number = f"TRY_CAST({column} AS DOUBLE)"
    return (
        f"CASE WHEN regexp_full_match({column}, '{_AS_FLOAT}') AND abs({number}) < 9007199254740992 "
        f"THEN regexp_replace({column}, '[.]0*$', '') "
        f"WHEN regexp_full_match({column}, '{_AS_POWER}') AND {number} = trunc({number}) "
        f"AND abs({number}) < 9007199254740992 THEN {number}::BIGINT::VARCHAR ELSE {column} END"
    )


def short(text: str) -> str:
    """SQL: a text as it may stand in a message."""
    return (
        f"'''' || CASE WHEN length({text}) > {_SHOWN} THEN left({text}, {_SHOWN - 3}) || '...' "
        f"ELSE coalesce({text}, '') END || ''''"
    )


def faults(name: str, column: str) -> list[tuple[str, str]]:
    """(condition, reason), both SQL: why an id is refused."""
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
            f"contains({column}, chr(65533))",
            f"'{name} ' || {short(column)} || ' holds bytes that are no text in the file''s encoding'",
        ),
        (
            f"{column}[1] IN ('{{', '[') AND json_valid({column})",
            f"'{name} ' || {short(column)} || ' is neither text nor a number'",
        ),
        (
            f"{column} IN ('true', 'false')",
            f"'{name} ' || {short(column)} || ' is neither text nor a number'",
        ),
    ]
