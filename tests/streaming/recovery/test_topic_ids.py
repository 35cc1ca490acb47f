from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from clients.stored_files import StoredFiles
from clients.topic_admin import create_topics, topic_ends, topic_ids
from contracts import topics
from contracts.settings import StreamingSettings
from contracts.stored import keyspace, lake
from streaming.lake.sink import append
from streaming.records.parse import accepted_interactions, parse
from streaming.recovery import repair
from streaming.recovery.checkpoint import read_checkpoint
from streaming.recovery.faults import CheckpointFault, checkpoint_faults, online_faults
from streaming.recovery.rebuild import prepare_state
from streaming.recovery.repair import Repaired
from streaming.recovery.topic_ids import disown_offsets, keep_topic_ids, of_earlier_topics
from streaming.state.applied_offsets import read_applied, read_topic_ids, write_applied, write_topic_ids
from streaming.state.client import connect
from streaming.state.keys import is_there, mark_written
from tests.clients.test_topic_admin import delete_topic
from tests.empty_lake import EmptyLake
from tests.streaming.recovery.test_checkpoint import write_checkpoint
from tests.streaming.recovery.test_repair import BAD, EVENTS, everything, send

REACHED = {"interactions:0": 7, "interactions:1": 0, "catalog:0": 0}
NAMES = ("u", "new", "newer")  # of the users of the old topic, and of the new one
AGAIN = "is of an earlier topic: interactions was deleted and created again"


@pytest.mark.parametrize(
    ("stored", "present", "fault"),
    [
        ({"interactions": "a", "catalog": "b"}, {"interactions": "a", "catalog": "b"}, None),
        ({"interactions": "a"}, {"interactions": "c"}, AGAIN),
        ({"interactions": "a"}, {}, None),  # the broker tells no ids
        ({}, {"interactions": "c"}, None),  # an earlier version stored none
        ({"catalog": "b"}, {"catalog": "c"}, None),  # nothing of it was read
    ],
)
def test_offsets_are_of_an_earlier_topic_where_its_id_is_known_to_be_another(
    stored: dict[str, str], present: dict[str, str], fault: str | None
) -> None:
    assert of_earlier_topics(stored, present, REACHED) == fault


@pytest.mark.parametrize(
    ("present", "is_fresh", "in_lake"),
    [
        ({"interactions": "a", "catalog": "b"}, True, {"interactions:0": 4, "catalog:0": 1}),
        ({"interactions": "c", "catalog": "b"}, False, {"catalog:0": 1}),
        ({"interactions": "a", "catalog": "c"}, True, {"interactions:0": 4}),  # nothing of it was applied
        ({}, True, {"interactions:0": 4, "catalog:0": 1}),
    ],
)
def test_offsets_of_an_earlier_topic_let_nothing_be_called_fresh(
    redis_url: str, present: dict[str, str], is_fresh: bool, in_lake: dict[str, int]
) -> None:
    client = connect(redis_url)
    mark_written(client)
    write_topic_ids(client, {"interactions": "a", "catalog": "b"})
    write_applied(client, keyspace.APPLIED_ONLINE, REACHED)
    write_applied(client, keyspace.APPLIED_LAKE, {"interactions:0": 4, "catalog:0": 1})
    disown_offsets(StreamingSettings(redis_url=redis_url), present)  # type: ignore[arg-type]
    assert is_there(client) == is_fresh
    assert read_applied(client, keyspace.APPLIED_ONLINE) == REACHED
    assert read_applied(client, keyspace.APPLIED_LAKE) == in_lake


