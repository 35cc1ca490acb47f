from __future__ import annotations

from contracts.topics import (
    CATALOG,
    INTERACTIONS,
    MAX_EVENT_BYTES,
    REJECTED,
    TOPICS,
    by_place,
    by_topic,
    events_in,
    interaction_offsets,
    lag,
)


def test_every_topic_is_listed_once() -> None:
    assert [topic.name for topic in TOPICS] == [
        "interactions",
        "catalog",
        "interactions.rejected",
    ]


def test_the_brokers_clock_stamps_interactions() -> None:
    assert INTERACTIONS.config["message.timestamp.type"] == "LogAppendTime"


def test_the_catalogue_keeps_the_last_entry_of_each_key() -> None:
    assert CATALOG.config["cleanup.policy"] == "compact"


def test_a_rejected_event_fits_with_its_headers() -> None:
    assert int(INTERACTIONS.config["max.message.bytes"]) == MAX_EVENT_BYTES
    assert int(REJECTED.config["max.message.bytes"]) > MAX_EVENT_BYTES


def test_offsets_of_the_interactions_are_told_from_those_of_other_topics() -> None:
    applied = {"interactions:0": 5, "interactions:11": 7, "catalog:0": 9, "interactions.rejected:1": 3}
    assert interaction_offsets(applied) == {0: 5, 11: 7}


def test_lag_is_what_the_topics_have_and_the_query_has_not_applied() -> None:
    ends = {"interactions:0": 10, "interactions:1": 4, "catalog:0": 3}
    assert lag(ends, {}) == 17
    assert lag(ends, {"interactions:0": 7, "interactions:1": 4, "catalog:0": 5}) == 3


def test_only_interactions_count_as_events() -> None:
    assert events_in({"interactions:0": 10, "interactions:1": 4, "catalog:0": 3}) == 14


def test_offsets_become_sparks_form_and_back() -> None:
    found = by_topic({"interactions:0": 5, "interactions:1": 0, "catalog:0": 7})
    assert found == {"interactions": {"0": 5, "1": 0}, "catalog": {"0": 7}}
    assert by_place(found) == {"interactions:0": 5, "interactions:1": 0, "catalog:0": 7}
