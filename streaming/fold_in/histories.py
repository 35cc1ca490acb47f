"""Turns the bytes of histories into the arrays that a fold-in takes. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.history import NEGATIVE_GRADE, bounds_of, grade_entries, grade_ratings
from contracts.events import EVENT_TYPES, RATING
from contracts.stored.records import EARLIER_SIZE, ENTRY_SIZE, MICROS, TYPE_CODES, decode_history
from contracts.strengths import RIVALS, effective, grade_steps, weights_by_type

# contracts/stored/records.py: encode_entry
_ENTRY = np.dtype([("code", "u1"), ("time", ">f8"), ("id_high", ">u8"), ("id_low", ">u8"), ("micros", ">i4")])
_EARLIER = np.dtype([("code", "u1"), ("time", ">f8")])  # encode_earlier
_RATING = TYPE_CODES[RATING]
# Grades by type code; a rating's is by its value. A negative type beats all, so it stands for the largest.
_GRADES = np.array([0.0, *(grade_entries([(name, 0.0)]) for name in EVENT_TYPES)])
_GRADES[_GRADES == NEGATIVE_GRADE] = np.inf


@dataclass(frozen=True)
class StrengthTable:
    """The strengths of interactions for one model, from its manifest."""

    by_code: NDArray[np.float64]  # weight by type code; 0 for a rating
    thresholds: NDArray[np.float64]  # ascending
    grades: NDArray[np.float64]  # of the thresholds

    @classmethod
    def of(cls, weights: dict[str, float], rating_strengths: dict[float, float]) -> StrengthTable:
        """The tables of EVENT_WEIGHTS and RATING_STRENGTHS."""
        steps = grade_steps(rating_strengths)
        return cls(
            by_code=np.array([0.0, *weights_by_type(weights)]),
            thresholds=np.array([threshold for threshold, _ in steps]),
            grades=np.array([grade for _, grade in steps]),
        )


@dataclass(frozen=True)
class KnownItems:
    """The known items of several users as CSR: those of user u are from indptr[u] to indptr[u + 1]."""

    indptr: NDArray[np.int64]
    items: list[bytes]
    strengths: NDArray[np.float64]
    grades: NDArray[np.float64]  # what they say of similar items (algorithms/signals/history.py)
    times: NDArray[np.int64]  # ms, of the newest interaction that counts
    moments: Moments  # the moments before these times


class Moments(NamedTuple):
    """The moments of items before their newest time (contracts.strengths.moments)."""

    rows: NDArray[np.int64]  # places of their items, ascending
    times: NDArray[np.int64]  # ms; of each item distinct and ascending


_NO_MOMENTS = Moments(np.zeros(0, np.int64), np.zeros(0, np.int64))


def read_histories(
    users: Sequence[Mapping[bytes, bytes]],
    strengths: StrengthTable,
    earlier: Sequence[Mapping[bytes, bytes]] = (),
) -> KnownItems:
    """Read each user's entries by item, and earlier events by item, as the state holds them."""
    indptr = bounds_of([len(user) for user in users])
    items = list(chain.from_iterable(users))
    raws = list(chain.from_iterable(user.values() for user in users))
    if not items:
        return KnownItems(indptr, [], np.zeros(0), np.zeros(0), np.zeros(0, np.int64), _NO_MOMENTS)
    entries = np.frombuffer(b"".join(raws), _ENTRY)
    lengths = np.fromiter(map(len, raws), np.int64, len(raws)) // ENTRY_SIZE
    starts = bounds_of(lengths)[:-1]
    counts, newest = _counting(raws, lengths, starts, len(entries))
    codes, ratings = entries["code"], entries["micros"] / MICROS
    times, moments = entries["time"][newest].astype(np.int64), _NO_MOMENTS
    if len(entries) > len(items) or any(earlier):
        of_types = _LastWriters(np.repeat(np.arange(len(items)), lengths), entries, counts)
        moments = _moments(of_types, times, *_read_earlier(users, earlier))
    return KnownItems(
        indptr=indptr,
        items=items,
        strengths=np.add.reduceat(np.where(counts, _worth(codes, ratings, strengths), 0.0), starts),
        grades=_grades(codes, ratings, counts, starts),
        times=times,
        moments=moments,
    )