@pytest.fixture
def settings(
    spark: SparkSession,
    empty_lake: EmptyLake,
    service_settings: StreamingSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> StreamingSettings:
    """A lake and a state that have all events of a topic, and a checkpoint that says so."""
    monkeypatch.setattr(repair, "_HEARTBEAT_SECONDS", 0.2)
    made = service_settings
    empty_lake(made.lake_uri)
    send(made.kafka_bootstrap_servers)
    rows = accepted_interactions(parse(everything(spark, made)))
    append(rows, lake.INTERACTIONS, made.lake_uri, "q", 0)
    write_checkpoint(Path(made.checkpoints_uri) / "lake-v1", planned=1, committed=0)
    client = connect(made.redis_url.get_secret_value())
    mark_written(client)
    write_applied(client, keyspace.APPLIED_ONLINE, topic_ends(made))
    return made


def test_a_topic_that_was_created_again_is_told_by_its_id_and_its_rows_from_those_of_the_old_one(
    spark: SparkSession, settings: StreamingSettings
) -> None:
    """It has more records than the one before, so its offsets look right."""
    bootstrap = settings.kafka_bootstrap_servers
    client = connect(settings.redis_url.get_secret_value())
    before = topic_ids(settings)
    keep_topic_ids(spark, settings, before)
    assert checkpoint_faults(spark, settings, before) == []
    delete_topic(bootstrap, topics.INTERACTIONS.name)
    create_topics(bootstrap)
    for users in NAMES[1:]:
        send(bootstrap, users)
    now = topic_ids(settings)
    assert checkpoint_faults(spark, settings, ids={}) == []  # what offsets say

    found = checkpoint_faults(spark, settings, now)
    assert found == [CheckpointFault("online", f"(in Redis) {AGAIN}"), CheckpointFault("lake", AGAIN)]
    disown_offsets(settings, now)  # as streaming does when it says so
    assert not is_there(client)
    assert online_faults(settings, now) == found[:1]  # a supervisor starts it again and again
    append_with_holes(spark, settings)
    repaired = repair.repair(spark, settings)
    assert (repaired.lost, repaired.filled) == ([], (4, BAD))
    begin = "interactions was deleted and created again: of the earlier topic the lake lacks "
    assert [sentence.startswith(begin) for sentence in repaired.earlier] == [True]
    in_lake = spark.read.format("delta").load(lake.INTERACTIONS.path(settings.lake_uri))
    to_come = accepted_interactions(parse(everything(spark, settings))).filter(is_to_come(repaired))
    found_users = [row.user_id for row in in_lake.unionByName(to_come).select("user_id").collect()]
    assert sorted(found_users) == sorted(
        liked := {f"{name}{n}" for name in NAMES for n in range(BAD, EVENTS + BAD)}
    )

    prepare_state(spark, settings)  # as streaming does when it starts
    keep_topic_ids(spark, settings, now)
    assert read_applied(client, keyspace.APPLIED_ONLINE) == topic_ends(settings)
    assert client.exists(*(keyspace.history(user, 1) for user in liked)) == 3 * EVENTS
    assert read_topic_ids(client) == now
    folder = f"{settings.checkpoints_uri}/lake-v1"
    assert read_checkpoint(StoredFiles(spark), folder).topic_ids == now
    assert checkpoint_faults(spark, settings, now) == []


def append_with_holes(spark: SparkSession, settings: StreamingSettings) -> None:
    """Write rows of the new topic beside the old one's: of each partition neither the first nor the last."""
    events = accepted_interactions(parse(everything(spark, settings)))
    first = events.groupBy("kafka_partition").agg({"kafka_offset": "min"}).collect()
    holes = [f"(kafka_partition = {number} AND kafka_offset = {offset})" for number, offset in first]
    rows = events.filter(f"user_id NOT LIKE 'newer%' AND NOT ({' OR '.join(holes)})")
    append(rows, lake.INTERACTIONS, settings.lake_uri, "q", 1)


def is_to_come(repaired: Repaired) -> str:
    """Which rows the repaired query will read, as SQL."""
    begins = topics.by_topic(repaired.begins["lake"])["interactions"]
    return " OR ".join(f"kafka_partition = {p} AND kafka_offset >= {n}" for p, n in begins.items())
