"""Whether the queries may go on from their checkpoints: looked at before they start.

A query without its checkpoint reads the topics again from their beginning: the lake would hold events twice.
One with an older checkpoint gives new events the numbers of old batches, which Delta skips: a loss.
"""

from __future__ import annotations

from typing import NamedTuple

from pyspark.sql import SparkSession

from contracts import keyspace, lake
from contracts.settings import StreamingSettings
from streaming import redis_sink
from streaming.checkpoint import NEVER, BrokenCheckpointError, Checkpoint
from streaming.lake_sink import committed_batch, is_empty, table_version
from streaming.pipeline import query_checkpoint
from streaming.state_keys import is_there
from streaming.stored_files import StoredFiles

RUNBOOK = "'A checkpoint is lost' in docs/operations.md"


class CheckpointFault(NamedTuple):
    """A query that must not start, and why; the reason reads on after the query's name."""

    query: str
    reason: str


def refusal(faults: list[CheckpointFault]) -> str:
    """One sentence for the operator."""
    found = "; ".join(f"the checkpoint of query {query} {reason}" for query, reason in faults)
    return f"not started, or events would be lost or doubled: {found}. Run `headwater repair` ({RUNBOOK})"


def checkpoint_faults(spark: SparkSession, settings: StreamingSettings) -> list[CheckpointFault]:
    """What is wrong with the queries' checkpoints; nothing at a first start. The lake's tables must exist."""
    files = StoredFiles(spark)
    found = []
    for query, fault in (("lake", _of_lake), ("online", _of_online), ("item_activity", _of_activity)):
        try:
            reason = fault(spark, settings, query_checkpoint(files, settings, query))
        except BrokenCheckpointError as error:
            reason = str(error)
        if reason is not None:
            found.append(CheckpointFault(query, reason))
    return found


def _of_lake(spark: SparkSession, settings: StreamingSettings, found: Checkpoint) -> str | None:
    path = lake.INTERACTIONS.path(settings.lake_uri)
    if not found.has_run and found.start is None:
        return None if _holds_nothing(spark, settings) else "is gone, yet the lake holds what it has written"
    if not found.has_run and found.start and found.start.lake_version != table_version(spark, path):
        return "is gone again, and the lake has changed since it was repaired"
    written = committed_batch(spark, path, f"{found.query_id}:{lake.INTERACTIONS.name}")
    if written > found.planned:
        return f"is older than the lake: it knows batches up to {found.planned}, the lake holds {written}"
    if written < found.committed:
        return f"is newer than the lake: it has committed batch {found.committed}, the lake holds {written}"
    return None


def _of_online(spark: SparkSession, settings: StreamingSettings, found: Checkpoint) -> str | None:
    if found.has_run or found.start is not None:
        return None
    client = redis_sink.connect(settings.redis_url.get_secret_value())
    if redis_sink.read_applied(client, keyspace.APPLIED_ONLINE):
        return "is gone, yet Redis holds what it has applied"
    # With the state in place and nothing applied, it was killed at its first start, before its first batch.
    if not is_there(client) and not _holds_nothing(spark, settings):
        return "is gone, and so is the state in Redis, yet the lake holds events"
    return None


def _of_activity(spark: SparkSession, settings: StreamingSettings, found: Checkpoint) -> str | None:
    path = lake.ITEM_ACTIVITY.path(settings.lake_uri)
    if not found.has_run:
        return None if is_empty(spark, path) else "is gone, yet the lake holds what it has written"
    if (written := committed_batch(spark, path, str(found.query_id))) > found.planned:
        return f"is older than the lake: it knows batches up to {found.planned}, the lake holds {written}"
    newest = table_version(spark, lake.INTERACTIONS.path(settings.lake_uri))
    reached = max((int(source.get("reservoirVersion", NEVER)) for source in found.sources), default=NEVER)
    if reached > newest + 1:
        return f"is newer than the lake: it has read version {reached - 1} of {newest}"
    return None


def _holds_nothing(spark: SparkSession, settings: StreamingSettings) -> bool:
    return all(is_empty(spark, table.path(settings.lake_uri)) for table in (lake.INTERACTIONS, lake.CATALOG))
