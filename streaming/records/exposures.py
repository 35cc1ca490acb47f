"""Turns records of the topic ``exposures`` into rows, or gives the reason to reject them. Pure functions.

A record holds many exposures and is accepted or rejected as a whole. The bounds are those of
``contracts/exposures.py``; a test runs the same examples through both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts import events, exposures, topics
from contracts.stored import lake

_CORRUPT = "_corrupt"
_RECORD_DDL = f"schema_version INT, exposures ARRAY<STRUCT<{lake.EXPOSURE_DDL}>>, {_CORRUPT} STRING"
_CONTROL = r"[\u0000-\u001F\u007F-\u009F]"
_MAX_RANK, _MAX_SOURCE, _MAX_VERSION = 1_000_000, 64, 128
_Check = Callable[[Column], Column]


def is_exposure() -> Column:
    """SQL condition: whether a record comes from the topic ``exposures``."""
    return F.col("topic") == topics.EXPOSURES.name


def parse_exposures(records: DataFrame) -> DataFrame:
    """One row per record of the topic: its origin and bytes, ``batch``, a ``reason`` if it is rejected."""
    text = F.col("value").cast("string")
    batch = F.from_json(text, _RECORD_DDL, {"columnNameOfCorruptRecord": _CORRUPT})
    return records.filter(is_exposure()).withColumn("batch", batch).withColumn("reason", _fault())


def accepted_exposures(parsed: DataFrame) -> DataFrame:
    """The lake's rows: the columns of lake.EXPOSURES."""
    accepted = parsed.filter(F.col("reason").isNull())
    placed = accepted.select(
        "partition", "offset", "timestamp", F.posexplode("batch.exposures").alias("place", "exposure")
    )
    # partition, offset, timestamp, place, exposure{...}
    columns = {name: F.col(f"exposure.{name}") for name in exposures.Exposure.model_fields}
    columns |= {
        "kind": F.coalesce("exposure.kind", F.lit("other")),
        "items": F.transform("exposure.items", _with_source),
        "arm": F.coalesce("exposure.arm", F.lit("")),
        "reported_by": F.coalesce("exposure.reported_by", F.lit("answer")),
        "event_time": F.timestamp_millis("exposure.event_time"),
        "kafka_partition": F.col("partition"),
        "kafka_offset": F.col("offset"),
        "ingest_time": F.col("timestamp"),
        "kafka_place": F.col("place"),
    }
    return placed.select(*(column.alias(name) for name, column in columns.items()))


def _with_source(item: Column) -> Column:
    return item.withField("source", F.coalesce(item["source"], F.lit("")))


@cache
def _fault() -> Column:
    batch, text = F.col("batch"), F.col("value").cast("string")
    faults = [
        (F.col("value").isNull(), "the record is empty"),
        (~F.is_valid_utf8(text), "not UTF-8 text"),
        (
            batch.isNull() | F.col(f"batch.{_CORRUPT}").isNotNull(),
            "malformed JSON or a field of the wrong type",
        ),
        (~_is(batch["schema_version"] == exposures.SCHEMA_VERSION), "unknown schema_version"),
        (~_is(F.size("batch.exposures") > 0), "no exposures"),
    ]
    faults += [
        (F.exists("batch.exposures", check), f"an exposure's {what}") for check, what in _exposure_checks()
    ]
    faults += [(_any_item(check), f"a shown item's {what}") for check, what in _item_checks()]
    return F.coalesce(*(F.when(condition, F.lit(reason)) for condition, reason in faults))


def _exposure_checks() -> list[tuple[_Check, str]]:
    """The faults that an exposure may have, each with how its reason continues."""
    return [
        (lambda each: each.isNull(), "fields are missing"),
        (lambda each: each["recommendation_id"].isNull(), "recommendation_id is missing"),
        (lambda each: _is_bad_id(each["recommendation_id"]), "recommendation_id is not an identifier"),
        (lambda each: _is_bad_id(each["user_id"]), "user_id is not an identifier"),
        (lambda each: _is_bad_id(each["session_id"]), "session_id is not an identifier"),
        (lambda each: ~_is(F.size(each["items"]) > 0), "items are missing"),
        (lambda each: F.size(each["items"]) > exposures.MAX_SHOWN_ITEMS, "items are too many"),
        (lambda each: ~each["kind"].isin(*exposures.LIST_KINDS), "kind is unknown"),
        (lambda each: ~each["reported_by"].isin("answer", "client"), "reported_by is unknown"),
        (lambda each: F.length(each["arm"]) > exposures.MAX_ARM_LENGTH, "arm is too long"),
        (lambda each: F.length(each["model_version"]) > _MAX_VERSION, "model_version is too long"),
        (lambda each: each["event_time"].isNull(), "event_time is missing"),
        (lambda each: _is_no_moment(each["event_time"]), "event_time is not a moment"),
        (lambda each: _is_no_moment(each["applied_through"]), "applied_through is not a moment"),
        (lambda each: _is_no_moment(each["history_read_at"]), "history_read_at is not a moment"),
    ]


def _item_checks() -> list[tuple[_Check, str]]:
    return [
        (lambda item: item.isNull() | item["item_id"].isNull(), "item_id is missing"),
        (lambda item: _is_bad_id(item["item_id"]), "item_id is not an identifier"),
        (lambda item: ~_is(item["rank"].between(1, _MAX_RANK)), "rank is not within its bounds"),
        (lambda item: F.length(item["source"]) > _MAX_SOURCE, "source is too long"),
        (
            lambda item: F.isnan(item["propensity"]) | (item["propensity"] <= 0) | (item["propensity"] > 1),
            "propensity is not within its bounds",
        ),
    ]


def _any_item(check: _Check) -> Column:
    return F.exists("batch.exposures", lambda each: F.exists(each["items"], check))


def _is(condition: Column) -> Column:
    """False if the condition is NULL."""
    return F.coalesce(condition, F.lit(False))


def _is_bad_id(text: Column) -> Column:
    return (F.length(text) < 1) | (F.length(text) > events.MAX_ID_LENGTH) | text.rlike(_CONTROL)


def _is_no_moment(ms: Column) -> Column:
    return (ms < 0) | (ms > events.MAX_EVENT_TIME_MS)
