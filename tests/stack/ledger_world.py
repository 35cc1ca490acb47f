"""Clean worlds for `headwater verify`: ledgers of a pipeline that lost nothing, and its state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

import pyarrow as pa
from hypothesis import strategies as st

from contracts.events import EVENT_TYPES
from contracts.settings import StateSettings
from contracts.stored import keyspace
from contracts.stored.records import TYPE_CODES, HistoryEntry, encode_earlier, encode_entry
from contracts.strengths import effective
from stack.verify.ledgers import EVENTS, PLACES, Ledgers
from stack.verify.state_file import Head, Live, State, StateFile
from stack.verify.violations import NotChecked, Violation
from streaming.state.apply import UserEvent
from tests.streaming import state_oracle

SETTINGS = StateSettings(redis_shards=1)
Rows = list[dict[str, object]]


@dataclass(frozen=True)
class Sent:
    """An event and its place in the topic."""

    partition: int
    offset: int
    event: UserEvent

    @property
    def row(self) -> dict[str, object]:
        user, item, entry = self.event
        fields = {"event_id": entry.event_id, "user_id": user, "item_id": item}
        values = {"event_type": entry.event_type, "value": entry.value, "event_time": entry.event_time}
        return {"partition": self.partition, "offset": self.offset} | fields | values


@dataclass(frozen=True)
class World:
    """The events that were sent, and what became of each."""

    accepted: tuple[Sent, ...]
    poison: tuple[tuple[int, int], ...]  # acknowledged and refused
    landed: tuple[Sent, ...]  # in the lake, but no acknowledgement came
    vanished: tuple[str, ...]  # ids attempted, never arrived

    def ledgers(self, knows_poison: bool = True) -> Ledgers:
        rows = [sent.row for sent in self.accepted]
        bad = [{"partition": p, "offset": o} for p, o in self.poison]
        unsure = [{"event_id": sent.event.entry.event_id} for sent in self.landed]
        attempts = [{"event_id": name} for name in self.vanished] + unsure
        places = pa.Table.from_pylist(bad, PLACES)
        return Ledgers(
            sent=pa.Table.from_pylist([*attempts, *rows, *bad], EVENTS),
            lake=pa.Table.from_pylist([s.row for s in (*self.accepted, *self.landed)], EVENTS),
            rejected=places,
            poison=places if knows_poison else None,
            state=self.state(),
        )

    def state(self) -> StateFile:
        ends: dict[int, int] = {}
        places = [(s.partition, s.offset) for s in (*self.accepted, *self.landed)]
        for partition, offset in [*places, *self.poison]:
            ends[partition] = max(ends.get(partition, 0), offset + 1)
        applied = {f"interactions:{p}": end for p, end in ends.items()} | {"catalog:0": 99}
        events = [s.event for s in (*self.accepted, *self.landed)]
        return StateFile(head_of(SETTINGS, applied), oracle_state(events, SETTINGS), Live({}, []))


def head_of(settings: StateSettings, applied: dict[str, int]) -> Head:
    """The head of an export under these settings."""
    return Head(
        str(keyspace.STATE),
        settings.redis_shards,
        settings.event_weights,
        settings.trend_half_lives,
        applied,
        applied,
        settings.earlier_events,
    )


def oracle_state(events: list[UserEvent], settings: StateSettings) -> State:
    """The state by the plain recount of the state's own tests. (One shard: trends are not split.)"""
    winners = state_oracle.last_writers(events)
    state = State({}, {}, {}, {half_life: {} for half_life in settings.trend_half_lives})
    for user, items in winners.items():
        for item, entries in items.items():
            raw = b"".join(encode_entry(entries[t]) for t in sorted(entries, key=TYPE_CODES.__getitem__))
            (state.histories if effective(entries.values()) else state.retracted)[user, item] = raw
    for pair, moments in state_oracle.earlier(events, settings).items():
        state.earlier[pair] = encode_earlier(moments)
    for item in {event.item_id for event in events}:
        state.popularity[item] = state_oracle.popularity(winners, item)
        trend = state_oracle.trend(winners, item, settings)
        for place, half_life in enumerate(settings.trend_half_lives):
            if (score := trend.score(place)) is not None:
                state.trending[half_life][item] = score
    return state


