"""Users' histories in the form to which every signal is fitted, and for which it scores items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]

UNKNOWN = -1  # an item that the model does not know: its entry counts in the order, and scores nothing
POSITIVE_GRADE = 1.0
NEGATIVE_GRADE = -0.3
# Rating -> grade, which says how much similar items are wanted: the entry with the largest key not above it.
RATING_GRADES: Mapping[float, float] = {0.0: NEGATIVE_GRADE, 3.0: 0.3, 4.0: POSITIVE_GRADE, 5.0: 1.2}
_THRESHOLDS = np.array(sorted(RATING_GRADES))
_GRADES = np.array([RATING_GRADES[threshold] for threshold in sorted(RATING_GRADES)])
_NEGATIVE_TYPES = frozenset({"dislike"})


@dataclass(frozen=True)
class Histories:
    """Interactions of several users as CSR, each user's newest first.

    Those of user u are from ``indptr[u]`` to ``indptr[u + 1]``. A user may have several entries for an item.
    """

    indptr: NDArray[np.int64]  # (users + 1)
    items: NDArray[np.int32]  # dense item index, or UNKNOWN
    grades: Floats  # how much of a like it is: 1 for a positive interaction (RATING_GRADES)
    strengths: Floats  # what the factors are fitted with (RATING_STRENGTHS, EVENT_WEIGHTS)
    times_ms: NDArray[np.int64]  # event time, epoch ms
    weights: Floats  # how many events an entry stands for
    now_ms: NDArray[np.int64]  # (users): when each user's list is asked for

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """(users): how many entries each has."""
        return np.asarray(self.indptr[1:] - self.indptr[:-1])

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """The user of each entry."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @cached_property
    def newer(self) -> NDArray[np.int64]:
        """For each entry, how many entries of its user are strictly newer; equal for entries of one time."""
        place = np.arange(len(self.items))
        differs = self.times_ms[1:] != self.times_ms[:-1]
        if len(self) == 1 and differs.all():  # the online case, mostly
            return place
        is_first = np.ones(len(place), np.bool_)
        is_first[1:] = differs
        is_first[self.indptr[:-1][self.lengths > 0]] = True
        firsts = np.maximum.accumulate(np.where(is_first, place, 0))
        return np.asarray(firsts - np.repeat(self.indptr[:-1], self.lengths))

    @cached_property
    def is_newest_of_item(self) -> NDArray[np.bool_]:
        """True for the newest entry of each known item of each user."""
        places = np.arange(len(self.items))
        if len(self) == 1:  # the online case: where a place is written several times, the last one stays
            newest_of = np.empty(2 + int(self.items.max(initial=0)), np.int64)
            newest_of[self.items[::-1]] = places[::-1]
            return np.asarray((newest_of[self.items] == places) & (self.items != UNKNOWN))
        pairs = self.owners * (1 + int(self.items.max(initial=0))) + self.items
        newest = np.zeros(len(self.items), np.bool_)
        newest[np.unique(pairs, return_index=True)[1]] = True
        return np.asarray(newest & (self.items != UNKNOWN))

    @cached_property
    def hours_since_last(self) -> Floats:
        """(users): hours from the newest event to the question, at least 0; infinite without an event."""
        if len(self) == 1 and len(self.items):  # the online case, with fewer steps
            return np.array([max(int(self.now_ms[0] - self.times_ms[0]), 0) / 3_600_000])
        hours = np.full(len(self), np.inf)
        filled = self.lengths > 0
        last = self.times_ms[self.indptr[:-1][filled]]
        hours[filled] = np.maximum(self.now_ms[filled] - last, 0) / 3_600_000
        return hours

    def where(self, kept: NDArray[np.bool_]) -> Histories:
        """The same users with only some of their entries."""
        if kept.all():
            return self
        return self._entries(kept, bounds_of(kept)[self.indptr], self.now_ms)

    def select(self, users: Integers) -> Histories:
        """The histories of these users, in this order."""
        lengths = self.indptr[users + 1] - self.indptr[users]
        indptr = bounds_of(lengths)
        entries = np.arange(indptr[-1]) + np.repeat(self.indptr[users] - indptr[:-1], lengths)
        return self._entries(entries, indptr, self.now_ms[users])

    def rows(self, start: int, stop: int) -> Histories:
        """The histories of a range of users."""
        if start == 0 and stop == len(self):
            return self
        indptr = self.indptr[start : stop + 1] - self.indptr[start]
        entries = slice(self.indptr[start], self.indptr[stop])
        return self._entries(entries, indptr, self.now_ms[start:stop])

    def asked_at(self, now_ms: NDArray[np.int64]) -> Histories:
        """The same histories for questions at other times, (users), epoch ms."""
        return replace(self, now_ms=now_ms)

    def _entries(
        self, chosen: slice | NDArray[Any], indptr: NDArray[np.int64], now_ms: NDArray[np.int64]
    ) -> Histories:
        return Histories(
            indptr=indptr,
            items=self.items[chosen],
            grades=self.grades[chosen],
            strengths=self.strengths[chosen],
            times_ms=self.times_ms[chosen],
            weights=self.weights[chosen],
            now_ms=now_ms,
        )


