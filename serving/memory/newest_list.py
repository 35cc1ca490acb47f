"""The items published last, and how likely exploration draws each new one.

The likelihood comes from how often lists showed an item and how many users it has won since. All processes
count in one hash, every five seconds, so that no answer waits. What is not written when a process ends is
lost, and so is all of it with a lost Redis: counting starts at zero again. Nothing is counted before
exploration by EXPLORE_NEW is first asked for.

Thompson (1933) draws a rate for each item from its posterior, and shows the item whose rate came out highest.
The probability with which an item is shown has no simple form, but estimates from logs divide by it. So it is
computed first, and the draw is made from it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from contracts.settings import ServingSettings
from contracts.stored import keyspace
from contracts.stored.records import Popularity
from serving.redis.batches import Command
from serving.redis.reads.item import popularity
from serving.redis.reads.lists import newest_page
from serving.redis.store import BACKGROUND_SECONDS, Store

HEAD = 500
DAY_MS = 86_400_000
COMPUTE_SECONDS = 5.0  # between two computations: some milliseconds of a thread
_POINTS = 512  # rates at which the probabilities are summed
# So that no item's probability is so small that dividing by it is worth nothing.
UNIFORM_SHARE = 0.1

Floats = NDArray[np.float64]


class NewestList:
    """A copy of the head of ``keyspace.NEWEST``, as fresh as its last refresh."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._head: Sequence[tuple[str, float]] = ()

    async def refresh(self) -> None:
        """Read the head again. Keeps what it has where the state was lost, and raises StoreError."""
        head = await newest_page(self._store, time.time_ns() // 1_000_000, 0, HEAD)
        if not self._store.state.is_worth_less(len(head), len(self._head)):
            self._head = head

    def head(self, now_ms: int) -> list[tuple[str, float]]:
        """Items with the time of their publication (epoch ms), not after ``now_ms``, the newest first."""
        return [(item_id, published) for item_id, published in self._head if published <= now_ms]


class NewItems:
    """The items published within EXPLORE_DAYS, at most as many as the newest list holds."""

    def __init__(self, store: Store, newest_list: NewestList, settings: ServingSettings) -> None:
        self._store, self._newest_list = store, newest_list
        self._age_ms, self._enough = settings.explore_days * DAY_MS, settings.explore_until_users
        self._is_wanted = settings.explore_new > 0
        self._waiting: Counter[str] = Counter()  # impressions that are not in Redis yet
        self._computed_at = float("-inf")
        # Item -> probability; 0 where an item has users enough. Empty until it is computed: all items are
        # equally likely then.
        self.probabilities: Mapping[str, float] = {}

    def want(self) -> None:
        """Count and compute from now on."""
        self._is_wanted = True

    def note(self, item_ids: Iterable[str]) -> None:
        """Count that a list showed the items; others than new ones are ignored."""
        if self.probabilities:
            self._waiting.update(item_id for item_id in item_ids if item_id in self.probabilities)

    def within_age(self, now_ms: int) -> list[tuple[str, float]]:
        """The new items with the time of their publication (epoch ms), the newest first."""
        oldest = now_ms - self._age_ms
        return [(item_id, at) for item_id, at in self._newest_list.head(now_ms) if at >= oldest]

    async def refresh(self) -> None:
        """Write what is counted, and compute the probabilities. Raises StoreError and keeps those it has."""
        if not self._is_wanted or time.monotonic() - self._computed_at < COMPUTE_SECONDS:
            return
        item_ids = [item_id for item_id, _ in self.within_age(time.time_ns() // 1_000_000)]
        if not item_ids:
            self.probabilities = {}
            return
        users = [_users(raw) for raw in await popularity(self._store, item_ids)]
        counted, self._waiting = self._waiting, Counter()
        writes = self._writes(counted, dict(zip(item_ids, users, strict=True)))
        reads: list[Command] = [
            ("HMGET", keyspace.NEW_ITEMS_SHOWN, *map(keyspace.times_shown, item_ids)),
            ("HMGET", keyspace.NEW_ITEMS_SHOWN, *map(keyspace.users_before, item_ids)),
        ]
        replies = await self._store.ask_alone(*writes, *reads, seconds=BACKGROUND_SECONDS)
        shown, before = replies[-2:]
        found = await asyncio.to_thread(_probabilities, users, shown, before, self._enough)
        self.probabilities = dict(zip(item_ids, found, strict=True))
        self._computed_at = time.monotonic()

    def _writes(self, counted: Counter[str], users: Mapping[str, int]) -> list[Command]:
        key, writes = keyspace.NEW_ITEMS_SHOWN, list[Command]()
        for item_id, times in counted.items():
            if item_id in users:
                # Users from before the first impression are none that a list won.
                writes.append(("HSETNX", key, keyspace.users_before(item_id), users[item_id]))
                writes.append(("HINCRBY", key, keyspace.times_shown(item_id), times))
        return [*writes, ("EXPIRE", key, round(2 * self._age_ms / 1000))] if writes else []


def _users(raw: bytes | None) -> int:
    return Popularity.decode(raw).users if raw else 0


def _probabilities(
    users: Sequence[int], shown: Sequence[bytes | None], before: Sequence[bytes | None], enough: int
) -> Sequence[float]:
    """From how many users each item has, how often lists showed it, and how many it had before that."""
    now = np.array(users, dtype=np.float64)
    impressions = np.array([int(each or 0) for each in shown], dtype=np.float64)
    first = np.array([has if each is None else int(each) for has, each in zip(users, before, strict=True)])
    is_open = now < enough
    probabilities = np.zeros(len(now))
    if is_open.any():
        # Some users may have left, and some may have come by another way than a list.
        clicks = np.clip(now - first, 0, impressions)[is_open]
        probabilities[is_open] = thompson_probabilities(clicks, impressions[is_open])
    return [float(each) for each in probabilities]


def thompson_probabilities(clicks: Floats, impressions: Floats) -> Floats:
    """(items): with which probability to draw each item; they sum to 1, and each is 0.1 / items or more.

    Nine tenths are the probability that the item's rate is the highest, where rates are independent and each
    is Beta(1 + clicks, 1 + impressions - clicks); one tenth is the same for all items. There is at least one
    item, and none has more clicks than impressions.
    """
    return (1 - UNIFORM_SHARE) * best_probabilities(clicks, impressions) + UNIFORM_SHARE / len(clicks)


def best_probabilities(clicks: Floats, impressions: Floats) -> Floats:
    """(items): the probability that each item's rate is the highest.

    For item i it is the integral of f_i(x) times the product of F_j(x) over all other items j, with the
    density f and the distribution F of each item. It is summed at 512 rates x, more of them near 0.
    """
    places = (np.arange(_POINTS) + 0.5) / _POINTS
    rates = places * places
    log_mass = (
        clicks[:, None] * np.log(rates)
        + (impressions - clicks)[:, None] * np.log1p(-rates)
        + np.log(places)  # a point stands for an interval, whose width grows with its place
    )
    mass = np.exp(log_mass - log_mass.max(axis=1, keepdims=True))
    mass /= mass.sum(axis=1, keepdims=True)
    # Half of a point's mass counts as below it: then items of the same posterior share what they have.
    log_below = np.log(np.maximum(mass.cumsum(axis=1) - mass / 2, 1e-300))
    of_others = np.exp(np.minimum(log_below.sum(axis=0) - log_below, 0.0))
    best = (mass * of_others).sum(axis=1)
    total = best.sum()
    uniform = np.full(len(clicks), 1 / len(clicks))
    return np.asarray(best / total if total > 0 else uniform)
