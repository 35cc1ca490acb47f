"""Visitors of the demo's world who count what they were shown and what they rated."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc

from experiments.observations.rows import read_all_rows
from ingest.simulated.source import SyntheticWorld, WorldSize
from ingest.simulated.visitors import PATIENCE, Visitors, attraction
from stack.demo.visitors import Api, stay
from stack.status.api_client import ApiError

_AT_ONCE = 4
_LISTS_A_SECOND = 4.0  # of each


_Rating = tuple[str, str, str]  # recommendation, user, item


class Shown(NamedTuple):
    """A list that a visitor was shown."""

    arm: str
    items: int
    clicks: float  # how many are to be expected, by the visitor's taste


class CountedVisits(Api):
    """The API as the site of visitors, who note each list that they see and each rating that they send."""

    def __init__(self, url: str, seed: int) -> None:
        super().__init__(url)
        self._world, self._seed = SyntheticWorld(WorldSize()), seed
        self._lock = threading.Lock()
        self.lists: dict[str, Shown] = {}
        self.tried: Counter[_Rating] = Counter()
        self.ratings: Counter[_Rating] = Counter()  # those that were acknowledged
        self.errors: list[str] = []

    @contextmanager
    def visits(self) -> Iterator[None]:
        """Visits, several at once, until the block ends; each is then made to its end."""
        ending = threading.Event()
        threads = [
            threading.Thread(target=self._visit, args=(place, ending), daemon=True)
            for place in range(_AT_ONCE)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ending.set()
            for thread in threads:
                thread.join()

    def ask(self, user_id: str, session_id: str) -> Any:
        """Ask, and note the list."""
        answer = super().ask(user_id, session_id)
        items = [each["item_id"] for each in answer["items"]]
        shown = Shown(answer["arm"], len(items), self._expected_clicks(user_id, items))
        with self._lock:
            if self.lists.setdefault(answer["recommendation_id"], shown) is not shown:
                self.errors.append(f"two answers are called {answer['recommendation_id']}")
        return answer

    def send(self, events: list[dict[str, object]]) -> None:
        """Send, and note the ratings."""
        ratings = Counter(map(_rating, events))
        with self._lock:
            self.tried += ratings
        super().send(events)
        with self._lock:
            self.ratings += ratings

    def true_lift(self, control: str, arm: str) -> float:
        """By how much one arm's lists attract more than another's, by the visitors' taste alone."""
        rates = []
        for name in (control, arm):
            shown = [each for each in self.lists.values() if each.arm == name]
            rates.append(sum(each.clicks for each in shown) / sum(each.items for each in shown))
        return rates[1] / rates[0] - 1

    def assert_in_lake_once(self, lake: str, lost: int) -> int:
        """Check that the lake has each list and each rating of these visitors exactly once.

        Up to ``lost`` lists may be missing. Returns how many are.
        """
        rows = read_all_rows(lake, 0)
        lists = Counter(rows.exposures["recommendation_id"].to_pylist())
        twice = [name for name in self.lists if lists[name] > 1]
        missing = [name for name in self.lists if not lists[name]]
        assert not twice, f"{len(twice)} of {len(self.lists)} lists are in the lake twice: {twice[:3]}"
        assert len(missing) <= lost, f"{len(missing)} lists are missing, {lost} are known to be lost"
        named = rows.interactions.filter(pc.is_valid(rows.interactions["recommendation_id"]))
        columns = [named[name].to_pylist() for name in ("recommendation_id", "user_id", "item_id")]
        ratings = Counter(key for key in zip(*columns, strict=True) if key[0] in self.lists)
        # A rating whose acknowledgement was cut off may be there.
        assert self.ratings <= ratings <= self.tried, (self.ratings.total(), ratings.total())
        return len(missing)

    def _visit(self, place: int, ending: threading.Event) -> None:
        visitors = Visitors(self._world, np.random.default_rng([self._seed, place, time.time_ns()]))
        while not ending.is_set():
            try:
                stay(visitors, visitors.visit(), self, _LISTS_A_SECOND)
            except ApiError as error:
                self.errors.append(str(error))
                time.sleep(1)

    def _expected_clicks(self, user_id: str, items: Sequence[str]) -> float:
        expected = self._world.expected_rating(
            int(user_id.removeprefix("u")) - 1, time.time_ns() // 1_000_000
        )
        numbers = [self._world.item_number(item) for item in items]
        return sum(
            PATIENCE**place * attraction(float(expected[number]))
            for place, number in enumerate(numbers)
            if number is not None
        )


def _rating(event: dict[str, object]) -> _Rating:
    return str(event["recommendation_id"]), str(event["user_id"]), str(event["item_id"])
