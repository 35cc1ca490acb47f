"""Applies a mapping file in the stream: Spark expressions that turn other systems' records into our event's
JSON.

The column ``original`` keeps the record's bytes for the topic of rejected records, and ``mapping_fault`` has
the reason if a record cannot be mapped. The same rules in Python are in streaming/records/mapped_json.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts import topics
from contracts.events import EVENT_TYPES, RATING, UUID_PATTERN
from contracts.identifiers import INEXACT_FROM
from streaming.records.mapped_json import BY_SIZE, FRAME_BYTES, FRAMED, MOMENT, MOST_MS, NUMBER, UUID_LENGTH
from streaming.records.mapping_file import ANYTHING, FIELDS, TIME_FACTORS, EventFormat, steps

ORIGINAL, FAULT = "original", "mapping_fault"
_IDS = ("user_id", "item_id", "session_id")
_WORDS = ("STRING", "BIGINT", "BOOLEAN")  # kinds of JSON whose text `when` compares


def map_records(records: DataFrame, forms: Sequence[EventFormat]) -> DataFrame:
    """Turn records of a mapped format into our event's JSON; adds the columns ORIGINAL and FAULT to all
    records.

    Each step is a projection, so that what several columns need is computed once.
    """
    is_interaction = F.col("topic") == topics.INTERACTIONS.name
    is_framed = F.startswith("value", F.lit(FRAMED)) & (
        F.substring("value", FRAME_BYTES + 1, 1) == F.lit(b"{")
    )
    body = F.when(
        is_interaction & is_framed, F.substring("value", FRAME_BYTES + 1, topics.MAX_EVENT_BYTES * 4)
    )
    text = F.col("body").cast("string")
    is_mapped = F.col("form").isNotNull()
    # After `unframe`, both columns exist already.
    came = F.col(ORIGINAL if ORIGINAL in records.columns else "value")
    fault_before = F.col(FAULT) if FAULT in records.columns else F.lit(None).cast("string")
    kept = [name for name in records.columns if name not in (ORIGINAL, FAULT)]
    return (
        records.withColumns({ORIGINAL: came, "body": F.coalesce(body, "value")})
        .withColumn("document", F.when(is_interaction & F.is_valid_utf8(text), F.try_parse_json(text)))
        .withColumn("form", _which(forms))
        .withColumns({name: _place(forms, name) for name in FIELDS})
        .withColumns({f"{name}_kind": F.schema_of_variant(name) for name in FIELDS})
        .withColumns({f"{name}_text": _text(name) for name in FIELDS})
        .withColumns({f"{name}_number": _number(name) for name in ("value", "event_time")})
        .withColumns({"type": _type(forms), "moment": _moment(forms)})
        .withColumns(
            {
                FAULT: F.coalesce(fault_before, F.when(is_mapped, _fault(forms))),
                "value": F.when(is_mapped, _event_json(forms)).otherwise(F.col("body")),
            }
        )
        .select(*kept, ORIGINAL, FAULT)
    )


def _which(forms: Sequence[EventFormat]) -> Column:
    """The index of the first format that matches; null if none does."""
    return F.coalesce(*(F.when(_fits(form), F.lit(place)) for place, form in enumerate(forms)), F.lit(None))


def _fits(form: EventFormat) -> Column:
    tests = (_holds(_cell(pointer), words) for pointer, words in form.when.items())
    return reduce(Column.__and__, tests)


def _holds(cell: Column, words: Sequence[str]) -> Column:
    if ANYTHING in words:
        return cell.isNotNull()
    is_word = F.schema_of_variant(cell).isin(*_WORDS)
    text = F.try_variant_get(cell, F.lit("$"), "string")
    return F.coalesce(is_word & text.isin(*words), F.lit(False))


def _cell(pointer: str) -> Column:
    """The value at a JSON pointer; null if there is none, or it is JSON's null."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f"['{step}']" for step in steps(pointer))
    found = F.try_variant_get("document", F.lit(f"${path}"), "variant")
    return F.when(~F.is_variant_null(found), found)


def _by_form(forms: Sequence[EventFormat], of_form: Callable[[EventFormat], Column | None]) -> Column:
    """For each record the column that ``of_form`` gives for its format; null if it gives none."""
    columns = [(place, of_form(form)) for place, form in enumerate(forms)]
    parts = [F.when(F.col("form") == place, column) for place, column in columns if column is not None]
    return F.coalesce(*parts) if parts else F.lit(None)


def _place(forms: Sequence[EventFormat], name: Any) -> Column:
    """A record's value for a field of ours, as a variant."""

    def of_form(form: EventFormat) -> Column | None:
        cells = [_cell(pointer) for pointer in form.fields.get(name, ())]
        if name in form.constants:
            cells.append(F.parse_json(F.lit(json.dumps(form.constants[name]))))
        return F.coalesce(*cells) if cells else None

    return F.coalesce(_by_form(forms, of_form).cast("variant"))


