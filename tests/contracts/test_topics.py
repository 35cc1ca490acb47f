from __future__ import annotations

import os
import subprocess
import sys

import pytest

from contracts.topics import (
    CATALOG,
    EXPOSURES,
    INTERACTIONS,
    MAX_EVENT_BYTES,
    REJECTED,
    TOPICS,
    Partition,
    Topic,
    by_partition,
    by_topic,
    events_in,
    farthest,
    interaction_offsets,
    lag,
    lagging,
    offsets_of,
    topic_faults,
)


def test_every_topic_is_listed_once() -> None:
    assert [topic.name for topic in TOPICS] == [
        "interactions",
        "catalog",
        "interactions.rejected",
        "exposures",
    ]


def test_the_broker_stamps_topics_whose_records_are_judged_by_time() -> None:
    """It makes the broker refuse a producer whose clock is ahead, for events and for catalogue entries."""
    for topic in (INTERACTIONS, CATALOG, EXPOSURES):
        assert topic.config["message.timestamp.type"] == "LogAppendTime"


def test_the_catalogue_keeps_the_last_entry_of_each_key() -> None:
    assert CATALOG.config["cleanup.policy"] == "compact"


def test_a_rejected_event_fits_with_its_headers() -> None:
    assert int(INTERACTIONS.config["max.message.bytes"]) == MAX_EVENT_BYTES
    assert int(REJECTED.config["max.message.bytes"]) > MAX_EVENT_BYTES


def test_offsets_of_other_topics_are_left_out() -> None:
    applied = {"interactions:0": 5, "interactions:11": 7, "catalog:0": 9, "interactions.rejected:1": 3}
    assert interaction_offsets(applied) == {0: 5, 11: 7}


def test_lag_is_what_the_topics_have_and_the_query_has_not_applied() -> None:
    ends = {"interactions:0": 10, "interactions:1": 4, "catalog:0": 3}
    assert lag(ends, {}) == 17
    assert lag(ends, {"interactions:0": 7, "interactions:1": 4, "catalog:0": 5}) == 3


def test_the_farthest_of_two_positions_has_every_partition_of_either() -> None:
    found = farthest({"interactions:0": 7, "catalog:0": 1}, {"interactions:0": 4, "interactions:1": 2})
    assert found == {"interactions:0": 7, "catalog:0": 1, "interactions:1": 2}


def test_a_partition_lags_while_it_ends_beyond_what_is_applied() -> None:
    ends = {"interactions:0": 10, "interactions:1": 4, "catalog:0": 3, "catalog:1": 0}
    assert lagging(ends, {"interactions:0": 7, "interactions:1": 4}) == {"interactions:0": 3, "catalog:0": 3}
    assert lagging({"interactions:0": 2}, {"interactions:0": 5, "gone:0": 1}) == {}


@pytest.mark.parametrize("partition", [Partition("interactions", 0), Partition("a:b", 12)])
def test_the_name_of_a_partition_is_read_back(partition: Partition) -> None:
    assert Partition.parse(partition.name) == partition
    assert offsets_of(Topic(partition.topic, 1), {partition.name: 7, "other:3": 1}) == {partition.number: 7}


def test_a_text_that_is_not_the_name_of_a_partition_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        Partition.parse("interactions")


def test_only_interactions_count_as_events() -> None:
    assert events_in({"interactions:0": 10, "interactions:1": 4, "catalog:0": 3}) == 14


def test_offsets_are_converted_to_the_form_of_spark_and_back() -> None:
    found = by_topic({"interactions:0": 5, "interactions:1": 0, "catalog:0": 7})
    assert found == {"interactions": {"0": 5, "1": 0}, "catalog": {"0": 7}}
    assert by_partition(found) == {"interactions:0": 5, "interactions:1": 0, "catalog:0": 7}


def test_the_name_of_every_topic_begins_with_the_prefix() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "from contracts import topics; print([t.name for t in topics.TOPICS])"],
        env={**os.environ, "KAFKA_TOPIC_PREFIX": "shop."},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = ["interactions", "catalog", "interactions.rejected", "exposures"]
    assert said.strip() == str([f"shop.{name}" for name in names])


@pytest.mark.parametrize(
    ("topic", "found", "replicas", "words", "is_grave"),
    [
        (INTERACTIONS, {"message.timestamp.type": "CreateTime"}, 1, "producer's clock", True),
        (CATALOG, {"message.timestamp.type": "CreateTime"}, 1, "an entry from the future", False),
        (CATALOG, {"cleanup.policy": "delete"}, 1, "is not compacted", True),
        (CATALOG, {"cleanup.policy": "compact,delete"}, 1, "also deletes old records", True),
        (INTERACTIONS, {"cleanup.policy": "compact,delete"}, 1, "is compacted", True),
        (REJECTED, {"min.insync.replicas": "2"}, 1, "no write succeeds", True),
        (INTERACTIONS, {"min.insync.replicas": "1"}, 3, "a single replica", False),
        (INTERACTIONS, {"retention.ms": "3600000"}, 1, "less time than Headwater expects", False),
        (REJECTED, {"retention.bytes": "1073741824"}, 1, "keeps 1,073,741,824 bytes of a partition", False),
        (EXPOSURES, {"max.message.bytes": "1000"}, 1, "smaller records", False),
    ],
)
def test_a_topic_setting_that_can_lose_data_is_a_fault_with_a_cure(
    topic: Topic, found: dict[str, str], replicas: int, words: str, is_grave: bool
) -> None:
    (fault,) = topic_faults(topic, {"min.insync.replicas": str(min(replicas, 2)), **found}, replicas)
    assert words in fault.what
    assert fault.is_grave is is_grave
    assert f"--topic {topic.name} --add-config" in str(fault)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_with_our_settings_or_with_longer_retention_has_no_fault(topic: Topic) -> None:
    assert topic_faults(topic, topic.config, replicas=1) == []
    longer = {
        **topic.config,
        "retention.ms": "-1",
        "retention.bytes": "-1",
        "min.insync.replicas": "2",
        "max.message.bytes": "9000000",
    }
    assert topic_faults(topic, longer, replicas=3) == []
