"""How far a query is behind the topics."""

from __future__ import annotations

from collections.abc import Mapping

from clients.topic_admin import end_offsets
from contracts.topics import CATALOG, INTERACTIONS, interaction_offsets

SOURCES = (INTERACTIONS.name, CATALOG.name)


def topic_ends(bootstrap: str, timeout: float = 10.0) -> dict[str, int]:
    """The next offset by "topic:partition". Raises BrokerUnavailableError."""
    return {
        f"{topic}:{partition}": offset
        for topic in SOURCES
        for partition, offset in end_offsets(bootstrap, topic, timeout).items()
    }


def lag(ends: Mapping[str, int], applied: Mapping[str, int]) -> int:
    """Records that the topics have and the query has not applied."""
    return sum(max(end - applied.get(place, 0), 0) for place, end in ends.items())


def events_in(offsets: Mapping[str, int]) -> int:
    """How many interactions the offsets stand for."""
    return sum(interaction_offsets(offsets).values())
