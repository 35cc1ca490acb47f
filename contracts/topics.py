"""The Kafka topics, declared once. ``clients/topic_admin.py`` creates them from here.

KAFKA_TOPIC_PREFIX stands before every name. It is read once, as this module is imported, so that all that a
process does means the same topics.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

MAX_EVENT_BYTES = 1_000_000
PREFIX_VARIABLE = "KAFKA_TOPIC_PREFIX"
PREFIX = os.environ.get(PREFIX_VARIABLE, "")  # its form is checked with the other settings


@dataclass(frozen=True)
class Topic:
    """A topic's name, width and the settings it is created with."""

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)


# LogAppendTime: "from the future" is judged by the broker's clock, so both queries judge alike, always.
INTERACTIONS = Topic(
    f"{PREFIX}interactions",
    partitions=4,
    config={
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(7 * 24 * 3600 * 1000),
        "max.message.bytes": str(MAX_EVENT_BYTES),
    },
)
CATALOG = Topic(f"{PREFIX}catalog", partitions=1, config={"cleanup.policy": "compact"})
# Original bytes and the reason in headers, so a record may be larger here than where it came from.
REJECTED = Topic(
    f"{PREFIX}interactions.rejected",
    partitions=1,
    config={"retention.ms": str(30 * 24 * 3600 * 1000), "max.message.bytes": str(2 * MAX_EVENT_BYTES)},
)
# What was shown to whom (contracts/exposures.py), many in a record; a record's key says nothing.
EXPOSURES = Topic(
    f"{PREFIX}exposures",
    partitions=1,
    config={
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(7 * 24 * 3600 * 1000),
        "max.message.bytes": str(MAX_EVENT_BYTES),
    },
)
SOURCES = (INTERACTIONS.name, CATALOG.name)  # what the online query reads
LAKE_SOURCES = (*SOURCES, EXPOSURES.name)  # what the lake query reads
TOPICS: tuple[Topic, ...] = (INTERACTIONS, CATALOG, REJECTED, EXPOSURES)

# Headers of a rejected record.
REJECT_REASON, REJECT_TOPIC = "reason", "source_topic"
REJECT_PARTITION, REJECT_OFFSET = "source_partition", "source_offset"


PartitionOffsets: TypeAlias = dict[str, int]  # "topic:partition" -> offset, as in keyspace.APPLIED_ONLINE
TopicOffsets: TypeAlias = dict[str, dict[str, int]]  # topic -> partition -> offset, as Spark has it in JSON
SEPARATOR = ":"


class Partition(NamedTuple):
    """One partition of a topic; its name is "topic:partition"."""

    topic: str
    number: int

    @property
    def name(self) -> str:
        """ "topic:partition"."""
        return f"{self.topic}{SEPARATOR}{self.number}"

    @classmethod
    def parse(cls, name: str) -> Partition:
        """The reverse of `name`. Raises ValueError for any other text."""
        topic, _, number = name.rpartition(SEPARATOR)
        return cls(topic, int(number))


def offsets_of(topic: Topic, offsets: Mapping[str, int]) -> dict[int, int]:
    """Partition number -> offset, of one topic's partitions."""
    partitions = ((Partition.parse(name), offset) for name, offset in offsets.items())
    return {partition.number: offset for partition, offset in partitions if partition.topic == topic.name}


def interaction_offsets(applied: Mapping[str, int]) -> dict[int, int]:
    """Partition number -> offset of the interactions."""
    return offsets_of(INTERACTIONS, applied)


def events_in(offsets: Mapping[str, int]) -> int:
    """How many interactions the offsets stand for."""
    return sum(interaction_offsets(offsets).values())


def lagging(ends: Mapping[str, int], applied: Mapping[str, int]) -> PartitionOffsets:
    """Partitions with records below ``ends`` that are not below ``applied`` -> how many there are.

    Of a partition without an applied offset nothing is applied.
    """
    behind = {name: end - applied.get(name, 0) for name, end in ends.items()}
    return {name: count for name, count in behind.items() if count > 0}


def lag(ends: Mapping[str, int], applied: Mapping[str, int]) -> int:
    """How many records the lagging partitions have that are not applied."""
    return sum(lagging(ends, applied).values())


def by_partition(offsets: Mapping[str, Mapping[Any, int]]) -> PartitionOffsets:
    """Offsets by topic, then partition number (as a number or as text), by "topic:partition"."""
    return {
        Partition(topic, number).name: offset
        for topic, partitions in offsets.items()
        for number, offset in partitions.items()
    }


def by_topic(offsets: Mapping[str, int]) -> TopicOffsets:
    """The reverse of `by_partition`, as Spark reads it in JSON."""
    topics: TopicOffsets = defaultdict(dict)
    for name, offset in offsets.items():
        partition = Partition.parse(name)
        topics[partition.topic][str(partition.number)] = offset
    return dict(topics)
