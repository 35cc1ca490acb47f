"""`headwater repair`: queries whose checkpoint is lost continue from the offsets found in the lake.

Nothing is lost or doubled: the new checkpoint begins after the newest row of each partition, and records that
an interrupted batch did not write are added. Rows of topics that were deleted and created again stay, and say
nothing about the present ones. Every step may be repeated after a kill.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import SparkSession

from clients.stored_files import StoredFiles
from clients.topic_admin import topic_ids
from contracts.settings import StreamingSettings
from contracts.stored import keyspace, lake
from contracts.topics import PartitionOffsets, TopicIds, by_topic, created_again, farthest
from streaming.lake.offsets import lake_reach
from streaming.lake.sink import create_tables, table_version, writers
from streaming.recovery.checkpoint import (
    BrokenCheckpointError,
    StartingPoint,
    begin_anew,
    read_checkpoint,
    write_topic_ids,
)
from streaming.recovery.faults import CheckpointFault, checkpoint_faults
from streaming.recovery.holes import FilledHoles, fill_holes
from streaming.recovery.reach import Continuation, continuation
from streaming.recovery.topic_ids import stored_topic_ids
from streaming.runtime.checkpoint_folders import checkpoint
from streaming.state.applied_offsets import read_applied
from streaming.state.client import StateClient, connect
from streaming.state.status import read_status

_HEARTBEAT_SECONDS = 2.5  # a running service writes one each half second


class RepairError(RuntimeError):
    """Repair must not continue; the message names the cure."""


@dataclass
class Repaired:
    """What was wrong, and what was done about it."""

    faults: list[CheckpointFault]
    begins: dict[str, PartitionOffsets] = field(default_factory=dict)  # query -> from where it continues
    aside: dict[str, str] = field(default_factory=dict)  # query -> where its old checkpoint is now
    filled: FilledHoles = field(default_factory=FilledHoles)
    lost: list[str] = field(default_factory=list)  # sentences about records that Kafka no longer has
    earlier: list[str] = field(default_factory=list)  # sentences about topics that are no more
    state_is_rebuilt: bool = False  # by streaming's next start

    def to_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "faults": [fault._asdict() for fault in self.faults],
            "begins": {query: by_topic(offsets) for query, offsets in self.begins.items()},
            "aside": self.aside,
            "filled": self.filled._asdict(),
            "lost": self.lost,
            "earlier": self.earlier,
            "state_is_rebuilt": self.state_is_rebuilt,
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        if not self.faults:
            yield "every checkpoint is whole: nothing to repair"
            return
        for query, reason in self.faults:
            partitions = [f"{name} at {offset}" for name, offset in self.begins[query].items()]
            kept = f"; the old checkpoint is kept as {self.aside[query]}" if query in self.aside else ""
            begins = ", ".join(partitions) or "the beginning of the lake, its hours computed again"
            yield f"{query}: the checkpoint {reason}; goes on from {begins}{kept}"
        if sum(self.filled):
            yield "put where a cut-off batch had not: {} events in the lake, {} rejected".format(*self.filled)
        yield from (f"lost: {sentence}" for sentence in self.lost)
        yield from self.earlier
        if self.state_is_rebuilt:
            yield "the state in Redis is rebuilt from the lake when streaming starts"
        yield "start streaming"


@dataclass(frozen=True)
class _Found:
    """Which offsets Kafka keeps, from where queries go on, and the ids of the topics now."""

    kept: PartitionOffsets  # the oldest offset of each partition
    begins: Continuation
    ids: TopicIds


def repair(spark: SparkSession, settings: StreamingSettings, accept_loss: bool = False) -> Repaired:
    """Give every query whose checkpoint is lost or damaged a new one; change nothing if all are intact.

    Raises RepairError while streaming runs, and if Kafka no longer has records that the lake lacks (unless
    ``accept_loss``); BrokerUnavailableError if Kafka does not answer.
    """
    create_tables(spark, settings.lake_uri)
    ids = topic_ids(settings)
    repaired = Repaired(checkpoint_faults(spark, settings, ids))
    if not repaired.faults:
        return repaired
    client = connect(settings.redis_url.get_secret_value())
    _refuse_while_running(client)
    found = _find(spark, settings, ids)
    repaired.lost, repaired.earlier = found.begins.lost, found.begins.earlier
    if repaired.lost and not accept_loss:
        raise RepairError(
            f"{'; '.join(repaired.lost)}. `headwater repair --accept-loss` goes on without them"
        )
    for query, repair_query in _REPAIRS:
        if query in {fault.query for fault in repaired.faults}:
            repair_query(spark, settings, found, repaired)
    return repaired


def _refuse_while_running(client: StateClient) -> None:
    before = read_status(client).heartbeat
    time.sleep(_HEARTBEAT_SECONDS)
    if read_status(client).heartbeat != before:
        raise RepairError("streaming runs: stop it, then repair")


def _find(spark: SparkSession, settings: StreamingSettings, ids: TopicIds) -> _Found:
    again = created_again(stored_topic_ids(spark, settings), ids)
    reach = lake_reach(spark, settings)
    return _Found(reach.kept, continuation(reach, again, _progress(spark, settings)), ids)


def _progress(spark: SparkSession, settings: StreamingSettings) -> PartitionOffsets:
    """The farthest offsets that any query's own progress names."""
    client = connect(settings.redis_url.get_secret_value())
    online = read_applied(client, keyspace.APPLIED_ONLINE)
    in_lake = read_applied(client, keyspace.APPLIED_LAKE)
    with suppress(BrokenCheckpointError):
        planned = read_checkpoint(StoredFiles(spark), checkpoint(settings, "lake")).planned_offsets
        in_lake = farthest(in_lake, planned)
    return farthest(online, in_lake)


