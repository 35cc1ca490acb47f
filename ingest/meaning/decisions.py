"""Decides how to read a source from its rows: ids written as floats, rating scale, types, unit of times."""

from __future__ import annotations

from dataclasses import dataclass, replace

from contracts.events import EVENT_TYPES
from ingest.files.engine import Engine
from ingest.meaning.identifiers import FloatIds, float_ids, is_null_like, look_alikes
from ingest.meaning.options import ANY_OTHER, ReadingOptions, ZeroMeans
from ingest.meaning.rows import ROWS, LoadedTable
from ingest.meaning.scales import NUMBER, Scale, Values, differing_scales, has_unrated_mark, scale_of
from ingest.meaning.times import TimeRule, Times, rule_for

_MOST_TYPES = 50
_MANY = 20  # rows; in fewer, one item is nothing strange
SLASHED = "([0-9]{1,2})[/.-]([0-9]{1,2})[/.-][0-9]{4}.*"


@dataclass(frozen=True)
class Decisions:
    """How the rows are read."""

    users: FloatIds
    items: FloatIds
    values: Values
    scale: Scale | None
    scale_note: str | None
    zero_means: ZeroMeans | None  # None: zero is an ordinary value, or its meaning is unclear
    zero_is_unclear: bool
    has_unrated_mark: bool  # -1 means the same as 0
    types: dict[str, str]  # a file's name of a type, in lower case -> ours, or "skip"
    type_counts: dict[str, int]  # a file's name of a type -> rows
    times: Times
    rule: TimeRule
    alike: dict[str, tuple[str, str] | None]  # of users and items: two ids that look like the same one
    only_item: str | None = None  # the item of all rows, though there are many and other columns


def decide(engine: Engine, tables: list[LoadedTable], options: ReadingOptions) -> Decisions:
    """Decide by the person's options and, where those leave something open, by all rows."""
    untyped = [number for number, loaded in enumerate(tables) if loaded.table.untyped_ids]
    values, differing = _values(engine, tables, options)
    hint = next((t.table.scale for t in tables if t.table.scale is not None), None)
    has_mark = hint is None and has_unrated_mark(values) and _may_have_mark(options.scale)
    if has_mark:
        values = replace(values, zeros=values.zeros + values.minus_ones, below_zero=0)
    scale, note = (options.scale, None) if options.scale is not None else scale_of(values, hint)
    if options.scale is None and hint is None and differing is not None:
        scale, note = None, differing
    zero_means, unclear = _zeros(values, options, hint is not None)
    if options.scale is None and zero_means == "worst" and scale is not None and scale.kind == "linear":
        scale = Scale("linear", min(scale.low, 0.0), scale.high)
    type_counts = _type_counts(engine)
    times = _times(engine)
    return Decisions(
        users=float_ids(engine, ROWS, "user_id", untyped),
        items=float_ids(engine, ROWS, "item_id", untyped),
        values=values,
        scale=scale,
        scale_note=note,
        zero_means=zero_means,
        zero_is_unclear=unclear,
        has_unrated_mark=has_mark,
        types=_types(type_counts, options),
        type_counts=type_counts,
        times=times,
        rule=rule_for(times, options.time_from_zero, options.time_format),
        alike={part: look_alikes(engine, ROWS, f"{part}_id") for part in ("user", "item")},
        only_item=_only_item(engine, tables),
    )


def _only_item(engine: Engine, tables: list[LoadedTable]) -> str | None:
    """The item of all rows, if its column was guessed and another one may hold the items."""
    if not all("item" in t.columns.guessed and t.columns.unused_names(t.table.names) for t in tables):
        return None
    first = f"SELECT item_id FROM {ROWS} WHERE item_id <> '' LIMIT {_MANY}"
    if engine.rows(f"SELECT count(DISTINCT item_id) FROM ({first})")[0][0] > 1:
        return None
    found = engine.rows(
        f"SELECT min(item_id), max(item_id), min(user_id) <> max(user_id), count(*) FROM {ROWS} "
        "WHERE item_id <> ''"
    )
    lowest, highest, has_users, count = found[0]
    return lowest if lowest == highest and has_users and count >= _MANY else None


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
        f"WHEN {lower} IN ('true', 'yes', 't', 'y') THEN 1.0 "
        f"WHEN {lower} IN ('false', 'no', 'f', 'n') THEN -1.0 END"
    )


