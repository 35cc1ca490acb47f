"""What is learnt from and what is held out, as a mask: the in-memory form of `training.data.split`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contracts.settings import TrainingSettings
from training.data.split import TEMPORAL
from training.data.time_quantile import quantile
from training.data.xxhash import xxhash64
from training.in_memory.events import Events
from training.in_memory.load import RoundArrays
from training.in_memory.pairs import NONE, Pairs, pairs_of

Mask = NDArray[np.bool_]
# (pairs, fraction, seed) -> which are held out
Split = Callable[[Pairs, float, int], Mask]
_SHARES = 1_000_000


@dataclass(frozen=True)
class Marked:
    """Pairs, and which of them are held out."""

    pairs: Pairs
    held_out: Mask
    cuts: NDArray[np.int64] | None = None  # (users): up to when the fit knows events, epoch ms; NONE: all

    @property
    def past(self) -> Pairs:
        """The pairs that the fit may know."""
        return self.pairs.where(~self.held_out)


def time_cut(pairs: Pairs, share: float) -> int:
    """`training.data.time_quantile.time_quantile` of the pairs' first touch (epoch ms)."""
    times = pairs.first_times
    if not len(times):
        return 0

    def count(low: int, width: int, buckets: int) -> list[int]:
        inside = times[(times >= low) & (times < low + width * buckets)]
        counts: list[int] = np.bincount((inside - low) // width, minlength=buckets).tolist()
        return counts

    return quantile(count, int(times.min()), int(times.max()), share)


def newer_than(pairs: Pairs, cutoff: int) -> Mask:
    """Hold out the pairs whose first event is after an instant (epoch ms)."""
    return pairs.first_times > cutoff


def global_time(pairs: Pairs, fraction: float, seed: int = 0) -> Mask:
    """Hold out the newest ``fraction`` of all pairs."""
    return newer_than(pairs, time_cut(pairs, 1 - fraction))


def per_user_temporal(pairs: Pairs, fraction: float, seed: int = 0) -> Mask:
    """Hold out the newest max(1, floor(fraction x n)) of each user's n > 1 pairs."""
    counts = _counts(pairs)
    many = np.where(counts > 1, np.maximum(1, np.floor(counts * fraction)), 0)
    return _newest(pairs, many)


def leave_last_out(pairs: Pairs, fraction: float = 0.0, seed: int = 0) -> Mask:
    """Hold out the newest pair of every user who has more than one."""
    return _newest(pairs, np.where(_counts(pairs) > 1, 1, 0))


def random_rows(pairs: Pairs, fraction: float, seed: int) -> Mask:
    """Hold out pairs at random, those that `training.data.split.random_rows` draws."""
    drawn = xxhash64(pairs.users, pairs.items, seed) % _SHARES
    return drawn < round(fraction * _SHARES)


SPLITS: tuple[tuple[str, Split], ...] = (
    ("global_time", global_time),
    ("per_user_temporal", per_user_temporal),
    ("leave_last_out", leave_last_out),
    ("random", random_rows),
)


def mark(data: RoundArrays, name: str, settings: TrainingSettings) -> Marked:
    """Split the pairs by the split of that name; pairs to learn from are as they were known at its cut."""
    held_out = dict(SPLITS)[name](data.pairs, settings.holdout_fraction, settings.seed)
    marked = Marked(data.pairs, held_out)
    return as_known(data, marked, settings) if name in TEMPORAL else marked


def as_known(
    data: RoundArrays, marked: Marked, settings: TrainingSettings, cutoff: int | None = None
) -> Marked:
    """`training.data.as_known.as_known` on arrays.

    The cut is one instant for everybody (epoch ms), or each user's own: for a user of whom something is held
    out, the newest of the first events of the pairs that are learnt.
    """
    cuts = _cuts(data, marked, cutoff)
    then = _then(data, cuts, settings)
    if not len(then):
        return replace(marked, cuts=cuts)
    now, is_held_out = marked.pairs, marked.held_out
    key_now, key_then = _keys(data, now), _keys(data, then)
    place = np.searchsorted(key_now, key_then)
    in_both = (place < len(key_now)) & (key_now[np.minimum(place, len(key_now) - 1)] == key_then)
    is_new = np.zeros(len(then), np.bool_)
    is_new[in_both] = is_held_out[place[in_both]]
    was_known = ~is_new & then.counting
    # The item was retracted before the cut, so it could be recommended again; then the user came back to it.
    again = place[in_both & ~was_known]
    held_out = is_held_out.copy()
    held_out[again] = True
    stays = np.ones(len(now), np.bool_)
    stays[place[in_both & was_known]] = False
    earlier = then.where(was_known)
    both = join_pairs(now.where(stays), earlier)
    masks = np.concatenate([held_out[stays], np.zeros(len(earlier), np.bool_)])
    order = np.lexsort((both.items, both.users))
    return Marked(both.where(order), masks[order], cuts)


def past_of(data: RoundArrays, marked: Marked) -> RoundArrays:
    """The data as far as the fit may know it: the pairs that are learnt, with their events up to the cut."""
    learnt, events = marked.past, data.events
    known = _are_of(data, events, learnt) & ~_is_after(events, marked)
    return replace(data, pairs=learnt, events=events.where(known))


def touched_again(data: RoundArrays, marked: Marked, settings: TrainingSettings) -> Pairs:
    """What users did after the cut with items of pairs that are learnt, as pairs of these events alone.

    Only pairs of which something counts. ``event_times`` are the times of the first such events, at which the
    question would have been asked.
    """
    later = data.events.where(_is_after(data.events, marked))
    again = later.where(_are_of(data, later, marked.past))
    pairs = pairs_of(again, settings, settings.positive_rating)
    pairs = pairs.where(pairs.counting)
    return replace(pairs, event_times=pairs.first_times)


def _are_of(data: RoundArrays, events: Events, pairs: Pairs) -> Mask:
    """Whether each event is of one of these pairs, which are in order."""
    keys, wanted = _keys(data, pairs), events.users.astype(np.int64) * data.counts.items + events.items
    if not len(keys):
        return np.zeros(len(wanted), np.bool_)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.asarray(keys[place] == wanted)


def _is_after(events: Events, marked: Marked) -> Mask:
    if marked.cuts is None:
        return np.zeros(len(events), np.bool_)
    cut = marked.cuts[events.users]
    return np.asarray((events.times > cut) & (cut != NONE))


def _cuts(data: RoundArrays, marked: Marked, cutoff: int | None) -> NDArray[np.int64]:
    """Each user's cut; NONE where nothing of the user is held out."""
    users = data.counts.users
    if cutoff is not None:
        return np.full(users, cutoff, np.int64)
    pairs, held_out = marked.pairs, marked.held_out
    newest = np.full(users, NONE, np.int64)
    np.maximum.at(newest, pairs.users[~held_out], pairs.first_times[~held_out])
    tested = np.zeros(users, np.bool_)
    tested[pairs.users[held_out]] = True
    return np.where(tested, newest, NONE)


def _then(data: RoundArrays, cuts: NDArray[np.int64], settings: TrainingSettings) -> Pairs:
    """Pairs with events before and after the cut, made of their events up to the cut."""
    events = data.events
    cut = cuts[events.users]
    pair = np.cumsum(
        np.concatenate(
            [[False], (events.users[1:] != events.users[:-1]) | (events.items[1:] != events.items[:-1])]
        )
    )
    size = int(pair[-1]) + 1 if len(pair) else 0
    before, after = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    before[pair[(events.times <= cut) & (cut != NONE)]] = True
    after[pair[(events.times > cut) & (cut != NONE)]] = True
    around = (before & after)[pair] if size else np.empty(0, np.bool_)
    return pairs_of(events.where(around & (events.times <= cut)), settings, settings.positive_rating)


def _keys(data: RoundArrays, pairs: Pairs) -> NDArray[np.int64]:
    return pairs.users.astype(np.int64) * data.counts.items + pairs.items


def join_pairs(first: Pairs, second: Pairs) -> Pairs:
    """The pairs of both, one after another."""
    return Pairs(
        **{name: np.concatenate([values, vars(second)[name]]) for name, values in vars(first).items()}
    )


def _counts(pairs: Pairs) -> NDArray[np.int64]:
    """How many pairs the user of each pair has."""
    return np.bincount(pairs.users)[pairs.users] if len(pairs) else np.empty(0, np.int64)


def _newest(pairs: Pairs, many: NDArray[Any]) -> Mask:
    """The newest ``many`` pairs of each user by first event; at one time, the higher item index is newer."""
    order = np.lexsort((-pairs.items.astype(np.int64), -pairs.first_times, pairs.users))
    users = pairs.users[order]
    is_first = np.concatenate([[True], users[1:] != users[:-1]])[: len(users)]
    starts = np.flatnonzero(is_first)
    rank = np.arange(len(users)) - starts[np.cumsum(is_first) - 1]
    held_out = np.zeros(len(pairs), np.bool_)
    held_out[order] = rank < many[order]
    return held_out
