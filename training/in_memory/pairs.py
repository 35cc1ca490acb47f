"""One row for each (user, item), from events as arrays, as `training.data.dataset` makes it on executors."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.history import NEGATIVE_GRADE, POSITIVE_GRADE, grade_ratings
from contracts.events import EVENT_TYPES, NEGATIVE_TYPES, RATING, WEIGHTED_TYPES
from contracts.settings import WeightSettings
from contracts.strengths import RIVALS, grade_steps
from training.in_memory.events import Events

NONE = np.iinfo(np.int64).min  # in place of a time: there is no such event
_CODES = {name: code for code, name in enumerate(EVENT_TYPES)}
T = TypeVar("T", bound="Pairs")


@dataclass(frozen=True)
class Pairs:
    """Preferences by (user, item), ordered by user and item; every array has one entry for each pair."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    strengths: NDArray[np.float32]
    ratings: NDArray[np.float32]  # NaN where the user gave none
    positive: NDArray[np.bool_]  # whether a good list holds the item
    event_times: NDArray[np.int64]  # of the newest event that counts, epoch ms; NONE where none does
    first_times: NDArray[np.int64]
    grades: NDArray[np.float32]  # how much of a like it is (algorithms.signals.history.grade_entries)

    def __len__(self) -> int:
        return len(self.users)

    def where(self: T, kept: NDArray[np.bool_] | NDArray[np.int64]) -> T:
        """A part of the pairs, by a mask or by places, in this order."""
        return type(self)(**{field.name: getattr(self, field.name)[kept] for field in fields(self)})

    @property
    def counting(self) -> NDArray[np.bool_]:
        """The pairs of which some event counts."""
        counts: NDArray[np.bool_] = self.event_times != NONE
        return counts


@dataclass(frozen=True)
class _LastWriters:
    """The place of the last writer of each pair (row) and event type (column), -1 without one."""

    places: NDArray[np.int64]
    times: NDArray[np.int64]  # NONE without one


@dataclass(frozen=True)
class Writers:
    """The last writers of each pair (row) and event type (column), and which of them count."""

    starts: NDArray[np.int64]  # place of each pair's first event
    pair: NDArray[np.int64]  # of each event
    times: NDArray[np.int64]  # NONE without a writer
    counts: NDArray[np.bool_]


def column_of(event_type: str) -> int:
    """The column of an event type."""
    return _CODES[event_type]


def writers_of(events: Events) -> Writers:
    """The last writers of events, of which there must be at least one."""
    starts = _starts(events.users, events.items)
    pair = np.repeat(np.arange(len(starts)), np.diff([*starts, len(events)]))
    writers = _last_writers(events, pair, len(starts))
    return Writers(starts, pair, writers.times, _counting(events, writers))


def pairs_of(events: Events, settings: WeightSettings, positive_rating: float) -> Pairs:
    """All pairs of the events, also those of which no event counts any more."""
    if not len(events):
        return _empty()
    starts = _starts(events.users, events.items)
    pair = np.repeat(np.arange(len(starts)), np.diff([*starts, len(events)]))
    writers = _last_writers(events, pair, len(starts))
    counts = _counting(events, writers)
    is_rated = counts[:, _CODES[RATING]]
    ratings = np.where(is_rated, events.values[writers.places[:, _CODES[RATING]]], np.nan)
    liked = np.where(is_rated, ratings >= positive_rating, False)
    strengths = _strengths_of_ratings(ratings, settings.rating_strengths)
    for name in WEIGHTED_TYPES:
        given, weight = counts[:, _CODES[name]], float(settings.event_weights.get(name, 0.0))
        strengths = strengths + np.where(given, weight, 0.0)
        if weight > 0:
            liked = liked | given
    return Pairs(
        users=events.users[starts],
        items=events.items[starts],
        strengths=strengths.astype(np.float32),
        ratings=ratings.astype(np.float32),
        positive=liked & ~counts[:, [_CODES[name] for name in NEGATIVE_TYPES]].any(axis=1),
        event_times=np.where(counts, writers.times, NONE).max(axis=1),
        first_times=np.minimum.reduceat(events.times, starts),
        grades=_grades(counts, ratings).astype(np.float32),
    )


def _empty() -> Pairs:
    index, time = np.empty(0, np.int32), np.empty(0, np.int64)
    value = np.empty(0, np.float32)
    return Pairs(index, index, value, value, np.empty(0, np.bool_), time, time, value)


def _starts(*keys: NDArray[np.int32]) -> NDArray[np.int64]:
    """The places at which a new combination of the sorted keys begins."""
    is_new = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return np.concatenate([[0], np.flatnonzero(is_new) + 1])


def _last_writers(events: Events, pair: NDArray[np.int64], pairs: int) -> _LastWriters:
    places = np.full((pairs, len(EVENT_TYPES)), -1, np.int64)
    # Within a type, events are ordered by time and event id, so its last event is the last writer.
    is_last = np.concatenate([(pair[1:] != pair[:-1]) | (events.types[1:] != events.types[:-1]), [True]])
    last = np.flatnonzero(is_last)
    places[pair[last], events.types[last]] = last
    return _LastWriters(places, np.where(places >= 0, events.times[places], NONE))


def _counting(events: Events, writers: _LastWriters) -> NDArray[np.bool_]:
    """Which last writers count: those that are newer than each of their rivals (contracts.strengths)."""
    counts = np.zeros(writers.places.shape, np.bool_)
    for name, rivals in RIVALS.items():
        code = _CODES[name]
        counts[:, code] = writers.places[:, code] >= 0
        for rival in rivals:
            counts[:, code] &= _is_newer(events, writers, code, _CODES[rival])
    return counts


def _is_newer(events: Events, writers: _LastWriters, code: int, rival: int) -> NDArray[np.bool_]:
    """Whether a type's last writer is newer than the rival type's, by (event time, event id)."""
    type_times, rival_times = writers.times[:, code], writers.times[:, rival]
    newer: NDArray[np.bool_] = type_times > rival_times
    for row in np.flatnonzero((type_times == rival_times) & (type_times != NONE)).tolist():
        ids = [events.event_ids[int(writers.places[row, column])].as_py() for column in (code, rival)]
        newer[row] = ids[0] > ids[1]
    return newer


def _grades(counts: NDArray[np.bool_], ratings: NDArray[np.float64]) -> NDArray[np.float64]:
    """The grade (`grade_entries`) of each pair, from its entries that count; 0 without one."""
    negative, rating = [_CODES[name] for name in NEGATIVE_TYPES], _CODES[RATING]
    others = [code for code in range(counts.shape[1]) if code != rating and code not in negative]
    grades = np.where(np.isnan(ratings), -np.inf, grade_ratings(np.nan_to_num(ratings)))
    grades = np.maximum(grades, np.where(counts[:, others].any(axis=1), POSITIVE_GRADE, -np.inf))
    grades = np.where(counts[:, negative].any(axis=1), NEGATIVE_GRADE, grades)
    return np.where(counts.any(axis=1), grades, 0.0)


def _strengths_of_ratings(ratings: NDArray[np.float64], strengths: dict[float, float]) -> NDArray[np.float64]:
    """The strength of each rating (contracts.strengths.strength_of_rating); 0 where there is none."""
    thresholds, grades = (np.array(column) for column in zip(*grade_steps(strengths), strict=True))
    reached = np.searchsorted(thresholds, ratings, side="right") - 1
    return np.where(np.isnan(ratings), 0.0, grades[np.clip(reached, 0, len(grades) - 1)])
