"""What the rows of a source show: float ids, the scale, the types, the unit of the times."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.events import EVENT_TYPES
from ingest.files.engine import Engine
from ingest.meaning.identifiers import float_column, is_null_like
from ingest.meaning.options import ANY_OTHER, ReadingOptions, ZeroMeans
from ingest.meaning.rows import ROWS, LoadedTable
from ingest.meaning.scales import NUMBER, Scale, Values, scale_of
from ingest.meaning.times import TimeRule, Times, rule_for

_MOST_TYPES = 50
_SLASHED = "([0-9]{1,2})[/.-]([0-9]{1,2})[/.-][0-9]{4}.*"


@dataclass(frozen=True)
class Decisions:
    """How the rows are read."""

    float_users: tuple[int, ...]  # files whose ids are whole numbers written as floats
    float_items: tuple[int, ...]
    values: Values
    scale: Scale | None
    scale_note: str | None
    zero_means: ZeroMeans | None  # None: a zero is a value of the scale, or not known
    zero_is_unclear: bool
    types: dict[str, str]  # a file's name of a type, in lower case -> ours, or "skip"
    type_counts: dict[str, int]  # a file's name of a type -> rows
    times: Times
    rule: TimeRule


def decide(engine: Engine, tables: list[LoadedTable], options: ReadingOptions) -> Decisions:
    """Look at all rows, and decide by what was told and what they show."""
    float_users, float_items = _float_columns(engine, tables)
    values = _values(engine, tables, options)
    hint = next((t.table.scale for t in tables if t.table.scale is not None), None)
    scale, note = (options.scale, None) if options.scale is not None else scale_of(values, hint)
    zero_means, unclear = _zeros(values, options, hint is not None)
    if options.scale is None and zero_means == "worst" and scale is not None and scale.kind == "linear":
        scale = Scale("linear", min(scale.low, 0.0), scale.high)
    type_counts = _type_counts(engine)
    times = _times(engine)
    return Decisions(
        float_users=float_users,
        float_items=float_items,
        values=values,
        scale=scale,
        scale_note=note,
        zero_means=zero_means,
        zero_is_unclear=unclear,
        types=_types(type_counts, options),
        type_counts=type_counts,
        times=times,
        rule=rule_for(times, options.time_from_zero, options.time_format),
    )


def default_type(columns_default: str, options: ReadingOptions, scale: Scale | None) -> str:
    """The type of rows that name none."""
    if options.event_type is not None:
        return options.event_type
    return "view" if scale is not None and scale.kind == "counts" else columns_default


def number_sql(value: str) -> str:
    """SQL: a value as a number, with a point or a comma; NULL for any other text."""
    lower = f"lower({value})"
    return (
        f"CASE WHEN regexp_full_match({value}, '{NUMBER}') THEN TRY_CAST({value} AS DOUBLE) "
        f"WHEN regexp_full_match({value}, '[+-]?[0-9]+,[0-9]+') "
        f"AND NOT regexp_full_match({value}, '[+-]?[1-9][0-9]{{0,2}},[0-9]{{3}}') "
        f"THEN TRY_CAST(replace({value}, ',', '.') AS DOUBLE) "
        f"WHEN {lower} IN ('true', 'yes') THEN 1.0 WHEN {lower} IN ('false', 'no') THEN -1.0 END"
    )


def _float_columns(engine: Engine, tables: list[LoadedTable]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    untyped = [str(number) for number, loaded in enumerate(tables) if loaded.table.untyped_ids]
    if not untyped:
        return (), ()
    found = engine.rows(
        f"SELECT file, {float_column('user_id')}, {float_column('item_id')} FROM {ROWS} "
        f"WHERE file IN ({', '.join(untyped)}) GROUP BY file ORDER BY file"
    )
    return tuple(file for file, user, _ in found if user), tuple(file for file, _, item in found if item)


def _values(engine: Engine, tables: list[LoadedTable], options: ReadingOptions) -> Values:
    """The values of the rows that will be ratings: by their own type, or by the default of their file."""
    as_ratings = [name for name, ours in options.types.items() if ours == "rating"]
    kinds = ", ".join(f"'{name}'" for name in ("rating", *(n.replace("'", "''") for n in as_ratings)))
    by_default = [
        str(number)
        for number, loaded in enumerate(tables)
        if default_type(loaded.columns.default_type, options, options.scale) == "rating"
    ]
    unnamed = f"({is_null_like('type')} AND file IN ({', '.join(by_default)}))" if by_default else "false"
    found = engine.record(
        "SELECT count(n) AS count, count_if(n = 0) AS zeros, min(n) AS low, max(n) AS high, "
        "min(n) FILTER (n > 0) AS low_above_zero, bool_and(n = trunc(n)) AS is_whole, "
        "count_if(n > 1) AS above_one, count_if(n > 5) AS above_five, count_if(n > 10) AS above_ten, "
        "count_if(n > 100) AS above_hundred, count_if(n < 0) AS below_zero "
        f"FROM (SELECT {number_sql('value')} AS n FROM {ROWS} "
        f"WHERE value IS NOT NULL AND ({unnamed} OR lower(type) IN ({kinds})))"
    )
    return Values(**found)


def _zeros(values: Values, options: ReadingOptions, is_known_scale: bool) -> tuple[ZeroMeans | None, bool]:
    """What a zero means, and whether that is unclear."""
    if options.zero_means is not None or not values.zeros or is_known_scale:
        return options.zero_means, False
    scale = options.scale
    if scale is not None and scale.kind == "linear":
        # Below the scale that was told, a zero is no rating: "not rated" in all data sets that have it.
        return ("unrated", False) if scale.low > 0 else (None, False)
    if scale is not None and scale.kind == "counts":
        return None, False
    has_negative = values.below_zero > 0
    return None, not has_negative


def _type_counts(engine: Engine) -> dict[str, int]:
    return dict(
        engine.rows(
            f"SELECT type, count(*) AS n FROM {ROWS} WHERE NOT {is_null_like('type')} "
            f"GROUP BY type ORDER BY n DESC, type LIMIT {_MOST_TYPES}"
        )
    )


def _types(counts: dict[str, int], options: ReadingOptions) -> dict[str, str]:
    """Ours by their own names whatever the case, then what was told."""
    known = {name.lower(): name.lower() for name in counts if name.lower() in EVENT_TYPES}
    told = {name: ours for name, ours in options.types.items() if name != ANY_OTHER}
    return {**known, **told}


def _times(engine: Engine) -> Times:
    number = "CASE WHEN regexp_full_match(time, '[0-9]+([.][0-9]*)?') THEN TRY_CAST(time AS DOUBLE) END"
    day, month = (
        f"bool_or(TRY_CAST(nullif(regexp_extract(s, '{_SLASHED}', {group}), '') AS INTEGER) > 12)"
        for group in (1, 2)
    )
    found = engine.record(
        "SELECT count(*) AS count, count_if(time[1] = '@') AS typed, count(n) AS numbers, min(n) AS low, "
        "max(n) AS high, max(length(time)) FILTER (n IS NOT NULL AND NOT contains(time, '.')) AS digits, "
        f"{day} AS day_above_twelve, {month} AS month_above_twelve, count(s) AS slashed "
        f"FROM (SELECT time, {number} AS n, "
        f"CASE WHEN regexp_full_match(time, '{_SLASHED}') THEN time END AS s "
        f"FROM {ROWS} WHERE NOT {is_null_like('time')})"
    )
    return Times(**found)
