"""The earlier moments of pairs from events in arrays, by the rule of `contracts.strengths.moments`.

A history has one row for each item. Where the user came back to the item, each earlier time at which an event
counts is a moment. As in the state, only a pair's newest EARLIER_EVENTS events before the last writers of
their types are looked at.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.history import Moments
from contracts.events import EVENT_TYPES
from contracts.strengths import RIVALS
from training.in_memory.events import Events
from training.in_memory.load import RoundArrays
from training.in_memory.pairs import NONE, Pairs, Writers, column_of, writers_of

NO_MOMENTS = Moments(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int64))


def moments_before(data: RoundArrays, most: int) -> Moments:
    """The earlier moments of the data's events, made once."""
    if most not in data.moments:
        data.moments[most] = earlier_moments(data.events, most)
    return data.moments[most]


def earlier_moments(events: Events, most: int) -> Moments:
    """The moments of each pair before its newest one, ordered by user, item and time.

    Of a pair's events that are not the last writers of their types, the newest ``most`` are looked at.
    """
    events = _of_pairs_touched_again(events)
    if not len(events):
        return NO_MOMENTS
    writers = writers_of(events)
    newest = np.where(writers.counts, writers.times, NONE).max(axis=1)
    earlier = _earlier(events, writers, most)
    of_earlier = writers.pair[earlier]
    of_last, types = np.nonzero(writers.counts)
    pairs = np.concatenate([of_earlier, of_last])
    times = np.concatenate([events.times[earlier], writers.times[of_last, types]])
    is_before = times < newest[pairs]
    pairs, times = pairs[is_before], times[is_before]
    order = np.lexsort((times, pairs))
    pairs, times = pairs[order], times[order]
    is_new = np.ones(len(pairs), np.bool_)
    is_new[1:] = (pairs[1:] != pairs[:-1]) | (times[1:] != times[:-1])
    firsts = writers.starts[pairs[is_new]]
    return Moments(events.users[firsts], events.items[firsts], times[is_new])


def moments_of(pairs: Pairs, moments: Moments) -> Moments:
    """The moments of these pairs only."""
    if not len(moments.users) or not len(pairs):
        return NO_MOMENTS
    width = 1 + int(max(pairs.items.max(), moments.items.max()))
    wanted = pairs.users.astype(np.int64) * width + pairs.items
    is_there = np.isin(moments.users.astype(np.int64) * width + moments.items, wanted)
    return Moments(moments.users[is_there], moments.items[is_there], moments.times_ms[is_there])


def _of_pairs_touched_again(events: Events) -> Events:
    """The events of pairs that have several; one event alone has no moment before it."""
    is_same = (events.users[1:] == events.users[:-1]) & (events.items[1:] == events.items[:-1])
    again = np.zeros(len(events), np.bool_)
    again[1:] |= is_same
    again[:-1] |= is_same
    return events.where(again)


def _earlier(events: Events, writers: Writers, most: int) -> NDArray[np.int64]:
    """Places of the events that count among each pair's newest ``most`` events before its last writers."""
    last = writers.times[writers.pair, events.types]
    may_count = np.array([name in RIVALS for name in EVENT_TYPES])[events.types]
    places = np.flatnonzero(may_count & (events.times < last))
    places = places[np.lexsort((-events.types[places], -events.times[places], writers.pair[places]))]
    pair, times, types = writers.pair[places], events.times[places], events.types[places]
    is_new = np.ones(len(places), np.bool_)
    is_new[1:] = (pair[1:] != pair[:-1]) | (times[1:] != times[:-1]) | (types[1:] != types[:-1])
    places, pair = places[is_new], pair[is_new]
    begins = np.ones(len(pair), np.bool_)
    begins[1:] = pair[1:] != pair[:-1]
    rank = np.arange(len(pair)) - np.maximum.accumulate(np.where(begins, np.arange(len(pair)), 0))
    places, pair = places[rank < most], pair[rank < most]
    counts = np.ones(len(places), np.bool_)
    for name, rivals in RIVALS.items():
        is_type = events.types[places] == column_of(name)
        for rival in rivals:
            counts &= ~is_type | (events.times[places] > writers.times[pair, column_of(rival)])
    return places[counts]