def _repair_lake(spark: SparkSession, settings: StreamingSettings, found: _Found, repaired: Repaired) -> None:
    repaired.filled = fill_holes(spark, settings, found.kept, found.begins.offsets)
    _begin(spark, settings, "lake", found.begins.offsets, repaired)
    if found.ids:
        write_topic_ids(StoredFiles(spark), checkpoint(settings, "lake"), found.ids)


def _repair_online(
    spark: SparkSession, settings: StreamingSettings, found: _Found, repaired: Repaired
) -> None:
    """The next start rebuilds the state from the whole lake, and from the topics where it ends."""
    client = connect(settings.redis_url.get_secret_value())
    # The topics' ids stay, so that the rebuild sees which topics were created again.
    client.delete(keyspace.STATE_VERSION, keyspace.APPLIED_ONLINE)
    repaired.begins["online"], repaired.state_is_rebuilt = found.begins.offsets, True


def _repair_activity(
    spark: SparkSession, settings: StreamingSettings, found: _Found, repaired: Repaired
) -> None:
    """All hours are computed again from the interactions."""
    spark.sql(f"DELETE FROM delta.`{lake.ITEM_ACTIVITY.path(settings.lake_uri)}`").collect()
    _begin(spark, settings, "item_activity", None, repaired)


def _begin(
    spark: SparkSession,
    settings: StreamingSettings,
    query: str,
    offsets: PartitionOffsets | None,
    repaired: Repaired,
) -> None:
    version = table_version(spark, lake.INTERACTIONS.path(settings.lake_uri))
    known = writers(spark, _TABLES[query].path(settings.lake_uri))
    start = StartingPoint(by_topic(offsets or {}), version, known)
    aside = begin_anew(StoredFiles(spark), checkpoint(settings, query), start)
    repaired.begins[query] = offsets or {}
    if aside is not None:
        repaired.aside[query] = aside


_TABLES = {"lake": lake.INTERACTIONS, "item_activity": lake.ITEM_ACTIVITY}
_Repair = Callable[[SparkSession, StreamingSettings, _Found, Repaired], None]
_REPAIRS: tuple[tuple[str, _Repair], ...] = (
    ("lake", _repair_lake),
    ("online", _repair_online),
    ("item_activity", _repair_activity),
)
