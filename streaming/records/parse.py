"""Turns Kafka's bytes into typed rows, or gives the reason to reject a row. Pure: data frame to data frame.

The bounds are those of ``contracts/events.py`` and ``contracts/catalog.py``; tests run the same examples
through both.

A column is only a description, so the long ones are built once: building them for each batch took a
quarter of a second.
"""

from __future__ import annotations

from functools import cache

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - Spark's own convention

from contracts import catalog, events, identifiers, topics
from contracts.moments import EARLIEST_PLAUSIBLE_MS
from contracts.stored import lake
from streaming.records.mapped_json import FRAMED
from streaming.records.mapping import FAULT, ORIGINAL

_CORRUPT = "_corrupt"
BEFORE_ANY_LOG = (
    "event_time lies before 1990: send milliseconds since 1970, or time_from_zero if that is meant"
)
IN_A_FRAME = (
    "in the framing of a schema registry (first byte 0): produce plain JSON; JSON Schema's framing is read "
    "where EVENT_MAPPING_FILE is set, Avro and Protobuf are not"
)
_IDS = ("user_id", "item_id")
_OPTIONAL_IDS = ("session_id",)
_EVENT_DDL = f"{lake.EVENT_DDL}, {lake.TOPIC_ONLY_DDL}"
# A number of JSON as an id, with a fraction or an exponent.
_FLOAT = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
# What programs write for a number that is absent. It is no JSON, but Spark reads it, and puts it in quotes.
_NO_NUMBERS = ('"NaN"', '"Infinity"', '"-Infinity"', '"+Infinity"', '"INF"', '"-INF"', '"+INF"')
# Java's name for a hexadecimal digit is matched nearly twice as fast as the three ranges.
_UUID = events.UUID_PATTERN.replace("[0-9a-fA-F]", r"\p{XDigit}")


def parse(records: DataFrame) -> DataFrame:
    """One row per record: its origin and bytes, ``event`` or ``entry``, a ``reason`` if it is rejected."""
    typed = records.withColumns(
        {
            "event": F.when(_is_interaction(), _from_json(_EVENT_DDL)),
            "entry": F.when(~_is_interaction(), _from_json(lake.CATALOG_DDL)),
        }
    )
    # topic, partition, offset, timestamp, key, value, event{...}, entry{...}, reason
    fault = F.when(_is_interaction(), _event_fault()).otherwise(_entry_fault())
    return typed.withColumn("reason", _with_mapping_fault(records, fault))


def parse_interactions(records: DataFrame) -> DataFrame:
    """As ``parse``, for interactions only and without ``entry``, so that rows are smaller."""
    events = records.filter(_is_interaction()).withColumn("event", _from_json(_EVENT_DDL))
    return events.withColumn("reason", _with_mapping_fault(records, _event_fault()))


def accepted_interactions(parsed: DataFrame) -> DataFrame:
    """The lake's rows: the columns of lake.INTERACTIONS."""
    accepted = parsed.filter(_is_interaction() & F.col("reason").isNull())
    return accepted.select(*_lake_columns())


@cache
def _lake_columns() -> list[Column]:
    columns = event_columns() | {"event_time": F.timestamp_millis("event.event_time")}
    return [*(column.alias(name) for name, column in columns.items()), *_origin()]


def event_columns() -> dict[str, Column]:
    """The fields of an accepted ``event``; absent ones are filled in, with the same values at any replay."""
    columns = {name: F.col(f"event.{name}") for name in _field_names(lake.EVENT_DDL)}
    ids = {name: _identifier(f"event.{name}") for name in (*_IDS, *_OPTIONAL_IDS)}
    return columns | {
        **ids,
        "recommendation_id": _recommendation_id(),
        "event_id": F.lower(F.coalesce("event.event_id", _uuid_of_origin())),
        "schema_version": F.coalesce("event.schema_version", F.lit(1)),
        "value": F.when(F.col("event.event_type") == events.RATING, F.col("event.value")).otherwise(
            F.lit(1.0)
        ),
    }


def accepted_entries(parsed: DataFrame) -> DataFrame:
    """The catalogue's rows: the columns of lake.CATALOG."""
    accepted = parsed.filter(~_is_interaction() & F.col("reason").isNull())
    return accepted.select(*(column.alias(name) for name, column in entry_columns().items()), *_origin())


