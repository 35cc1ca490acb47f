"""SQL expressions that bring a file's ids into the contract's form (`contracts.identifiers`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import normalize

from contracts.events import MAX_ID_LENGTH
from contracts.identifiers import INEXACT_FROM
from ingest.files.engine import Engine, sql_literal
from ingest.files.typed_ids import lost_digits

# What programs write for an absent value. None of these is ever an id.
NULL_LIKE = ("", "null", "none", "nan", "n/a", "na", "\\n", "<na>", "undefined", "nil", "#n/a", "nat")
_WHOLE = "-?(0|[1-9][0-9]*)"
# Three zeros may also be those of a thousand (1.000), so they stay.
_AS_FLOAT = f"{_WHOLE}[.](0?0?|0000+)"
_WITH_POINT = "-?[0-9]+([.][0-9]*)+"
# A number with commas between thousands.
_IN_GROUPS = "[1-9][0-9]{0,2}(,[0-9]{3})+"
_AS_POWER = "-?[1-9]([.][0-9]*)?[eE][+]?[0-9]+"
_FRACTION = "-?[0-9]+[.][0-9]*[1-9][0-9]*"
# How Excel writes a number that is too long for its cell: the digits after the sixth are lost.
LOST_DIGITS = "-?[0-9]([.,][0-9]{0,6})?E[+][0-9]{2,}"
# Soft hyphens, joiners, marks of direction and of byte order: letters without a width.
_INVISIBLE_LETTER = "[\u00ad\u200b-\u200f\u2060\ufeff]"
_INVISIBLE = "[\\x{ad}\\x{200b}-\\x{200f}\\x{2060}\\x{feff}]"  # the same in DuckDB's notation
_COMBINING = "[\\x{300}-\\x{36f}\\x{1100}-\\x{11ff}\\x{3099}\\x{309a}]"  # parts of a letter
_FORMULA = '="'  # so programs write text that Excel would take for a number: ="007"
_SHOWN = 57
_MOST_UNUSUAL = 1_000


@dataclass(frozen=True)
class FloatIds:
    """Which id columns hold whole numbers that a program wrote as floats (7 as 7.0)."""

    files: tuple[int, ...] = ()  # where 7.0 is taken as 7
    kept: str | None = None  # an id such as 7.0 that is not rewritten
    grouped: tuple[int, ...] = ()  # the files where 1,234 is taken as 1234
    formulas: tuple[int, ...] = ()  # the files where ="007" is taken as 007


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
    Where all are whole numbers and some have commas between thousands, the commas are left out.
    """
    if not files:
        return FloatIds()
    listed = ", ".join(map(str, files))
    as_float = f"regexp_full_match({column}, '{_AS_FLOAT}')"
    found = engine.rows(
        f"SELECT file, {float_column(column)}, min({column}) FILTER ({as_float}), "
        f"count_if(regexp_full_match({column}, '{_FRACTION}')), "
        f"min({column}) FILTER (CASE WHEN contains({column}, '.') "
        f"THEN regexp_full_match({column}, '{_WITH_POINT}') ELSE false END), "
        f"bool_or(contains({column}, ',')), bool_or(starts_with({column}, '{_FORMULA}')) "
        f"FROM {table} WHERE file IN ({listed}) GROUP BY file ORDER BY file"
    )
    taken, kept, grouped = [], None, []
    formulas = tuple(file for file, *_, has_formulas in found if has_formulas)
    for file, is_float, example, fractions, pointed, has_commas, _ in found:
        if is_float or (example is not None and not fractions and _has_twins(engine, table, column, file)):
            taken.append(file)
        elif has_commas and _has_groups(engine, table, column, file):
            grouped.append(file)
        else:
            kept = kept or example or pointed
    return FloatIds(tuple(taken), kept, tuple(grouped), formulas)


def _has_groups(engine: Engine, table: str, column: str, file: int) -> bool:
    """Whether all ids of a file are whole numbers, those from a thousand on with commas."""
    other = (
        f"SELECT 1 FROM {table} WHERE file = {file} AND NOT {is_null_like(column)} "
        f"AND NOT regexp_full_match({column}, '[0-9]{{1,3}}|{_IN_GROUPS}') LIMIT 1"
    )
    return not engine.rows(other)