def join_histories(several: Sequence[Histories]) -> Histories:
    """The users of all these histories, one after another."""
    columns = ("items", "grades", "strengths", "times_ms", "weights", "now_ms")
    return Histories(
        indptr=join_bounds([each.indptr for each in several]),
        **{name: np.concatenate([getattr(each, name) for each in several]) for name in columns},
    )


def join_bounds(several: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """The bounds (indptr) of several CSR matrices whose rows are put one after another."""
    return bounds_of(np.concatenate([np.diff(each) for each in several]))


def bounds_of(lengths: NDArray[Any] | Sequence[int]) -> NDArray[np.int64]:
    """The bounds (indptr) of the rows of a CSR matrix that have these lengths."""
    bounds = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=bounds[1:])
    return bounds


def from_events(
    users: Integers,
    items: Integers,
    times_ms: Integers,
    *,
    user_count: int,
    grades: NDArray[np.floating[Any]] | None = None,
    strengths: NDArray[np.floating[Any]] | None = None,
    weights: NDArray[np.floating[Any]] | None = None,
    now_ms: Integers | None = None,
) -> Histories:
    """Histories of users 0 to ``user_count`` - 1 from events in any order.

    Of events with one time, the later one in the arrays counts as newer, so give them in the order of last
    writers (event_time, event_id). Grades, strengths and weights are 1 where None; ``now_ms`` is the time of
    each user's newest event where None.
    Raises ValueError for arrays that do not fit or users out of range.
    """
    columns = (items, times_ms, grades, strengths, weights)
    if any(column is not None and len(column) != len(users) for column in columns):
        raise ValueError("users, items, times, grades, strengths and weights need one entry for each event")
    if len(users) and not (users.min() >= 0 and users.max() < user_count):
        raise ValueError(f"users must be from 0 to {user_count - 1}")
    times = np.asarray(times_ms, np.int64)
    order = np.lexsort((-np.arange(len(users)), -times, users))
    indptr = bounds_of(np.bincount(users, minlength=user_count))
    newest_first = times[order]
    if now_ms is None:
        last = np.zeros(user_count, np.int64)
        filled = np.diff(indptr) > 0
        last[filled] = newest_first[indptr[:-1][filled]]
    else:
        last = np.asarray(now_ms, np.int64)

    def column(values: NDArray[np.floating[Any]] | None) -> Floats:
        return np.ones(len(users)) if values is None else np.asarray(values, np.float64)[order]

    return Histories(
        indptr=indptr,
        items=np.asarray(items, np.int32)[order],
        grades=column(grades),
        strengths=column(strengths),
        times_ms=newest_first,
        weights=column(weights),
        now_ms=last,
    )


class Moments(NamedTuple):
    """When users did something with items before the newest time, each moment once, in any order."""

    users: Integers
    items: Integers
    times_ms: NDArray[np.int64]


def from_items(
    users: Integers,
    items: Integers,
    times_ms: NDArray[np.int64],
    *,
    user_count: int,
    grades: NDArray[np.floating[Any]],
    strengths: NDArray[np.floating[Any]],
    moments: Moments | None = None,
    now_ms: Integers | None = None,
) -> Histories:
    """Histories from one row for each user and item (ordered by both), and from their earlier moments.

    Each earlier moment is an entry, with the grade and strength of its row. Of entries with one time, the one
    with the higher item index counts as newer, wherever a history is made. Raises ValueError for a moment
    without a row, and as `from_events`.
    """
    if moments is None or not len(moments.users):
        return from_events(
            users,
            items,
            times_ms,
            user_count=user_count,
            grades=grades,
            strengths=strengths,
            now_ms=now_ms,
        )
    width = 1 + int(max(items.max(), moments.items.max()))
    keys = users.astype(np.int64) * width + items
    wanted = moments.users.astype(np.int64) * width + moments.items
    row = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    if (keys[row] != wanted).any():
        raise ValueError("a moment needs the row of its user and item")
    rows = np.concatenate([np.arange(len(keys)), row])
    times = np.concatenate([times_ms, moments.times_ms])
    order = np.argsort(keys[rows], kind="stable")
    rows = rows[order]
    return from_events(
        users[rows],
        items[rows],
        times[order],
        user_count=user_count,
        grades=grades[rows],
        strengths=strengths[rows],
        now_ms=now_ms,
    )


def grade_ratings(ratings: NDArray[np.floating[Any]]) -> Floats:
    """The grade of each rating (RATING_GRADES); one below all keys has the grade of the smallest key."""
    reached = np.searchsorted(_THRESHOLDS, ratings, side="right") - 1
    return np.asarray(_GRADES[np.maximum(reached, 0)])


def grade_entries(entries: Iterable[tuple[str, float]]) -> float:
    """The grade of one item, from the (event type, value) of its events that count.

    (contracts.strengths.effective says which count.) It is the largest grade among them, except that a
    dislike decides alone: the user does not want more of this kind. Without an entry it is 0.
    """
    grades = []
    for event_type, value in entries:
        if event_type in _NEGATIVE_TYPES:
            return NEGATIVE_GRADE
        is_rating = event_type == "rating"
        grades.append(float(grade_ratings(np.array([value]))[0]) if is_rating else POSITIVE_GRADE)
    return max(grades, default=0.0)