def entry_columns() -> dict[str, Column]:
    """The fields of an accepted ``entry``."""
    columns = {name: F.col(f"entry.{name}") for name in _field_names(lake.CATALOG_DDL)}
    return columns | {"id": _identifier("entry.id")}


def rejected_records(parsed: DataFrame) -> DataFrame:
    """The records that no table takes, with the bytes that came and the reason."""
    value = F.col(ORIGINAL).alias("value") if ORIGINAL in parsed.columns else F.col("value")
    return parsed.filter(F.col("reason").isNotNull()).select(
        "topic", "partition", "offset", "key", value, "reason"
    )


def _with_mapping_fault(records: DataFrame, fault: Column) -> Column:
    """The fault, or before it the one of mapping a record of another system, where records are mapped."""
    return F.coalesce(F.col(FAULT), fault) if FAULT in records.columns else fault


def _field_names(ddl: str) -> list[str]:
    return [column.split()[0] for column in ddl.replace("MAP<STRING, STRING>", "MAP").split(", ")]


def _origin() -> list[Column]:
    return [
        F.col("partition").alias("kafka_partition"),
        F.col("offset").alias("kafka_offset"),
        F.col("timestamp").alias("ingest_time"),
    ]


def _is_interaction() -> Column:
    return F.col("topic") == topics.INTERACTIONS.name


def _text() -> Column:
    return F.col("value").cast("string")


def _from_json(ddl: str) -> Column:
    # Spark interprets this expression. The check for UTF-8 is among the faults, because here Spark would look
    # its function up by reflection for every row.
    return F.from_json(_text(), f"{ddl}, {_CORRUPT} STRING", {"columnNameOfCorruptRecord": _CORRUPT})


def _identifier(column: str) -> Column:
    """An id by the rule of `contracts.identifiers`: text without outer blanks, a whole float as integer."""
    number = _float_of(column)
    exact = F.when((F.abs(number) < identifiers.INEXACT_FROM) & (number % 1 == 0), number)
    return F.coalesce(exact.cast("bigint").cast("string"), F.btrim(F.col(column), F.lit(identifiers.BLANKS)))


def _recommendation_id() -> Column:
    """The id as it came, null for an empty one, and UNREADABLE_ID for one that no answer can have."""
    column = "event.recommendation_id"
    unreadable = (F.when(is_bad, F.lit(events.UNREADABLE_ID)) for is_bad, _ in _id_faults(column))
    value = _identifier(column)
    return F.when(F.length(value) > 0, F.coalesce(*unreadable, value))


def _float_of(column: str) -> Column:
    """An id that is a number with a fraction or an exponent in the JSON; null for any other."""
    text, name = F.col(column), column.split(".")[1]
    marks = text.contains(".") | text.contains("e") | text.contains("E")
    # Spark returns both text and numbers as text, so for ids of this form the JSON is looked at again.
    is_float = marks & text.rlike(_FLOAT) & _text().rlike(rf'"{name}"\s*:\s*-?[0-9]')
    # Others are made null before the cast, because Spark may compute it for every row.
    return F.when(is_float, text).cast("double")


def _uuid_of_origin() -> Column:
    """An id for an event without one: the MD5 of its place in the log, in a UUID's form."""
    digest = F.md5(F.concat_ws(":", F.col("topic"), F.col("partition"), F.col("offset")))
    parts = [
        F.substring(digest, start, length) for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    ]
    return F.concat_ws("-", *parts)


def _first(*faults: tuple[Column, str]) -> Column:
    return F.coalesce(*(F.when(condition, F.lit(reason)) for condition, reason in faults))


def _form_faults(parsed: str) -> list[tuple[Column, str]]:
    is_no_json = F.col(parsed).isNull() | F.col(f"{parsed}.{_CORRUPT}").isNotNull()
    return [
        (F.col("value").isNull(), "the record is empty"),
        (F.startswith("value", F.lit(FRAMED)), IN_A_FRAME),
        (~F.is_valid_utf8(_text()), "not UTF-8 text"),
        (is_no_json, "malformed JSON or a field of the wrong type"),
    ]


