"""From where the lake query goes on, and which records are lost."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from contracts.topics import Partition, PartitionOffsets, of_topics
from streaming.lake.offsets import LakeReach


class Continuation(NamedTuple):
    """By "topic:partition", and sentences for the operator."""

    offsets: PartitionOffsets  # the first to read
    lost: list[str]  # of the present topics: Kafka deleted it before the lake had it
    earlier: list[str]  # of topics that are no more


def continuation(
    found: LakeReach, again: Collection[str], progress: Mapping[str, int] | None = None
) -> Continuation:
    """What the lake's rows say; ``again`` names the topics that were created again since the last start.

    ``progress`` is how far any query had come, in the earlier ones of these.
    """
    offsets = {name: found.present.get(name, begin) for name, begin in found.kept.items()}
    lost = [
        f"{count} records of {name} left Kafka before the lake had them"
        for name in found.kept
        if (count := _lost_records(name, found, again))
    ]
    return Continuation(offsets, lost, list(_of_earlier_topics(found, again, progress or {})))


def _lost_records(name: str, found: LakeReach, again: Collection[str]) -> int:
    """How many records of a partition's present topic Kafka has deleted that the lake never had."""
    begin, latest = found.kept[name], found.latest.get(name)
    if name in found.present or latest is None:
        return 0
    # No row is of a record that Kafka keeps. A row at or after the begin is of an earlier topic, then.
    is_of_present = Partition.parse(name).topic not in again and latest <= begin
    return begin - latest if is_of_present else begin


def _of_earlier_topics(
    found: LakeReach, again: Collection[str], progress: Mapping[str, int]
) -> Iterator[str]:
    for topic in again:
        rows = of_topics([topic], found.latest)
        came_to = of_topics([topic], progress)
        if not rows and not any(came_to.values()):
            continue
        lacking = sum(max(0, offset - rows.get(name, 0)) for name, offset in came_to.items())
        most = f"up to {lacking} records that had been read" if lacking else "nothing that had been read"
        yield (
            f"{topic} was deleted and created again: of the earlier topic the lake lacks {most}; "
            "what came after can no longer be had"
        )
    for name, latest in found.latest.items():
        end = found.ends.get(name, 0)
        if Partition.parse(name).topic not in again and latest > end:
            yield (
                f"{name} was created again, or Kafka lost its end: it ends at {end}, the lake has rows to "
                f"{latest}. What the lake lacks of those can no longer be had"
            )
