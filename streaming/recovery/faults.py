"""Checks, before the queries start, whether they may continue from their checkpoints.

A query that lost its checkpoint would read the topics from their beginning, and the lake would hold events
twice. With an older checkpoint, it would give new events the numbers of old batches, which Delta skips: they
would be lost. With one from before a repair, it would append again what another query has appended since.
With offsets of a topic that was deleted and created again, it would pass over the new one's first records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from pyspark.sql import SparkSession

from clients.stored_files import StoredFiles
from clients.topic_admin import topic_begins, topic_ends
from contracts.settings import StreamingSettings
from contracts.stored import keyspace, lake
from contracts.topics import LAKE_SOURCES
from streaming.lake.sink import committed_batch, holds_nothing, is_empty, table_version, writers
from streaming.recovery.checkpoint import (
    FIRST_START,
    NEVER,
    BrokenCheckpointError,
    Checkpoint,
    read_checkpoint,
)
from streaming.recovery.topic_ids import of_earlier_topics
from streaming.runtime.checkpoint_folders import checkpoint
from streaming.state.applied_offsets import read_applied, read_topic_ids
from streaming.state.client import connect
from streaming.state.keys import is_there

_KAFKA_SECONDS = 5.0  # less than streaming's lease is held
_Fault = Callable[[SparkSession, StreamingSettings, Checkpoint], str | None]
RUNBOOK = "'A checkpoint is lost' in docs/operations.md"


class CheckpointFaultError(RuntimeError):
    """A query must not start; the message is the sentence for the operator."""


class CheckpointFault(NamedTuple):
    """A query that must not start, and the reason, which continues a sentence after the query's name."""

    query: str
    reason: str


def refusal(faults: list[CheckpointFault], what: str = "not started") -> str:
    """The faults as one sentence for the operator; ``what`` says what the service did."""
    found = "; ".join(f"the checkpoint of query {query} {reason}" for query, reason in faults)
    return f"{what}, or events would be lost or doubled: {found}. Run `headwater repair` ({RUNBOOK})"


def checkpoint_faults(
    spark: SparkSession, settings: StreamingSettings, ids: Mapping[str, str]
) -> list[CheckpointFault]:
    """The faults of the queries' progress; none at a first start. The lake's tables must exist.

    ``ids`` are those of the topics now (`clients.topic_admin.topic_ids`).

    Raises BrokerUnavailableError where Kafka does not answer.
    """
    return online_faults(settings, ids) + lake_faults(spark, settings, ids)


def online_faults(settings: StreamingSettings, ids: Mapping[str, str]) -> list[CheckpointFault]:
    """Those of the online query, which needs neither Spark nor the lake to be checked.

    Raises BrokerUnavailableError where Kafka does not answer.
    """
    return _with_reasons({"online": _of_online(settings, ids)})


def lake_faults(
    spark: SparkSession, settings: StreamingSettings, ids: Mapping[str, str]
) -> list[CheckpointFault]:
    """Those of the queries with a checkpoint. The lake's tables must exist.

    Raises BrokerUnavailableError where Kafka does not answer.
    """
    files = StoredFiles(spark)

    def reason(query: str, fault: _Fault) -> str | None:
        try:
            return fault(spark, settings, read_checkpoint(files, checkpoint(settings, query)))
        except BrokenCheckpointError as error:
            return str(error)

    def of_lake(spark: SparkSession, settings: StreamingSettings, found: Checkpoint) -> str | None:
        earlier = of_earlier_topics(found.topic_ids, ids, found.planned_offsets)
        return earlier or _of_lake(spark, settings, found) or _of_kafka(settings, found)

    return _with_reasons(
        {
            "lake": reason("lake", of_lake),
            "item_activity": reason("item_activity", _of_activity),
        }
    )


def _with_reasons(reasons: Mapping[str, str | None]) -> list[CheckpointFault]:
    return [CheckpointFault(query, why) for query, why in reasons.items() if why is not None]


def _of_lake(spark: SparkSession, settings: StreamingSettings, found: Checkpoint) -> str | None:
    path = lake.INTERACTIONS.path(settings.lake_uri)
    if not found.has_run and found.start is None:
        is_new = holds_nothing(spark, settings.lake_uri)
        return None if is_new else "is gone, yet the lake holds what it has written"
    if not found.has_run and found.start and found.start.lake_version != table_version(spark, path):
        return "is gone again, and the lake has changed since it was repaired"
    writer = f"{found.query_id}:{lake.INTERACTIONS.name}"
    # At a first start nobody else has written to the lake.
    if other := (found.start or FIRST_START).later_writer(writers(spark, path), writer):
        return f"is older than a repair: {other.split(':')[0]} has written to the lake since"
    written = committed_batch(spark, path, writer)
    if written > found.planned:
        return f"is older than the lake: it knows batches up to {found.planned}, the lake holds {written}"
    if written < found.committed:
        return f"is newer than the lake: it has committed batch {found.committed}, the lake holds {written}"
    return None


def _of_online(settings: StreamingSettings, ids: Mapping[str, str]) -> str | None:
    """Check that Kafka still has the records after the applied offsets in Redis, where the online query
    continues."""
    client = connect(settings.redis_url.get_secret_value())
    applied = read_applied(client, keyspace.APPLIED_ONLINE)
    if fault := of_earlier_topics(read_topic_ids(client), ids, applied):
        return f"(in Redis) {fault}"
    if not is_there(client):
        return None  # rebuilt from the lake at the start
    fault = beyond_reach(applied, topic_begins(settings), topic_ends(settings))
    return fault and f"(in Redis) {fault}"


def _of_kafka(settings: StreamingSettings, found: Checkpoint) -> str | None:
    """Check that Kafka still has the records that the lake query reads next; it would end without them."""
    if not found.committed_offsets:
        return None
    begins = topic_begins(settings, _KAFKA_SECONDS, LAKE_SOURCES)
    ends = topic_ends(settings, _KAFKA_SECONDS, LAKE_SOURCES)
    return beyond_reach(found.committed_offsets, begins, ends)


def beyond_reach(
    offsets: Mapping[str, int], begins: Mapping[str, int], ends: Mapping[str, int]
) -> str | None:
    """What is wrong if Kafka does not keep the records from one of these offsets on; None if nothing."""
    for place, begin in begins.items():
        offset = offsets.get(place, begin)
        if not begin <= offset <= ends[place]:
            return f"stands at {offset} of {place}, but Kafka keeps {begin} to {ends[place]}"
    return None


def _of_activity(spark: SparkSession, settings: StreamingSettings, found: Checkpoint) -> str | None:
    path = lake.ITEM_ACTIVITY.path(settings.lake_uri)
    if not found.has_run:
        return None if is_empty(spark, path) else "is gone, yet the lake holds what it has written"
    writer = str(found.query_id)
    if other := found.start and found.start.later_writer(writers(spark, path), writer):
        return f"is older than a repair: {other} has written to its table since"
    if (written := committed_batch(spark, path, writer)) > found.planned:
        return f"is older than the lake: it knows batches up to {found.planned}, the lake holds {written}"
    newest = table_version(spark, lake.INTERACTIONS.path(settings.lake_uri))
    reached = max((int(source.get("reservoirVersion", NEVER)) for source in found.sources), default=NEVER)
    if reached > newest + 1:
        return f"is newer than the lake: it has read version {reached - 1} of {newest}"
    return None
