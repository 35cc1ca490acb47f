"""`headwater repair`: queries whose checkpoint is lost continue from the offsets found in the lake.

Nothing is lost or doubled: the new checkpoint begins after the newest row of each partition, and records that
an interrupted batch did not write are added. Every step may be repeated after a kill.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import SparkSession

from clients.stored_files import StoredFiles
from clients.topic_admin import topic_begins, topic_ends, topic_ids
from contracts.settings import StreamingSettings
from contracts.stored import keyspace, lake
from contracts.topics import (
    LAKE_SOURCES,
    PartitionOffsets,
    TopicIds,
    by_topic,
    created_again,
    of_topics,
    without_topics,
)
from streaming.lake.offsets import lake_offsets
from streaming.lake.sink import create_tables, table_version, writers
from streaming.recovery.checkpoint import StartingPoint, begin_anew, write_topic_ids
from streaming.recovery.faults import CheckpointFault, checkpoint_faults
from streaming.recovery.holes import FilledHoles, fill_holes
from streaming.recovery.topic_ids import stored_topic_ids
from streaming.runtime.checkpoint_folders import checkpoint
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
    state_is_rebuilt: bool = False  # by streaming's next start

    def to_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "faults": [fault._asdict() for fault in self.faults],
            "begins": {query: by_topic(offsets) for query, offsets in self.begins.items()},
            "aside": self.aside,
            "filled": self.filled._asdict(),
            "lost": self.lost,
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
        if self.state_is_rebuilt:
            yield "the state in Redis is rebuilt from the lake when streaming starts"
        yield "start streaming"


@dataclass(frozen=True)
class _Reach:
    """Which offsets Kafka keeps, and which of them the lake has."""

    kept: PartitionOffsets  # the oldest offset of each partition
    ends: PartitionOffsets
    in_lake: PartitionOffsets  # within what is kept
    lost: list[str]
    ids: TopicIds  # of the topics now


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
    reach = _read_reach(spark, settings, ids)
    repaired.lost = reach.lost
    if reach.lost and not accept_loss:
        raise RepairError(f"{'; '.join(reach.lost)}. `headwater repair --accept-loss` goes on without them")
    for query, repair_query in _REPAIRS:
        if query in {fault.query for fault in repaired.faults}:
            repair_query(spark, settings, reach, repaired)
    return repaired


def _refuse_while_running(client: StateClient) -> None:
    before = read_status(client).heartbeat
    time.sleep(_HEARTBEAT_SECONDS)
    if read_status(client).heartbeat != before:
        raise RepairError("streaming runs: stop it, then repair")


def _read_reach(spark: SparkSession, settings: StreamingSettings, ids: TopicIds) -> _Reach:
    kept = topic_begins(settings, topics=LAKE_SOURCES)
    ends = topic_ends(settings, topics=LAKE_SOURCES)
    rows = lake_offsets(spark, settings)
    again = created_again(stored_topic_ids(spark, settings), ids)
    reach = _Reach(kept, ends, {}, [], ids)
    reach.lost.extend(
        f"{topic} was deleted and created again: what the lake did not have is gone"
        for topic in again
        if of_topics([topic], rows)
    )
    rows = without_topics(again, rows)
    for name, begin in kept.items():
        reached = rows.get(name, begin)
        if reached < begin:
            reach.lost.append(f"{begin - reached} records of {name} left Kafka before the lake had them")
        if reached > ends[name]:
            reach.lost.append(
                f"{name} was created again: it ends at {ends[name]}, the lake has read to {reached}"
            )
        # A topic that was created again is read from its beginning.
        reach.in_lake[name] = reached if begin <= reached <= ends[name] else begin
    return reach


def _repair_lake(spark: SparkSession, settings: StreamingSettings, reach: _Reach, repaired: Repaired) -> None:
    repaired.filled = fill_holes(spark, settings, reach.kept, reach.in_lake)
    _begin(spark, settings, "lake", reach.in_lake, repaired)
    if reach.ids:
        write_topic_ids(StoredFiles(spark), checkpoint(settings, "lake"), reach.ids)


def _repair_online(
    spark: SparkSession, settings: StreamingSettings, reach: _Reach, repaired: Repaired
) -> None:
    """The next start rebuilds the state from the whole lake, and from the topics where it ends."""
    client = connect(settings.redis_url.get_secret_value())
    # The topics' ids stay, so that the rebuild sees which topics were created again.
    client.delete(keyspace.STATE_VERSION, keyspace.APPLIED_ONLINE)
    repaired.begins["online"], repaired.state_is_rebuilt = reach.in_lake, True


def _repair_activity(
    spark: SparkSession, settings: StreamingSettings, reach: _Reach, repaired: Repaired
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
_Repair = Callable[[SparkSession, StreamingSettings, _Reach, Repaired], None]
_REPAIRS: tuple[tuple[str, _Repair], ...] = (
    ("lake", _repair_lake),
    ("online", _repair_online),
    ("item_activity", _repair_activity),
)