def _may_have_mark(told: Scale | None) -> bool:
    return told is None or (told.kind == "linear" and told.low > -1)


def _values(engine: Engine, tables: list[LoadedTable], options: ReadingOptions) -> tuple[Values, str | None]:
    """The values of the rows that will be ratings, and a note for people where files differ in their scale.

    A row is a rating by its own type, or by the default type of its file.
    """
    as_ratings = [name for name, ours in options.types.items() if ours == "rating"]
    kinds = ", ".join(f"'{name}'" for name in ("rating", *(n.replace("'", "''") for n in as_ratings)))
    by_default = [
        str(number)
        for number, loaded in enumerate(tables)
        if default_type(loaded.columns.default_type, options, options.scale) == "rating"
    ]
    unnamed = f"({is_null_like('type')} AND file IN ({', '.join(by_default)}))" if by_default else "false"
    aggregates = (
        "count(n) AS count, count_if(n = 0) AS zeros, min(n) AS low, max(n) AS high, "
        "min(n) FILTER (n > 0) AS low_above_zero, bool_and(n = trunc(n)) AS is_whole, "
        "count_if(n > 1) AS above_one, count_if(n > 5) AS above_five, count_if(n > 10) AS above_ten, "
        "count_if(n > 100) AS above_hundred, count_if(n < 0) AS below_zero, count_if(n = -1) AS minus_ones, "
        "count_if(named) AS named"
    )
    numbers = (
        f"(SELECT file, {number_sql('value')} AS n, lower(type) IN ({kinds}) AS named FROM {ROWS} "
        "WHERE value IS NOT NULL AND user_id <> '' AND item_id <> '' "
        f"AND ({unnamed} OR lower(type) IN ({kinds})))"
    )
    values = Values(**engine.record(f"SELECT {aggregates} FROM {numbers}"))
    if len(tables) < 2:
        return values, None
    by_file = {
        tables[row["file"]].table.shown_path.name: Values(**{k: v for k, v in row.items() if k != "file"})
        for row in engine.records(f"SELECT file, {aggregates} FROM {numbers} GROUP BY file ORDER BY file")
    }
    return values, differing_scales(by_file)


def _zeros(values: Values, options: ReadingOptions, is_known_scale: bool) -> tuple[ZeroMeans | None, bool]:
    """What a zero means, and whether that is unclear."""
    if options.zero_means is not None or not values.zeros or is_known_scale:
        return options.zero_means, False
    scale = options.scale
    if scale is not None and scale.kind == "linear":
        # A zero below the given scale is not a rating: every data set that has such zeros means "not rated".
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
    """A file's types in lower case -> ours: our own names in any case, then the mapping of ``--type``."""
    known = {name.lower(): name.lower() for name in counts if name.lower() in EVENT_TYPES}
    told = {name: ours for name, ours in options.types.items() if name != ANY_OTHER}
    return {**known, **told}


def _times(engine: Engine) -> Times:
    number = (
        "CASE WHEN regexp_full_match(time, '[0-9]+([.,][0-9]*)?') "
        "THEN TRY_CAST(replace(time, ',', '.') AS DOUBLE) END"
    )
    day, month = (
        f"bool_or(TRY_CAST(nullif(regexp_extract(s, '{SLASHED}', {group}), '') AS INTEGER) > 12)"
        for group in (1, 2)
    )
    found = engine.record(
        "SELECT count(*) AS count, count_if(time[1] = '@') AS typed, count(n) AS numbers, min(n) AS low, "
        "max(n) AS high, max(CASE WHEN NOT contains(time, '.') AND NOT contains(time, ',') THEN length(time) "
        "END) FILTER (n IS NOT NULL) AS digits, "
        f"{day} AS day_above_twelve, {month} AS month_above_twelve, count(s) AS slashed "
        # Most times are numbers, so the longer pattern is tried on the others only.
        "FROM (SELECT time, n, CASE WHEN n IS NULL THEN "
        f"CASE WHEN regexp_full_match(time, '{SLASHED}') THEN time END END AS s FROM "
        f"(SELECT time, {number} AS n FROM {ROWS} WHERE NOT {is_null_like('time')}))"
    )
    return Times(**found)
