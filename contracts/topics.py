"""The Kafka topics, declared once. ``clients/topic_admin.py`` creates them from here.

Every name begins with KAFKA_TOPIC_PREFIX. It is read once, when this module is imported, so that a whole
process uses the same topics.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
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


# LogAppendTime: the broker's clock decides whether an event is from the future. So both queries always judge
# alike, and a producer whose clock is ahead cannot write an event that wins against all later ones.
INTERACTIONS = Topic(
    f"{PREFIX}interactions",
    partitions=4,
    config={
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(7 * 24 * 3600 * 1000),
        "max.message.bytes": str(MAX_EVENT_BYTES),
    },
)
CATALOG = Topic(
    f"{PREFIX}catalog",
    partitions=1,
    config={"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"},
)
# A record has its original bytes, and the reason in headers, so it may be larger here than it was.
REJECTED = Topic(
    f"{PREFIX}interactions.rejected",
    partitions=1,
    config={"retention.ms": str(30 * 24 * 3600 * 1000), "max.message.bytes": str(2 * MAX_EVENT_BYTES)},
)
# What was shown to whom (contracts/exposures.py). A record holds many exposures; its key has no meaning.
EXPOSURES = Topic(
    f"{PREFIX}exposures",
    partitions=1,
    config={
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(7 * 24 * 3600 * 1000),
        "max.message.bytes": str(MAX_EVENT_BYTES),
    },
)
TIMESTAMPS, CLEANUP, IN_SYNC = "message.timestamp.type", "cleanup.policy", "min.insync.replicas"
RETENTION, SIZE, LARGEST = "retention.ms", "retention.bytes", "max.message.bytes"
SOURCES = (INTERACTIONS.name, CATALOG.name)  # what the online query reads
LAKE_SOURCES = (*SOURCES, EXPOSURES.name)  # what the lake query reads
TOPICS: tuple[Topic, ...] = (INTERACTIONS, CATALOG, REJECTED, EXPOSURES)

# Headers of a rejected record.
REJECT_REASON, REJECT_TOPIC = "reason", "source_topic"
REJECT_PARTITION, REJECT_OFFSET = "source_partition", "source_offset"


PartitionOffsets: TypeAlias = dict[str, int]  # "topic:partition" -> offset, as in keyspace.APPLIED_ONLINE
TopicOffsets: TypeAlias = dict[str, dict[str, int]]  # topic -> partition -> offset, as Spark has it in JSON
TopicIds: TypeAlias = dict[str, str]  # topic -> the id that Kafka gave it when it was created
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
    """Partition -> how many of its records below ``ends`` are not applied; only partitions that have any.

    In a partition without an applied offset, no record is applied.
    """
    behind = {name: end - applied.get(name, 0) for name, end in ends.items()}
    return {name: count for name, count in behind.items() if count > 0}


def lag(ends: Mapping[str, int], applied: Mapping[str, int]) -> int:
    """How many records the lagging partitions have that are not applied."""
    return sum(lagging(ends, applied).values())


def farthest(first: Mapping[str, int], second: Mapping[str, int]) -> PartitionOffsets:
    """The higher of two offsets for each partition that either names."""
    names = [*first, *(name for name in second if name not in first)]
    return {name: max(first.get(name, 0), second.get(name, 0)) for name in names}


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


def created_again(stored: Mapping[str, str], present: Mapping[str, str]) -> list[str]:
    """The topics whose present id is not the stored one. Where either is unknown, the topic is the same."""
    return sorted(topic for topic, known in stored.items() if present.get(topic, known) != known)


def of_topics(topics: Collection[str], offsets: Mapping[str, int]) -> PartitionOffsets:
    """The offsets of these topics' partitions."""
    return {name: offset for name, offset in offsets.items() if Partition.parse(name).topic in topics}


def without_topics(topics: Collection[str], offsets: Mapping[str, int]) -> PartitionOffsets:
    """The offsets of all other topics' partitions."""
    return {name: offset for name, offset in offsets.items() if Partition.parse(name).topic not in topics}


class TopicFault(NamedTuple):
    """What in the configuration of an existing topic breaks a promise of Headwater, and the cure."""

    topic: str
    what: str
    cure: str
    is_grave: bool  # events could be lost or judged in two ways: nothing should start

    def __str__(self) -> str:
        return f"the topic {self.topic} {self.what}: {self.cure}"


def topic_faults(topic: Topic, found: Mapping[str, str], replicas: int) -> list[TopicFault]:
    """The faults of a topic that somebody else created, by its configuration and its number of replicas.

    ``found`` has the values that apply, the broker's defaults among them; what it lacks is not judged.
    """
    wrong = [*_wrong_clock(topic.config, found), *_wrong_cleanup(topic.config, found)]
    wrong += [*_wrong_replicas(found, replicas), *_too_little(topic.config, found)]
    alter = f"kafka-configs --alter --topic {topic.name} --add-config"
    return [TopicFault(topic.name, each.what, f"`{alter} {each.value}`", each.is_grave) for each in wrong]


class _Wrong(NamedTuple):
    what: str
    value: str  # that would be right
    is_grave: bool


def _wrong_clock(wanted: Mapping[str, str], found: Mapping[str, str]) -> Iterator[_Wrong]:
    clock = wanted.get(TIMESTAMPS)
    if not clock or found.get(TIMESTAMPS, clock) == clock:
        return
    if CLEANUP in wanted:  # the catalogue; earlier versions created it so
        what = "takes the producer's clock, so an entry from the future wins against all later ones"
        yield _Wrong(what, f"{TIMESTAMPS}={clock}", False)
    else:
        what = "takes the producer's clock, so a future event is judged in two ways"
        yield _Wrong(what, f"{TIMESTAMPS}={clock}", True)


def _wrong_cleanup(wanted: Mapping[str, str], found: Mapping[str, str]) -> Iterator[_Wrong]:
    policy = wanted.get(CLEANUP, "delete")
    policies = found.get(CLEANUP, policy).split(",")
    if policy == "compact" and policies != [policy]:
        what = "is not compacted" if policy not in policies else "also deletes old records"
        yield _Wrong(f"{what}, so entries and erasures end", f"{CLEANUP}=compact", True)
    if policy == "delete" and "compact" in policies:
        yield _Wrong("is compacted, which deletes events of a user", f"{CLEANUP}=delete", True)


def _wrong_replicas(found: Mapping[str, str], replicas: int) -> Iterator[_Wrong]:
    in_sync = int(found.get(IN_SYNC, 1))
    if in_sync > replicas:
        what = f"wants {in_sync} replicas in sync and has {replicas}, so no write succeeds"
        yield _Wrong(what, f"{IN_SYNC}=1", True)
    elif in_sync == 1 and replicas > 1:
        what = "acknowledges what a single replica has, so its loss can lose events"
        yield _Wrong(what, f"{IN_SYNC}=2", False)


def _too_little(wanted: Mapping[str, str], found: Mapping[str, str]) -> Iterator[_Wrong]:
    for name, words in ((RETENTION, "keeps records for less time"), (LARGEST, "takes smaller records")):
        least, value = int(wanted.get(name, 0)), int(found.get(name, -1))
        if 0 <= value < least:
            what = f"{words} than Headwater expects ({value:,}, not {least:,})"
            yield _Wrong(what, f"{name}={least}", False)
    if RETENTION in wanted and int(found.get(SIZE, -1)) >= 0:
        what = f"keeps {int(found[SIZE]):,} bytes of a partition, so records may leave before their time"
        yield _Wrong(what, f"{SIZE}=-1", False)
