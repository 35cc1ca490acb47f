"""One corpus of exposures through Spark and pydantic."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError
from pyspark.sql import SparkSession

from contracts import topics
from contracts.exposures import MAX_ARM_LENGTH, MAX_SHOWN_ITEMS, Exposure, batch_of
from contracts.stored import lake
from streaming.records.exposures import accepted_exposures, parse_exposures
from streaming.records.parse import rejected_records
from tests.streaming.records.test_parse import NOW_MS, records

ITEM: dict[str, Any] = {"item_id": "a", "rank": 1}
BASE: dict[str, Any] = {"recommendation_id": "r", "items": [ITEM], "event_time": NOW_MS}
FULL: dict[str, Any] = {
    "kind": "user",
    "user_id": "日本語 😀",
    "session_id": "s",
    "items": [{**ITEM, "source": "explore", "propensity": 0.25}, {"item_id": "b", "rank": 2}],
    "model_version": "v1",
    "arm": "ranking=bold",
    "applied_through": NOW_MS,
    "history_read_at": NOW_MS - 1,
    "reported_by": "client",
}
ACCEPTED: list[dict[str, Any]] = [{}, FULL, {"user_id": None}, {"arm": "x" * MAX_ARM_LENGTH}]
REJECTED: list[tuple[dict[str, Any], str]] = [
    ({"recommendation_id": None}, "an exposure's recommendation_id is missing"),
    ({"recommendation_id": ""}, "an exposure's recommendation_id is not an identifier"),
    ({"user_id": "x" * 129}, "an exposure's user_id is not an identifier"),
    ({"session_id": "a\nb"}, "an exposure's session_id is not an identifier"),
    ({"items": []}, "an exposure's items are missing"),
    ({"items": None}, "an exposure's items are missing"),
    ({"items": [ITEM] * (MAX_SHOWN_ITEMS + 1)}, "an exposure's items are too many"),
    ({"kind": "shop"}, "an exposure's kind is unknown"),
    ({"reported_by": "friend"}, "an exposure's reported_by is unknown"),
    ({"arm": "x" * (MAX_ARM_LENGTH + 1)}, "an exposure's arm is too long"),
    ({"event_time": -1}, "an exposure's event_time is not a moment"),
    ({"applied_through": -1}, "an exposure's applied_through is not a moment"),
    ({"items": [{"rank": 1}]}, "a shown item's item_id is missing"),
    ({"items": [ITEM, {"item_id": "", "rank": 2}]}, "a shown item's item_id is not an identifier"),
    ({"items": [{"item_id": "a"}]}, "a shown item's rank is not within its bounds"),
    ({"items": [{"item_id": "a", "rank": 0}]}, "a shown item's rank is not within its bounds"),
    ({"items": [{**ITEM, "propensity": 1.5}]}, "a shown item's propensity is not within its bounds"),
    ({"items": [{**ITEM, "propensity": 0}]}, "a shown item's propensity is not within its bounds"),
    ({"items": "a"}, "malformed JSON or a field of the wrong type"),
]
NO_BATCHES: list[tuple[bytes, str]] = [
    (b"{", "malformed JSON or a field of the wrong type"),
    (b"{}", "unknown schema_version"),
    (b'{"schema_version":2,"exposures":[]}', "unknown schema_version"),
    (b'{"schema_version":1,"exposures":[]}', "no exposures"),
    (b'{"schema_version":1,"exposures":[null]}', "an exposure's fields are missing"),
]


def pydantic_takes(one: dict[str, Any]) -> bool:
    try:
        Exposure.model_validate_json(json.dumps(one))
    except ValidationError:
        return False
    return True


def test_spark_and_pydantic_accept_and_refuse_the_same_exposures(spark: SparkSession) -> None:
    good = [{**BASE, **changes} for changes in ACCEPTED]
    bad = [{**BASE, **changes} for changes, _ in REJECTED]
    assert [pydantic_takes(one) for one in good] == [True] * len(good)
    assert [pydantic_takes(one) for one in bad] == [False] * len(bad)

    # A record is accepted or refused as a whole, so each bad exposure follows a good one.
    values: list[bytes | None] = [
        batch_of(json.dumps(one).encode() for one in good),
        *(batch_of(json.dumps(each).encode() for each in (BASE, one)) for one in bad),
    ]
    values += [value for value, _ in NO_BATCHES]
    parsed = parse_exposures(records(spark, values, topic=topics.EXPOSURES.name)).cache()
    rows = accepted_exposures(parsed)
    assert rows.dtypes == spark.createDataFrame([], lake.EXPOSURES.ddl).dtypes
    found = [row.asDict(recursive=True) for row in rows.collect()]
    assert [row["kafka_place"] for row in found] == list(range(len(good)))
    assert [row["user_id"] for row in found] == [None, FULL["user_id"], None, None]
    assert found[0]["items"] == [{**ITEM, "source": "", "propensity": None}]
    assert (found[0]["kind"], found[0]["arm"], found[0]["reported_by"]) == ("other", "", "answer")
    assert found[1]["items"][0] == FULL["items"][0]
    assert round(found[1]["event_time"].timestamp() * 1000) == NOW_MS

    refused = [(row["value"], row["reason"]) for row in rejected_records(parsed).collect()]
    reasons = [reason for _, reason in [*REJECTED, *NO_BATCHES]]
    assert refused == list(zip(values[1:], reasons, strict=True))