@dataclass(frozen=True)
class _LastWriters:
    """All entries, each with the place of its item, and which of them count."""

    rows: NDArray[np.int64]
    entries: NDArray[np.void]
    counts: NDArray[np.bool_]


def _read_earlier(
    users: Sequence[Mapping[bytes, bytes]], earlier: Sequence[Mapping[bytes, bytes]]
) -> tuple[NDArray[np.int64], NDArray[np.void]]:
    """Earlier events, each with the place of its item; those of items that are not read are left out."""
    rows, raws, start = [], [], 0
    for user, of_user in zip(users, earlier, strict=False):
        if of_user:
            found = [(start + place, of_user[item]) for place, item in enumerate(user) if item in of_user]
            rows += [row for row, _ in found]
            raws += [raw for _, raw in found]
        start += len(user)
    lengths = np.fromiter(map(len, raws), np.int64, len(raws)) // EARLIER_SIZE
    return np.repeat(np.array(rows, np.int64), lengths), np.frombuffer(b"".join(raws), _EARLIER)


def _moments(
    last: _LastWriters, newest: NDArray[np.int64], rows: NDArray[np.int64], earlier: NDArray[np.void]
) -> Moments:
    times, codes = earlier["time"].astype(np.int64), earlier["code"]
    counts = np.zeros(len(rows), np.bool_)
    if len(rows):
        by_type = np.full((len(newest), len(EVENT_TYPES) + 1), -1, np.int64)
        by_type[last.rows, last.entries["code"]] = last.entries["time"]
        for name, rivals in RIVALS.items():
            of_type = codes == TYPE_CODES[name]
            for rival in rivals:
                of_type &= times > by_type[rows, TYPE_CODES[rival]]
            counts |= of_type
    rows = np.concatenate([rows[counts], last.rows[last.counts]])
    times = np.concatenate([times[counts], last.entries["time"][last.counts].astype(np.int64)])
    is_before = times < newest[rows]
    rows, times = rows[is_before], times[is_before]
    if not len(rows):
        return Moments(rows, times)
    order = np.lexsort((times, rows))
    rows, times = rows[order], times[order]
    is_new = np.ones(len(rows), np.bool_)
    is_new[1:] = (rows[1:] != rows[:-1]) | (times[1:] != times[:-1])
    return Moments(rows[is_new], times[is_new])


def _counting(
    raws: Sequence[bytes], lengths: NDArray[np.int64], starts: NDArray[np.int64], entries: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which entries count, and for each item the place of its newest entry that does.

    The only entry of an item always counts, because a history holds no item of which nothing counts.
    """
    counts, newest = np.ones(entries, np.bool_), starts.copy()
    for place in np.flatnonzero(lengths > 1).tolist():
        of_item = decode_history(raws[place])
        counted = effective(of_item)
        counts[starts[place] : starts[place] + lengths[place]] = [entry in counted for entry in of_item]
        last = max(counted, key=lambda entry: (entry.event_time, entry.event_id))
        newest[place] += of_item.index(last)
    return counts, newest


def _grades(
    codes: NDArray[np.uint8],
    ratings: NDArray[np.float64],
    counts: NDArray[np.bool_],
    starts: NDArray[np.int64],
) -> NDArray[np.float64]:
    """As `grade_entries` of algorithms.signals.history: the largest grade, but a dislike beats all."""
    grades = np.where(codes == _RATING, grade_ratings(ratings), _GRADES[codes])
    largest = np.maximum.reduceat(np.where(counts, grades, -np.inf), starts)
    return np.where(largest == np.inf, NEGATIVE_GRADE, largest)


def _worth(
    codes: NDArray[np.uint8], ratings: NDArray[np.float64], strengths: StrengthTable
) -> NDArray[np.float64]:
    reached = np.searchsorted(strengths.thresholds, ratings, side="right") - 1
    graded = strengths.grades[np.maximum(reached, 0)]
    return np.where(codes == _RATING, graded, strengths.by_code[codes])