def _id_faults(column: str) -> list[tuple[Column, str]]:
    value, name = _identifier(column), column.split(".")[1]
    is_inexact = F.abs(_float_of(column)) >= identifiers.INEXACT_FROM
    is_no_number = value.isin(*_NO_NUMBERS) & _text().rlike(rf'"{name}"\s*:\s*[-+NI]')
    return [
        (is_no_number, f"{name} is not a number: an id that is absent cannot be sent"),
        (is_inexact, f"{name} is a number that has lost digits as a float: send text"),
        (F.length(value) < 1, f"{name} is empty"),
        *_length_faults(value, events.MAX_ID_LENGTH, name),
        (value.rlike(r"[\u0000-\u001F\u007F-\u009F]"), f"{name} holds a control character"),
    ]


@cache
def _event_fault() -> Column:
    event = F.col("event")
    required = [*_IDS, "event_type", "event_time"]
    faults = _form_faults("event")
    faults += [(event[name].isNull(), f"{name} is missing") for name in required]
    for name in (*_IDS, *_OPTIONAL_IDS):
        faults += _id_faults(f"event.{name}")
    latest = F.unix_millis("timestamp") + events.MAX_FUTURE_MS
    faults += [
        (~event["event_type"].isin(*events.EVENT_TYPES), "unknown event_type"),
        (~event["event_id"].rlike(_UUID), "event_id is not a UUID"),
        (event["schema_version"] != 1, "unknown schema_version"),
        *_value_faults(),
        (event["event_time"] < 0, "event_time lies before 1970"),
        (
            (event["event_time"] < EARLIEST_PLAUSIBLE_MS)
            & ~F.coalesce(event["time_from_zero"], F.lit(False)),
            BEFORE_ANY_LOG,
        ),
        (event["event_time"] > latest, "event_time lies in the future"),
    ]
    return _first(*faults)


def _value_faults() -> list[tuple[Column, str]]:
    value, is_rating = F.col("event.value"), F.col("event.event_type") == events.RATING
    outside = F.isnan(value) | (value < events.MIN_RATING) | (value > events.MAX_RATING)
    return [
        (is_rating & value.isNull(), "a rating needs a value"),
        (is_rating & outside, f"value of a rating must lie in {events.MIN_RATING}-{events.MAX_RATING:g}"),
        (~is_rating & (F.isnan(value) | (value != 1.0)), "value must be 1 or absent"),
    ]


def _metadata_faults() -> list[tuple[Column, str]]:
    """The bounds of contracts/catalog.py on title, categories and attributes."""
    title, categories, attributes = (F.col(f"entry.{n}") for n in ("title", "categories", "attributes"))
    names, values = F.map_keys(attributes), F.map_values(attributes)
    return [
        *_length_faults(title, catalog.MAX_TITLE_LENGTH, "title"),
        (F.size(categories) > catalog.MAX_CATEGORIES, f"more than {catalog.MAX_CATEGORIES} categories"),
        (F.exists(categories, F.isnull), "a category is null"),
        *_any_length_faults(categories, catalog.MAX_CATEGORY_LENGTH, "a category"),
        (F.size(attributes) > catalog.MAX_ATTRIBUTES, f"more than {catalog.MAX_ATTRIBUTES} attributes"),
        (F.exists(names, lambda name: F.length(name) < 1), "the name of an attribute is empty"),
        *_any_length_faults(names, catalog.MAX_ATTRIBUTE_NAME_LENGTH, "the name of an attribute"),
        (F.exists(values, F.isnull), "an attribute is null"),
        *_any_length_faults(values, catalog.MAX_ATTRIBUTE_LENGTH, "an attribute"),
    ]


def _length_faults(text: Column, longest: int, name: str) -> list[tuple[Column, str]]:
    return [(F.length(text) > longest, f"{name} is longer than {longest} characters")]


def _any_length_faults(texts: Column, longest: int, name: str) -> list[tuple[Column, str]]:
    is_too_long = F.exists(texts, lambda text: F.length(text) > longest)
    return [(is_too_long, f"{name} is longer than {longest} characters")]


@cache
def _entry_fault() -> Column:
    entry = F.col("entry")
    faults = _form_faults("entry")
    faults += [(entry[name].isNull(), f"{name} is missing") for name in ("kind", "id", "updated_at")]
    faults += [(~entry["kind"].isin(*catalog.CATALOG_KINDS), "unknown kind"), *_id_faults("entry.id")]
    faults += _metadata_faults()
    latest = F.unix_millis("timestamp") + events.MAX_FUTURE_MS
    faults += [
        (entry["updated_at"] < 0, "updated_at lies before 1970"),
        (entry["updated_at"] > latest, "updated_at lies in the future"),
    ]
    return _first(*faults)