def _has_twins(engine: Engine, table: str, column: str, file: int) -> bool:
    """Whether a number occurs in the column both with and without a fraction of zeros (7.0 and 7)."""
    floats = (
        f"SELECT regexp_replace({column}, '[.]0*$', '') AS id FROM {table} "
        f"WHERE file = {file} AND regexp_full_match({column}, '{_AS_FLOAT}')"
    )
    twins = f"SELECT 1 FROM {table} SEMI JOIN ({floats}) AS f ON {column} = f.id WHERE file = {file} LIMIT 1"
    return bool(engine.rows(twins))


def usual_texts(column: str, found: FloatIds) -> list[tuple[tuple[int, ...], str]]:
    """The files whose ids are numbers in another notation, each with the SQL of their usual text."""
    return [
        (found.files, without_fraction(column)),
        (found.grouped, without_commas(column)),
        (found.formulas, without_formula(column)),
    ]


def without_fraction(column: str) -> str:
    """SQL: the whole number that a float's text stands for. One too large for an exact float is written in
    the form that `faults` refuses."""
    number = f"TRY_CAST({column} AS DOUBLE)"
    return (
        f"CASE WHEN abs({number}) >= {INEXACT_FROM} AND "
        f"regexp_full_match({column}, '{_AS_FLOAT}|{_AS_POWER}') THEN {lost_digits(number)} "
        f"WHEN regexp_full_match({column}, '{_AS_FLOAT}') "
        f"THEN regexp_replace({column}, '[.]0*$', '') "
        f"WHEN regexp_full_match({column}, '{_AS_POWER}') AND {number} = trunc({number}) "
        f"AND NOT regexp_full_match({column}, '{LOST_DIGITS}') "
        f"THEN {number}::BIGINT::VARCHAR ELSE {column} END"
    )


def without_commas(column: str) -> str:
    """SQL: the whole number of a text with commas between thousands."""
    return f"replace({column}, ',', '')"


def without_formula(column: str) -> str:
    """SQL: the text of a formula that only holds text."""
    is_formula = f"starts_with({column}, '{_FORMULA}') AND ends_with({column}, '\"')"
    return f"CASE WHEN {is_formula} THEN trim({column}[3:-2]) ELSE {column} END"


def look_alikes(engine: Engine, table: str, column: str) -> tuple[str, str] | None:
    """Two ids that differ only in invisible characters, or in how Unicode composes their letters."""
    # Only letters beyond ASCII take several bytes, and few of those are such signs.
    unusual = engine.rows(
        f"SELECT DISTINCT {column} FROM {table} WHERE CASE WHEN strlen({column}) > length({column}) "
        f"THEN regexp_matches({column}, '{_INVISIBLE}|{_COMBINING}') ELSE false END LIMIT {_MOST_UNUSUAL}"
    )
    others = {normalize("NFC", re.sub(_INVISIBLE_LETTER, "", text)): text for (text,) in unusual}
    listed = ", ".join(map(sql_literal, others))
    found = (
        engine.rows(f"SELECT {column} FROM {table} WHERE {column} IN ({listed}) LIMIT 1") if others else []
    )
    return next(((others[usual], usual) for (usual,) in found if others[usual] != usual), None)


def short(text: str) -> str:
    """SQL: a text in quotes, shortened for a message."""
    return (
        f"'''' || CASE WHEN length({text}) > {_SHOWN} THEN left({text}, {_SHOWN - 3}) || '...' "
        f"ELSE coalesce({text}, '') END || ''''"
    )


def faults(name: str, column: str, others: Sequence[str] = ()) -> list[tuple[str, str]]:
    """The reasons to refuse an id: pairs of (condition, reason), both SQL.

    ``others`` are columns that may hold the id too.
    """
    cure = f"; --columns {name}=NAME takes another column, such as {', '.join(others[:3])}" if others else ""
    empty = sql_literal(f" is empty: there is no id{cure}")
    return [
        (is_null_like(column), f"'{name} ' || {short(column)} || {empty}"),
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
            f"'{name} ' || {short(column)} || ' has lost its digits in a spreadsheet or "
            "as a float: export that column as text'",
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
