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
from streaming.recovery.faults import CheckpointFault, checkpoint_faults
from streaming.recovery.rebuild import prepare_state
from streaming.recovery.repair import RepairError
from streaming.recovery.topic_ids import keep_topic_ids, of_earlier_topics
from streaming.state.applied_offsets import read_applied, read_topic_ids, write_applied
from streaming.state.client import connect
from streaming.state.keys import mark_written
from tests.clients.test_topic_admin import delete_topic
from tests.empty_lake import EmptyLake
from tests.streaming.recovery.test_checkpoint import write_checkpoint
from tests.streaming.recovery.test_repair import BAD, EVENTS, everything, send

REACHED = {"interactions:0": 7, "interactions:1": 0, "catalog:0": 0}
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


def test_a_topic_that_was_created_again_is_told_by_its_id_and_read_from_its_beginning(
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
    for users in ("new", "newer"):
        send(bootstrap, users)
    now = topic_ids(settings)
    assert checkpoint_faults(spark, settings, ids={}) == []  # what offsets say

    found = checkpoint_faults(spark, settings, now)
    assert found == [CheckpointFault("online", f"(in Redis) {AGAIN}"), CheckpointFault("lake", AGAIN)]
    with pytest.raises(RepairError, match=r"interactions was deleted and created again: .* --accept-loss"):
        repair.repair(spark, settings)
    repaired = repair.repair(spark, settings, accept_loss=True)
    assert topics.by_topic(repaired.begins["lake"])["interactions"] == dict.fromkeys("0123", 0)

    prepare_state(spark, settings)  # as streaming does when it starts
    keep_topic_ids(spark, settings, now)
    assert read_applied(client, keyspace.APPLIED_ONLINE) == topic_ends(settings)
    liked = {f"{users}{n}" for users in ("u", "new", "newer") for n in range(BAD, EVENTS + BAD)}
    assert client.exists(*(keyspace.history(user, 1) for user in liked)) == 3 * EVENTS
    assert read_topic_ids(client) == now
    folder = f"{settings.checkpoints_uri}/lake-v1"
    assert read_checkpoint(StoredFiles(spark), folder).topic_ids == now
    assert checkpoint_faults(spark, settings, now) == []
