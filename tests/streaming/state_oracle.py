"""Recounts the state plainly in Python; every order of the events must lead to this state."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable

from contracts.settings import StateSettings
from contracts.stored.records import (
    COUNTED_TYPES,
    MICROS,
    OCTAVES,
    TYPE_CODES,
    EarlierEvent,
    HistoryEntry,
    Popularity,
    Trend,
)
from contracts.strengths import RIVALS, effective, strength
from streaming.state.apply import UserEvent

Entries = dict[str, HistoryEntry]  # by type


def last_writers(events: Iterable[UserEvent]) -> dict[str, dict[str, Entries]]:
    """user -> item -> type -> its last writer."""
    winners: dict[str, dict[str, Entries]] = defaultdict(lambda: defaultdict(dict))
    for event in sorted(events, key=lambda e: (e.entry.event_time, e.entry.event_id, e.entry.value)):
        winners[event.user_id][event.item_id][event.entry.event_type] = event.entry
    return winners


def earlier(
    events: Iterable[UserEvent], settings: StateSettings
) -> dict[tuple[str, str], list[EarlierEvent]]:
    """(user, item) -> the newest events that may count and are not the newest of a type, each moment once."""
    found: dict[tuple[str, str], set[EarlierEvent]] = defaultdict(set)
    last: dict[tuple[str, str, str], int] = {}
    for user, item, entry in events:
        if entry.event_type in RIVALS:
            found[user, item].add(EarlierEvent(entry.event_type, entry.event_time))
        key = user, item, entry.event_type
        last[key] = max(last.get(key, 0), entry.event_time)
    kept = {}
    for (user, item), moments in found.items():
        older = [each for each in moments if each.event_time < last[user, item, each.event_type]]
        older.sort(key=lambda each: (each.event_time, TYPE_CODES[each.event_type]), reverse=True)
        if older and settings.earlier_events:
            kept[user, item] = older[: settings.earlier_events]
    return kept


def popularity(winners: dict[str, dict[str, Entries]], item: str) -> Popularity:
    """One item's counters over all users."""
    counted = [effective(items[item].values()) for items in winners.values() if item in items]
    ratings = [entry.value for entries in counted for entry in entries if entry.event_type == "rating"]
    types = Counter(entry.event_type for entries in counted for entry in entries)
    return Popularity(
        users=sum(bool(entries) for entries in counted),
        rating_sum_micros=sum(round(value * MICROS) for value in ratings),
        counts=tuple(types[name] for name in COUNTED_TYPES),
    )


def trend(winners: dict[str, dict[str, Entries]], item: str, settings: StateSettings) -> Trend:
    """One item's octaves over all users."""
    octaves: dict[tuple[int, int], int] = {}
    per_user = [items[item] for items in winners.values() if item in items]
    for place, seconds in enumerate(settings.trend_half_lives):
        moments = [entry.event_time / (1000 * seconds) for e in per_user for entry in e.values()]
        newest = math.floor(max(moments))
        sums: Counter[int] = Counter({newest: 0})
        for entry in (entry for entries in per_user for entry in effective(entries.values())):
            halvings = entry.event_time / (1000 * seconds)
            k = math.floor(halvings)
            if k > newest - OCTAVES:
                sums[k] += _share(entry, halvings - k, settings)
        octaves |= {(place, k): total for k, total in sums.items() if total or k == newest}
    return Trend(octaves)


def _share(entry: HistoryEntry, octave_part: float, settings: StateSettings) -> int:
    is_rating = entry.event_type == "rating"
    weight = entry.value if is_rating else settings.event_weights.get(entry.event_type, 0.0)
    millionths = round(weight * MICROS)
    share = math.floor(abs(millionths) * 2**octave_part + 0.5)
    return -share if millionths < 0 else share


def recent(items: dict[str, Entries], settings: StateSettings) -> dict[str, float]:
    """One user's newest items: the time of the newest entry, half a millisecond more for a liked one."""
    times = {item: max(entry.event_time for entry in by_type.values()) for item, by_type in items.items()}
    last = sorted(times.values(), reverse=True)[: settings.history_cap][-1]
    return {i: t + (0.5 if _strength(items[i], settings) > 0 else 0) for i, t in times.items() if t >= last}


def together(winners: dict[str, dict[str, Entries]], settings: StateSettings) -> dict[str, Counter[str]]:
    """item -> item -> users who have lately liked both."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for items in winners.values():
        scores = recent(items, settings)
        newest = sorted(scores, key=lambda i: (scores[i], i.encode()), reverse=True)
        liked = [i for i in newest[: settings.together_window * 3] if scores[i] % 1]
        window = liked[: settings.together_window]
        for n, item in enumerate(window):
            for other in window[n + 1 : n + 1 + settings.together_degree]:
                counts[item][other] += 1
                counts[other][item] += 1
    return counts


def _strength(entries: Entries, settings: StateSettings) -> float:
    return strength(effective(entries.values()), settings.event_weights, settings.rating_strengths)
