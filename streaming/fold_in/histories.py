"""From the histories' bytes to the rows that fold-in takes. Pure: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from contracts.events import RATING
from contracts.stored.records import ENTRY_SIZE, MICROS, TYPE_CODES, decode_history
from contracts.strengths import effective, grade_steps, weights_by_type

# contracts/stored/records.py: encode_entry
_ENTRY = np.dtype([("code", "u1"), ("time", ">f8"), ("event_id", "V16"), ("micros", ">i4")])
_RATING = TYPE_CODES[RATING]


@dataclass(frozen=True)
class StrengthTable:
    """What interactions are worth to one model: from its manifest."""

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
    """The known items of several users as CSR: those of user u stand from indptr[u] to indptr[u + 1]."""

    indptr: NDArray[np.int64]
    items: list[bytes]
    strengths: NDArray[np.float64]
    times: NDArray[np.int64]  # ms, of the newest interaction that counts


def read_histories(users: Sequence[Mapping[bytes, bytes]], strengths: StrengthTable) -> KnownItems:
    """Read each user's entries by item, as the state holds them."""
    indptr = np.concatenate([[0], np.cumsum([len(user) for user in users])]).astype(np.int64)
    items = list(chain.from_iterable(users))
    raws = list(chain.from_iterable(user.values() for user in users))
    if not items:
        return KnownItems(indptr, [], np.zeros(0), np.zeros(0, np.int64))
    entries = np.frombuffer(b"".join(raws), _ENTRY)
    lengths = np.fromiter(map(len, raws), np.int64, len(raws)) // ENTRY_SIZE
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    counts = _counting(raws, lengths, starts, len(entries))
    worth = np.where(counts, _worth(entries, strengths), 0.0)
    times = np.where(counts, entries["time"], 0).astype(np.int64)
    return KnownItems(indptr, items, np.add.reduceat(worth, starts), np.maximum.reduceat(times, starts))


def _counting(
    raws: Sequence[bytes], lengths: NDArray[np.int64], starts: NDArray[np.int64], entries: int
) -> NDArray[np.bool_]:
    """Which entries count. An only one always does: a history holds no item of which nothing counts."""
    counts = np.ones(entries, np.bool_)
    for place in np.flatnonzero(lengths > 1).tolist():
        of_item = decode_history(raws[place])
        counted = effective(of_item)
        counts[starts[place] : starts[place] + lengths[place]] = [entry in counted for entry in of_item]
    return counts


def _worth(entries: NDArray[np.void], strengths: StrengthTable) -> NDArray[np.float64]:
    reached = np.searchsorted(strengths.thresholds, entries["micros"] / MICROS, side="right") - 1
    graded = strengths.grades[np.maximum(reached, 0)]
    return np.where(entries["code"] == _RATING, graded, strengths.by_code[entries["code"]])