def _text(name: str) -> Column:
    """An id as `mapped_json` reads it: text, or a whole number as digits; null for anything else."""
    kind, number = F.col(f"{name}_kind"), F.try_variant_get(name, F.lit("$"), "double")
    is_float = kind.startswith("DECIMAL") | (kind == "DOUBLE")
    is_whole = is_float & (number % 1 == 0) & (F.abs(number) < INEXACT_FROM)
    return F.when(kind.isin("STRING", "BIGINT"), F.try_variant_get(name, F.lit("$"), "string")).when(
        is_whole, number.try_cast("bigint").cast("string")
    )


def _number(name: str) -> Column:
    kind, text = F.col(f"{name}_kind"), F.col(f"{name}_text")
    is_number = kind.isin("BIGINT", "DOUBLE") | kind.startswith("DECIMAL")
    return F.when(is_number, F.try_variant_get(name, F.lit("$"), "double")).when(
        (kind == "STRING") & text.rlike(_whole(NUMBER)), text.try_cast("double")
    )


def _whole(pattern: str) -> str:
    return rf"\A(?:{pattern})\z"


def _type(forms: Sequence[EventFormat]) -> Column:
    """Our event type: by the format's ``types``, or the text itself if it is one of our types."""
    word = F.col("event_type_text")

    def of_form(form: EventFormat) -> Column | None:
        names = [F.lit(name) for pair in form.types.items() for name in pair]
        return F.try_element_at(F.create_map(*names), word) if names else None

    return F.coalesce(_by_form(forms, of_form).cast("string"), F.when(word.isin(*EVENT_TYPES), word))


def _moment(forms: Sequence[EventFormat]) -> Column:
    """The event's time in epoch milliseconds; null for what is not a time."""
    text, number = F.col("event_time_text"), F.col("event_time_number")
    by_size = F.coalesce(*(F.when(F.abs(number) < below, F.lit(factor)) for below, factor in BY_SIZE))
    factor = _by_form(
        forms, lambda form: F.lit(TIME_FACTORS[form.time_unit]) if form.time_unit != "auto" else by_size
    )
    ms = number * factor
    is_written = (F.col("event_time_kind") == "STRING") & text.rlike(_whole(MOMENT))
    return F.when(is_written, _written_ms(text)).when(F.abs(ms) < MOST_MS, F.floor(ms + 0.5).cast("bigint"))


def _written_ms(text: Column) -> Column:
    day, clock, fraction, zone = (F.regexp_extract(text, MOMENT, group) for group in (1, 2, 3, 4))
    moment = F.unix_millis(F.try_to_timestamp(F.concat_ws(" ", day, clock), F.lit("yyyy-MM-dd HH:mm:ss")))
    thousandths = F.rpad(F.substring(fraction, 2, 3), 3, "0").try_cast("bigint")
    minutes = F.substring(zone, 2, 2).try_cast("bigint") * 60 + F.substring(zone, -2, 2).try_cast("bigint")
    sign = F.when(zone.startswith("+"), F.lit(-1)).when(zone.startswith("-"), F.lit(1))
    return moment + F.coalesce(thousandths, F.lit(0)) + F.coalesce(sign * minutes * 60_000, F.lit(0))


def _fault(forms: Sequence[EventFormat]) -> Column:
    """The first fault of a record; null if it has none."""

    def unknown_type(form: EventFormat) -> Column:
        sentence = f"event_type is not among the types of the mapping {form.name}: "
        return F.concat(F.lit(sentence), F.substring("event_type_text", 1, 60))

    def no_text(name: str) -> Column:
        is_there = F.col(f"{name}_kind").isNotNull()
        return F.when(
            is_there & F.col(f"{name}_text").isNull(), F.lit(f"{name} is no text and no whole number")
        )

    has_type, is_rating = F.col("event_type_kind").isNotNull(), F.col("type") == RATING
    return F.coalesce(
        *(no_text(name) for name in (*_IDS, "event_type")),
        F.when(has_type & F.col("type").isNull(), _by_form(forms, unknown_type)),
        F.when(
            is_rating & F.col("value_kind").isNotNull() & F.col("value_number").isNull(),
            F.lit("value is no number"),
        ),
        F.when(
            F.col("event_time_kind").isNotNull() & F.col("moment").isNull(), F.lit("event_time is no moment")
        ),
        no_text("event_id"),
    )


def _event_json(forms: Sequence[EventFormat]) -> Column:
    fields = {name: F.col(f"{name}_text") for name in _IDS}
    fields |= {
        "event_type": F.col("type"),
        "value": F.when(F.col("type") == RATING, F.col("value_number")),
        "event_time": F.col("moment"),
        "event_id": _event_id(forms),
    }
    named = F.struct(*(column.alias(name) for name, column in fields.items()))
    return F.to_json(named).cast("binary")


def _event_id(forms: Sequence[EventFormat]) -> Column:
    text = F.col("event_id_text")
    is_uuid = (F.length(text) == UUID_LENGTH) & text.rlike(UUID_PATTERN)
    digest = _by_form(forms, lambda form: F.md5(F.concat(F.lit(f"{form.name}:"), text)))
    dashed = F.regexp_replace(digest, "^(.{8})(.{4})(.{4})(.{4})(.{12})$", "$1-$2-$3-$4-$5")
    return F.when(is_uuid, F.lower(text)).otherwise(dashed)