def entries() -> st.SearchStrategy[HistoryEntry]:
    """Events with few different times, so that ties are common."""
    times = st.sampled_from([0, 1000, 1001, 1_700_000_000_000, 1_700_009_000_000, 1_800_000_000_000])
    kinds = st.sampled_from(EVENT_TYPES)
    values = st.sampled_from([0.5, 3.3, 5.0])
    ids = st.uuids().map(str)
    return st.tuples(kinds, times, ids, values).map(
        lambda e: HistoryEntry(e[0], e[1], e[2], e[3] if e[0] == "rating" else 1.0)
    )


def user_events() -> st.SearchStrategy[UserEvent]:
    """Events of few users and items, so that many meet."""
    return st.builds(
        UserEvent, st.sampled_from(["a", "b", "ü", "x:{y}"]), st.sampled_from(["1", "2", "é"]), entries()
    )


# Made once: a strategy that is made for each draw takes longer than what it draws.
_KINDS = st.lists(st.sampled_from(["accepted", "accepted", "poison", "landed"]), min_size=1, max_size=20)
_STARTS, _PARTITIONS, _ONE_IN_FIVE = st.integers(0, 3), st.integers(0, 1), st.integers(0, 4)
_USER_EVENTS = user_events()
_VANISHED = st.lists(st.uuids().map(str), max_size=2)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Up to 20 events over two partitions from some start; some refused, some unsure, some sent twice."""
    kinds = draw(_KINDS)
    next_offset = {0: draw(_STARTS), 1: draw(_STARTS)}
    accepted: list[Sent] = []
    landed: list[Sent] = []
    poison: list[tuple[int, int]] = []
    for n, kind in enumerate(kinds):
        partition = draw(_PARTITIONS)
        place = partition, next_offset[partition]
        next_offset[partition] += 1
        if kind == "poison":
            poison.append(place)
            continue
        if accepted and draw(_ONE_IN_FIVE) == 0:
            event = accepted[-1].event  # sent again by a producer without an acknowledgement
        else:
            drawn = draw(_USER_EVENTS)
            event = drawn._replace(entry=drawn.entry._replace(event_id=str(UUID(int=n + 1))))
        (accepted if kind == "accepted" else landed).append(Sent(*place, event))
    vanished = draw(_VANISHED)
    return World(tuple(accepted), tuple(poison), tuple(landed), tuple(vanished))


def without_lake_row(ledgers: Ledgers, at: int) -> Ledgers:
    """The same ledgers with one row less in the lake."""
    return replace_lake(ledgers, [row for n, row in enumerate(ledgers.lake.to_pylist()) if n != at])


def replace_lake(ledgers: Ledgers, rows: list[dict[str, object]]) -> Ledgers:
    """The same ledgers with these rows in the lake."""
    return replace(ledgers, lake=pa.Table.from_pylist(rows, EVENTS))


def event_row(partition: int, offset: int, event_id: str) -> dict[str, object]:
    """A row of a ledger or of the lake, the same but for its place and id."""
    kind = {"event_type": "view", "value": 1.0, "event_time": 5}
    return {
        "partition": partition,
        "offset": offset,
        "event_id": event_id,
        "user_id": "a",
        "item_id": "1",
        **kind,
    }


def ledgers_of(sent: Rows, lake: Rows) -> Ledgers:
    """Ledgers of the sent events and the lake alone."""
    return Ledgers(pa.Table.from_pylist(sent, EVENTS), pa.Table.from_pylist(lake, EVENTS))


def cases(found: list[Violation] | NotChecked) -> list[int]:
    """The number of cases of each violation; the invariant must have been checked."""
    assert not isinstance(found, NotChecked)
    return [violation.cases for violation in found]
