"""The lake's Delta tables: names, columns and the DDL that Spark reads and writes them by."""

from __future__ import annotations

from dataclasses import dataclass

# The fields of an event on the topic: Spark's from_json reads them by this, and the parity test compares
# pydantic's model with it.
EVENT_DDL = (
    "event_id STRING, event_type STRING, user_id STRING, item_id STRING, value DOUBLE, "
    "event_time BIGINT, schema_version INT, session_id STRING, recommendation_id STRING"
)
# Fields of an event on the topic that only say how to check it; the lake does not keep them.
TOPIC_ONLY_DDL = "time_from_zero BOOLEAN"
CATALOG_DDL = (
    "kind STRING, id STRING, title STRING, categories ARRAY<STRING>, "
    "attributes MAP<STRING, STRING>, updated_at BIGINT"
)
SHOWN_ITEMS_DDL = "ARRAY<STRUCT<item_id: STRING, rank: INT, source: STRING, propensity: DOUBLE>>"
EXPOSURE_DDL = (
    f"recommendation_id STRING, kind STRING, user_id STRING, session_id STRING, items {SHOWN_ITEMS_DDL}, "
    "model_version STRING, arm STRING, applied_through BIGINT, history_read_at BIGINT, reported_by STRING, "
    "event_time BIGINT"
)


@dataclass(frozen=True)
class Table:
    """A Delta table: its folder under LAKE_URI and its columns."""

    name: str
    ddl: str

    def path(self, lake_uri: str) -> str:
        """The table's folder."""
        return f"{lake_uri.rstrip('/')}/{self.name}"


_ORIGIN = ", kafka_partition INT, kafka_offset BIGINT, ingest_time TIMESTAMP"
# event_time is a TIMESTAMP here (milliseconds kept); every other event column is as on the topic.
INTERACTIONS = Table(
    "interactions",
    "event_id STRING, event_type STRING, user_id STRING, item_id STRING, value DOUBLE, "
    "event_time TIMESTAMP, schema_version INT, session_id STRING, recommendation_id STRING" + _ORIGIN,
)
CATALOG = Table("catalog", CATALOG_DDL + _ORIGIN)
ITEM_ACTIVITY = Table(
    "item_activity", "hour TIMESTAMP, item_id STRING, events BIGINT, users BIGINT, value_sum DOUBLE"
)
# A record of the topic holds many exposures: `kafka_place` is the place within it, from 0.
EXPOSURES = Table(
    "exposures",
    EXPOSURE_DDL.replace("event_time BIGINT", "event_time TIMESTAMP") + _ORIGIN + ", kafka_place INT",
)
# What counted in the live figures (contracts/live_outcomes.py): the place of the event, but not its user.
OUTCOMES = Table(
    "outcomes",
    "model_version STRING, served STRING, served_rank INT, retrained_rank INT, popular_rank INT, "
    "scored_at TIMESTAMP" + _ORIGIN,
)
TABLES: tuple[Table, ...] = (INTERACTIONS, CATALOG, ITEM_ACTIVITY, EXPOSURES, OUTCOMES)
# A property of the tables of events: rows before this event time (epoch ms) were deleted (EVENTS_KEEP_DAYS).
KEPT_SINCE = "headwater.keptSince"
