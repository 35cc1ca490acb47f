"""The Kafka topics, declared once. ``ingest/topic_admin.py`` creates them from here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_EVENT_BYTES = 1_000_000


@dataclass(frozen=True)
class Topic:
    """A topic's name, width and the settings it is created with."""

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)


# LogAppendTime: "from the future" is judged by the broker's clock, so both queries judge alike, always.
INTERACTIONS = Topic(
    "interactions",
    partitions=4,
    config={
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(7 * 24 * 3600 * 1000),
        "max.message.bytes": str(MAX_EVENT_BYTES),
    },
)
CATALOG = Topic("catalog", partitions=1, config={"cleanup.policy": "compact"})
# Original bytes and the reason in headers, so a record may be larger here than where it came from.
REJECTED = Topic(
    "interactions.rejected",
    partitions=1,
    config={"retention.ms": str(30 * 24 * 3600 * 1000), "max.message.bytes": str(2 * MAX_EVENT_BYTES)},
)
SOURCES = (INTERACTIONS.name, CATALOG.name)  # what streaming reads
TOPICS: tuple[Topic, ...] = (INTERACTIONS, CATALOG, REJECTED)

# Headers of a rejected record.
REJECT_REASON, REJECT_TOPIC = "reason", "source_topic"
REJECT_PARTITION, REJECT_OFFSET = "source_partition", "source_offset"


def interaction_offsets(applied: Mapping[str, int]) -> dict[int, int]:
    """Partition -> offset of the interactions, of offsets by "topic:partition" (keyspace.APPLIED_ONLINE)."""
    prefix = f"{INTERACTIONS.name}:"
    return {int(place.removeprefix(prefix)): n for place, n in applied.items() if place.startswith(prefix)}


def events_in(offsets: Mapping[str, int]) -> int:
    """How many interactions the offsets by "topic:partition" stand for."""
    return sum(interaction_offsets(offsets).values())


def lag(ends: Mapping[str, int], applied: Mapping[str, int]) -> int:
    """Records below ``ends`` that are not below ``applied``; both by "topic:partition"."""
    return sum(max(end - applied.get(place, 0), 0) for place, end in ends.items())


def by_place(offsets: Mapping[str, Mapping[Any, int]]) -> dict[str, int]:
    """Offsets by topic, then partition, as one number by "topic:partition"."""
    return {
        f"{topic}:{partition}": offset
        for topic, partitions in offsets.items()
        for partition, offset in partitions.items()
    }


def by_topic(offsets: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """The other way round, as Spark reads them in JSON."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for place, offset in offsets.items():
        topic, partition = place.rsplit(":", 1)
        found[topic][partition] = offset
    return dict(found)
