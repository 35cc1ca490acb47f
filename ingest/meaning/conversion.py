"""Turns rows of text into events. A row that cannot be one is refused with a reason that says what to do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from hashlib import blake2b

from contracts.events import EVENT_TYPES, MAX_RATING, MIN_RATING
from contracts.moments import EARLIEST_PLAUSIBLE_MS
from ingest.files.engine import Engine, sql_literal
from ingest.meaning.decisions import Decisions, default_type, number_sql
from ingest.meaning.encoding import EncodedEvent
from ingest.meaning.identifiers import (
    FloatIds,
    faults,
    is_null_like,
    short,
    usual_texts,
)
from ingest.meaning.options import ANY_OTHER, SKIP, ReadingOptions
from ingest.meaning.orders import order_faults
from ingest.meaning.rows import ROWS, LoadedTable
from ingest.meaning.time_faults import time_faults
from ingest.meaning.times import time_reader

TYPED = "typed"
_BATCH = 10_000
# The rule of contracts.moments for usual times, in SQL: faster than a call of Python for each row.
_USUAL = (
    "WHEN regexp_full_match(time, '[0-9]{9,10}') THEN time::BIGINT * 1000 "
    "WHEN regexp_full_match(time, '1[0-9]{12}') THEN time::BIGINT"
)


def type_rows(
    engine: Engine, tables: list[LoadedTable], decisions: Decisions, options: ReadingOptions
) -> None:
    """Make the engine's table of typed rows.

    Its columns are (ordinal, file, line, u, i, kind, n, moment, reason, shown): place in the source, user,
    item, event type, value, epoch milliseconds, why the row is refused (NULL if it is not), and the row for
    messages.
    """
    read_time = engine.add_function("read_time", time_reader(decisions.rule), "BIGINT")
    engine.run(
        f"CREATE OR REPLACE TABLE {TYPED} AS SELECT ordinal, file, line, u, i, kind, n, moment, "
        f"CASE {_cases(tables, decisions, options)} END AS reason, shown "
        f"FROM ({_with_ratings(_select_typed(tables, decisions, options, read_time), decisions, options)}) "
        f"WHERE kind IS DISTINCT FROM '{SKIP}'"
    )
    engine.run(f"DROP TABLE {ROWS}")


def _id_sql(column: str, found: FloatIds) -> str:
    """SQL: the ids of a column, in the files where numbers are written otherwise without their signs."""
    cases = [
        f"WHEN file IN ({', '.join(map(str, files))}) THEN {text}"
        for files, text in usual_texts(column, found)
        if files
    ]
    return f"CASE {' '.join(cases)} ELSE {column} END" if cases else column


def _select_typed(
    tables: list[LoadedTable], decisions: Decisions, options: ReadingOptions, read_time: str
) -> str:
    """SQL: the rows with canonical ids, our event types, values as numbers and times in epoch
    milliseconds."""
    defaults = " ".join(
        f"WHEN {n} THEN '{default_type(loaded.columns.default_type, options, decisions.scale)}'"
        for n, loaded in enumerate(tables)
    )
    named = " ".join(f"WHEN {sql_literal(name)} THEN '{ours}'" for name, ours in decisions.types.items())
    other = options.types.get(ANY_OTHER)
    by_name = (
        f"CASE lower(type) {named} ELSE {sql_literal(other) if other else 'NULL'} END"
        if named or other
        else "NULL"
    )
    unnamed = is_null_like("type")
    mark = f"WHEN {number_sql('value')} = -1 THEN 0.0" if decisions.has_unrated_mark else ""
    without_time = " ".join(_line_time(n, loaded, decisions, read_time) for n, loaded in enumerate(tables))
    shown = "concat_ws(', ', user_id, item_id, value, ltrim(time, '@'), type)"
    return (
        f"SELECT rowid AS ordinal, file, line, {_id_sql('user_id', decisions.users)} AS u, "
        f"{_id_sql('item_id', decisions.items)} AS i, type, value, time, "
        "quantity, status, "
        f"CASE WHEN {unnamed} THEN CASE file {defaults} END ELSE {by_name} END AS kind, "
        f"{unnamed} AS is_default, "
        f"CASE WHEN {is_null_like('value')} THEN NULL {mark} ELSE {number_sql('value')} END AS n, "
        f"CASE file {without_time} END AS moment, {shown} AS shown FROM {ROWS}"
    )


def _line_time(number: int, loaded: LoadedTable, decisions: Decisions, read_time: str) -> str:
    """SQL: the times of a file's rows. Without a time column rows are 1 ms apart and end when it was
    written."""
    if loaded.columns.time is None:
        start = max(0, min(loaded.modified_ms, time.time_ns() // 1_000_000) - loaded.row_count)
        return f"WHEN {number} THEN {start} + rowid - {loaded.first_row} + 1"
    rule = decisions.rule
    usual = "" if rule.from_zero or rule.excel or rule.format is not None else _USUAL
    return (
        f"WHEN {number} THEN CASE WHEN {is_null_like('time')} THEN NULL "
        f"WHEN time[1] = '@' THEN TRY_CAST(time[2:] AS BIGINT) {usual} ELSE {read_time}(time) END"
    )


def _with_ratings(numbered: str, decisions: Decisions, options: ReadingOptions) -> str:
    """SQL: the same rows with ratings on our scale, and with the event types that follow from values."""
    scale, zero = decisions.scale, decisions.zero_means
    kind, rating = "kind", "n"
    is_rating = "kind = 'rating'"
    if scale is not None and scale.kind == "likes":
        likes = "CASE WHEN n > 0 THEN 'like' WHEN n < 0 OR (n = 0 AND {}) THEN 'dislike' ELSE kind END"
        kind = f"CASE WHEN {is_rating} THEN {likes.format(str(zero == 'worst').lower())} ELSE kind END"
    elif scale is not None and scale.kind == "counts":
        kind = f"CASE WHEN {is_rating} THEN '{options.event_type or 'view'}' ELSE kind END"
    elif scale is not None:
        rating = scale.sql("n")
        if zero == "worst":
            rating = f"CASE WHEN n = 0 THEN {MIN_RATING} ELSE {rating} END"
    if zero == "unrated":
        kind = f"CASE WHEN {is_rating} AND n = 0 THEN 'view' ELSE {kind} END"
    return (
        "SELECT ordinal, file, line, u, i, type, value, time, quantity, status, kind AS told, "
        f"{kind} AS kind, CASE WHEN {is_rating} THEN {rating} END AS n, n AS raw, is_default, moment, shown "
        f"FROM ({numbered})"
    )


def _cases(tables: list[LoadedTable], decisions: Decisions, options: ReadingOptions) -> str:
    reasons = [*_header_faults(tables)]
    for part, column in (("user", "u"), ("item", "i")):
        others = (name for t in tables for name in t.columns.others_of(part, t.table.names))
        reasons += faults(part, column, list(dict.fromkeys(others)))
    reasons += [*_item_faults(decisions), *order_faults(tables), *_type_faults()]
    reasons += [*_value_faults(decisions), *time_faults(decisions, options)]
    return " ".join(f"WHEN {condition} THEN {reason}" for condition, reason in reasons)


def _header_faults(tables: list[LoadedTable]) -> list[tuple[str, str]]:
    """A header is repeated among the rows where somebody joined files."""
    again = [
        f"(file = {number} AND u = {sql_literal(loaded.columns.user)} "
        f"AND i = {sql_literal(loaded.columns.item)})"
        for number, loaded in enumerate(tables)
        if loaded.table.untyped_ids and not loaded.columns.user.isdecimal()
    ]
    return [(" OR ".join(again), "'the header is repeated here'")] if again else []


def _item_faults(decisions: Decisions) -> list[tuple[str, str]]:
    if decisions.only_item is None:
        return []
    cure = "--columns item=NAME says which column holds the item"
    return [("true", f"'all rows have the item ' || {short('i')} || ': {cure}'")]


def _type_faults() -> list[tuple[str, str]]:
    known = ", ".join(EVENT_TYPES)
    return [
        (
            "kind IS NULL",
            f"'type ' || {short('type')} || ' is not one of {known}: --type ' || left(type, 40) "
            "|| '=TYPE maps it, and --columns type=- leaves out a column without types'",
        )
    ]


def _value_faults(decisions: Decisions) -> list[tuple[str, str]]:
    scale = decisions.scale
    is_rating = "kind = 'rating'"
    found = [
        (
            f"{is_rating} AND {is_null_like('value')}",
            "'a rating needs a value; --columns value=- makes all rows events without one'",
        ),
        (
            f"{is_rating} AND raw IS NULL",
            f"'value ' || {short('value')} || ' is not a number: keep only the number in that column, "
            "or, if it holds words, use --columns type=NAME --type WORD=TYPE'",
        ),
    ]
    if decisions.zero_is_unclear:
        unclear = "may mean not rated, or the worst: use --zero-means unrated or --zero-means worst"
        found.append((f"{is_rating} AND raw = 0", f"'rating ' || {short('value')} || ' {unclear}'"))
    if scale is None:
        unknown = "is on no known scale: use --rating-scale MIN:MAX, counts or likes"
        found.append((is_rating, f"'rating ' || {short('value')} || ' {unknown}'"))
    elif scale.kind == "linear":
        outside = (
            f"lies outside the scale {scale.low:g}:{scale.high:g}; --rating-scale MIN:MAX sets another one"
        )
        worst = "AND raw <> 0" if decisions.zero_means == "worst" else ""
        beyond = f"{is_rating} {worst} AND NOT raw BETWEEN {scale.low!r} AND {scale.high!r}"
        found.append((beyond, f"'rating ' || {short('value')} || ' {outside}'"))
    elif scale.kind == "likes":
        found.append(
            (
                is_rating,
                f"'value ' || {short('value')} || ' is neither a like nor a dislike; a zero is "
                "a view with --zero-means unrated'",
            )
        )
    else:
        outside = (
            f"lies outside {MIN_RATING:g}-{MAX_RATING:g}; --rating-scale MIN:MAX maps another scale onto it"
        )
        worst = "AND raw <> 0" if decisions.zero_means == "worst" else ""
        beyond = f"{is_rating} {worst} AND NOT raw BETWEEN {MIN_RATING} AND {MAX_RATING}"
        found.append((beyond, f"'rating ' || {short('value')} || ' {outside}'"))
    found.append(
        (
            f"told <> 'rating' AND NOT is_default AND NOT {is_null_like('value')} "
            "AND raw IS DISTINCT FROM 1.0",
            "'value of a ' || kind || ' must be 1 or absent: --columns value=- leaves that column out'",
        )
    )
    return found


def events_in_time_order(engine: Engine, marks_time_from_zero: bool) -> Iterator[EncodedEvent]:
    """The accepted rows as encoded events, sorted by (time, place in the source), on disk if need be."""
    user, item = (f"""'"' || replace(replace({c}, '\\', '\\\\'), '"', '\\"') || '"'""" for c in ("u", "i"))
    mark = f"CASE WHEN moment < {EARLIEST_PLAUSIBLE_MS} THEN ',\"time_from_zero\":true' ELSE '' END"
    value = "(CASE WHEN kind = 'rating' THEN n ELSE 1.0 END)::DOUBLE::VARCHAR"
    end = f"{mark} || '}}'" if marks_time_from_zero else "'}'"
    body = (
        f"""'"event_type":"' || kind || '","user_id":' || {user} || ',"item_id":' || {item} || """
        f"""',"value":' || {value} || ',"event_time":' || moment || ',"schema_version":1' || {end}"""
    )
    result = engine.connection.cursor().execute(
        f"SELECT moment, ordinal, encode(u), encode({body}) FROM (SELECT moment, ordinal, u, i, kind, n "
        f"FROM {TYPED} WHERE reason IS NULL ORDER BY moment, ordinal)"
    )
    while batch := result.fetchmany(_BATCH):
        for moment, ordinal, key, encoded in batch:
            # The body names every field, so different events never give the same bytes.
            h = blake2b(encoded, digest_size=16).hexdigest()
            event_id = f'{{"event_id":"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}",'
            yield EncodedEvent(moment, ordinal, key, event_id.encode() + encoded)
