"""Live figures: how often a user's list held the item of the user's next event. Redis keeps them as sums.

An event counts in the hour (UTC, the broker's clock) in which it arrived, under the version that was served.
The sums are of whole numbers, which give the same result in any order, over shards, hours and versions.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from contracts.stored.records import MICROS

TOP = 10  # places that hit rate and NDCG look at
DEPTH = 100  # places that the reciprocal rank looks at
KEEP_SECONDS = 35 * 86_400
HOUR_MS = 3_600_000
# The lists that are scored: the one that was served, named by its source, and for comparison the list of the
# last training and the popular list, both without the items that the user knew.
FRESH, BATCH, FALLBACK = "served:fresh", "served:als", "served:popular"
SERVED_LISTS = (FRESH, BATCH, FALLBACK)
RETRAINED, POPULAR = "retrained", "popular"
LISTS = (*SERVED_LISTS, RETRAINED, POPULAR)
EVENTS, HITS, NDCG, RECIPROCAL = "n", "hits", "ndcg", "rr"
# In a field, in place of a list's name: counts the events whose outcome was also kept for the lake
# (contracts/live_outcomes.py).
KEPT = "kept"
_SEPARATOR = "|"


def day_of(moment_ms: int) -> str:
    """The day's name in the key, as 20261128."""
    return datetime.fromtimestamp(moment_ms / 1000, timezone.utc).strftime("%Y%m%d")


def hour_of(moment_ms: int) -> int:
    """The hour of the day, UTC."""
    return moment_ms // HOUR_MS % 24


def first_moment(now_ms: int, hours: int) -> int:
    """When the last ``hours`` hours began, the present one included: on the hour, epoch ms."""
    return (now_ms // HOUR_MS - hours + 1) * HOUR_MS


def days_until(now_ms: int, hours: int) -> list[str]:
    """The names of the days that the time ``hours`` hours ago until now touches, oldest first."""
    last = datetime.fromtimestamp(now_ms / 1000, timezone.utc)
    first = (last - timedelta(hours=hours)).date()
    count = (last.date() - first).days + 1
    return [(first + timedelta(days=day)).strftime("%Y%m%d") for day in range(count)]


def amounts(hour: int, version: str, served: str, ranks: Mapping[str, int | None]) -> dict[str, int]:
    """Field -> what one event adds to it. ``ranks``: list -> the item's rank, None where it is not there."""
    found = {_field(hour, version, served, EVENTS): 1}
    for name, rank in ranks.items():
        if rank is None or rank > DEPTH:
            continue
        found[_field(hour, version, name, RECIPROCAL)] = round(MICROS / rank)
        if rank <= TOP:
            found[_field(hour, version, name, HITS)] = 1
            found[_field(hour, version, name, NDCG)] = round(MICROS / math.log2(rank + 1))
    return found


def kept_field(hour: int, version: str) -> str:
    """The field that counts the events whose outcome goes to the lake."""
    return _field(hour, version, KEPT, EVENTS)


def _field(hour: int, version: str, name: str, measure: str) -> str:
    return _SEPARATOR.join((f"{hour:02}", version, name, measure))


@dataclass(frozen=True)
class ListSums:
    """Sums over events; NDCG (of one relevant item: 1 / log2(1 + rank)) and 1 / rank in millionths."""

    events: int = 0
    hits: int = 0
    ndcg_micros: int = 0
    reciprocal_micros: int = 0

    def __add__(self, other: ListSums) -> ListSums:
        return ListSums(
            self.events + other.events,
            self.hits + other.hits,
            self.ndcg_micros + other.ndcg_micros,
            self.reciprocal_micros + other.reciprocal_micros,
        )

    @property
    def hit_rate(self) -> float | None:
        """The share of events whose item was among the first TOP; None without an event."""
        return self.hits / self.events if self.events else None

    @property
    def ndcg(self) -> float | None:
        """The mean NDCG at TOP."""
        return self.ndcg_micros / MICROS / self.events if self.events else None

    @property
    def mrr(self) -> float | None:
        """The mean reciprocal rank, 0 beyond DEPTH."""
        return self.reciprocal_micros / MICROS / self.events if self.events else None


@dataclass(frozen=True)
class LiveFigures:
    """The figures of some events, by list (LISTS)."""

    lists: Mapping[str, ListSums] = field(default_factory=dict)

    @property
    def served_lists(self) -> ListSums:
        """The sums for the lists that users had, whatever their source."""
        return sum((self.lists.get(name, ListSums()) for name in SERVED_LISTS), ListSums())

    @property
    def beside(self) -> dict[str, ListSums]:
        """The sums for RETRAINED and POPULAR, over the same events as `served_lists`."""
        events = ListSums(events=self.served_lists.events)
        return {name: self.lists.get(name, ListSums()) + events for name in (RETRAINED, POPULAR)}

    def __add__(self, other: LiveFigures) -> LiveFigures:
        names = self.lists.keys() | other.lists.keys()
        return LiveFigures(
            {name: self.lists.get(name, ListSums()) + other.lists.get(name, ListSums()) for name in names}
        )


def decode_day(shards: Iterable[Mapping[bytes, bytes]]) -> dict[tuple[int, str], LiveFigures]:
    """One day's hashes of all shards: (hour, version) -> figures."""
    return figures_of(add_shards(shards))


def add_shards(shards: Iterable[Mapping[bytes, bytes]]) -> dict[str, int]:
    """One day's hashes of all shards as one: field -> amount."""
    fields: dict[str, int] = defaultdict(int)
    for shard in shards:
        for raw, amount in shard.items():
            fields[raw.decode()] += int(amount)
    return dict(fields)


def figures_of(fields: Mapping[str, int]) -> dict[tuple[int, str], LiveFigures]:
    """One day's fields: (hour, version) -> figures. Fields that name no list of LISTS are left out."""
    sums: dict[tuple[int, str], dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for text, amount in fields.items():
        hour, version, name, measure = split_field(text)
        if name in LISTS:
            sums[hour, version][name][measure] = amount
    return {
        key: LiveFigures({name: _sums_of(measures) for name, measures in lists.items()})
        for key, lists in sums.items()
    }


def whole_hours(fields: Mapping[str, int]) -> set[tuple[int, str]]:
    """The pairs (hour, version) of one day where the outcome of every event was kept for the lake."""
    left: dict[tuple[int, str], int] = defaultdict(int)
    for text, amount in fields.items():
        hour, version, name, measure = split_field(text)
        if measure == EVENTS and name in (*SERVED_LISTS, KEPT):
            left[hour, version] += -amount if name == KEPT else amount
    return {key for key, events in left.items() if not events}


def split_field(text: str) -> tuple[int, str, str, str]:
    """Hour, version, list and measure of a field."""
    hour, _, rest = text.partition(_SEPARATOR)
    version, name, measure = rest.rsplit(_SEPARATOR, 2)
    return int(hour), version, name, measure


def _sums_of(measures: Mapping[str, int]) -> ListSums:
    return ListSums(*(measures.get(name, 0) for name in (EVENTS, HITS, NDCG, RECIPROCAL)))
