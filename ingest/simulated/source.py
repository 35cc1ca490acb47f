"""The built-in source: a simulated world whose truth is known, so that tests know what should be recommended.

Users have latent tastes (those of a demographic group plus their own) that drift along a straight line from
the first day to the last. Items have a mix of genres, a quality, and a popularity with a long tail. A user
picks items by popularity and taste, and rates them with the expected rating plus noise, in half steps from
0.5 to 5.

It needs about 40 bytes of memory for each rating, and 8 bytes for each item.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.catalog import PUBLISHED_AT, CatalogEntry
from contracts.events import MAX_RATING, MIN_RATING
from ingest.files.rejected_lines import RejectedLines, SourceError
from ingest.meaning.encoding import EncodedEvent, EventEncoder
from ingest.simulated.names import AGE_GROUPS, COUNTRIES, GENDERS, GENRES, release_year, title

Floats = NDArray[np.float64]
START_MS = 1_735_689_600_000  # 2025-01-01 UTC
DAY_MS = 24 * 3600 * 1000
_SEASONS = 6  # tastes are frozen within a season while its items are picked
_MEAN_RATING = 2.9
_TASTE_POINTS = 1.1  # rating points for one standard deviation of taste
_NOISE_POINTS = 0.35
_POPULARITY_EXPONENT = 0.7
_PICKINESS = 1.9  # how much taste counts when a user picks items, in log odds per rating point
_MOST_OF_CATALOGUE = 0.6  # a user who rated more would leave nothing to recommend


@dataclass(frozen=True)
class WorldSize:
    """How large the world is. Raises SourceError if there are more ratings than pairs allow."""

    users: int = 100
    items: int = 500
    ratings: int = 7_500
    days: int = 180
    seed: int = 42

    def __post_init__(self) -> None:
        if min(self.users, self.items, self.days) < 1 or self.ratings < 0:
            raise SourceError("the built-in source needs at least one user, one item and one day")
        most = int(self.users * self.items * _MOST_OF_CATALOGUE)
        if self.ratings > most:
            raise SourceError(
                f"{self.users} users and {self.items} items give at most {most:,} ratings: "
                "raise --users or --items, or lower --ratings"
            )


class SyntheticWorld:
    """A simulated world: a source of events (``catalog``, ``events``, ``live``) that also knows the truth."""

    def __init__(self, size: WorldSize) -> None:
        self.size = size
        rng = np.random.default_rng(size.seed)
        self._make_items(rng)
        self._make_users(rng)
        self._ratings_seed = int(rng.integers(2**63))

    def _make_items(self, rng: np.random.Generator) -> None:
        n, genres = self.size.items, len(GENRES)
        mix = rng.random((n, genres)) < 0.08
        mix[np.arange(n), rng.integers(genres, size=n)] = True
        self.genre_mix = mix
        traits = mix / np.sqrt(mix.sum(axis=1, keepdims=True)) + rng.normal(0, 0.15, (n, genres))
        self._traits: Floats = traits / np.linalg.norm(traits, axis=1, keepdims=True)
        self._quality: Floats = rng.normal(0, 0.3, n)
        ranks = rng.permutation(n) + 1
        self._log_popularity: Floats = -_POPULARITY_EXPONENT * np.log(ranks) + 0.5 * self._quality

    def _make_users(self, rng: np.random.Generator) -> None:
        n, genres = self.size.users, len(GENRES)
        self.age_group = rng.integers(len(AGE_GROUPS), size=n)
        self.gender = rng.integers(len(GENDERS), size=n)
        self.country = rng.integers(len(COUNTRIES), size=n)
        by_age, by_gender = rng.normal(0, 0.6, (4, genres)), rng.normal(0, 0.3, (2, genres))
        shared = by_age[self.age_group] + by_gender[self.gender]
        self._taste_first: Floats = shared + rng.normal(0, 1.0, (n, genres))
        drifted = shared + rng.normal(0, 1.0, (n, genres))
        self._taste_last: Floats = 0.75 * self._taste_first + 0.25 * drifted
        self._mildness: Floats = rng.normal(0, 0.3, n)
        activity = rng.lognormal(0, 0.5, n)
        self._activity: Floats = activity / activity.sum()

    def user_id(self, user: int) -> str:
        """The id of user number ``user`` (from 0)."""
        return f"u{user + 1}"

    def item_id(self, item: int) -> str:
        """The id of item number ``item`` (from 0)."""
        return f"i{item + 1}"

    def item_number(self, item_id: str) -> int | None:
        """The number of an item by its id; None for an item of another world."""
        digits = item_id.removeprefix("i")
        number = int(digits) - 1 if digits.isdecimal() else -1
        return number if 0 <= number < self.size.items and self.item_id(number) == item_id else None

    def active_user(self, rng: np.random.Generator) -> int:
        """Draw a user's number; active users are drawn more often."""
        return int(rng.choice(self.size.users, p=self._activity))

    def noisy_rating(self, expected: float, rng: np.random.Generator) -> float:
        """Draw the rating that a user gives, around the ``expected`` one."""
        return float(_half_steps(expected + rng.normal(0, _NOISE_POINTS)))

    def expected_rating(self, user: int, time_ms: int) -> Floats:
        """(items): the truth, what the user would rate each item at that time, before noise and rounding."""
        progress = min(max((time_ms - START_MS) / (self.size.days * DAY_MS), 0.0), 1.0)
        taste = (1 - progress) * self._taste_first[user] + progress * self._taste_last[user]
        points = _MEAN_RATING + self._mildness[user] + self._quality + _TASTE_POINTS * (self._traits @ taste)
        return np.asarray(np.clip(points, MIN_RATING, MAX_RATING))

    def catalog(self, rejected: RejectedLines) -> Iterator[CatalogEntry]:
        """All items and users. Nothing is ever rejected."""
        for item, flags in enumerate(self.genre_mix):
            genres = tuple(GENRES[g] for g in np.flatnonzero(flags))
            yield CatalogEntry(
                kind="item",
                id=self.item_id(item),
                title=title(item),
                categories=genres,
                attributes={PUBLISHED_AT: f"{release_year(item)}-01-01"},
                updated_at=START_MS,
            )
        for user in range(self.size.users):
            attributes = {
                "age_group": AGE_GROUPS[self.age_group[user]],
                "gender": GENDERS[self.gender[user]],
                "country": COUNTRIES[self.country[user]],
            }
            yield CatalogEntry(kind="user", id=self.user_id(user), attributes=attributes, updated_at=START_MS)

    def notes(self) -> list[str]:
        """What a person should know before the events go out."""
        size = self.size
        return [
            f"built-in source: {size.users} users, {size.items} items, {size.ratings:,} ratings, "
            f"seed {size.seed}"
        ]

    def events(self, rejected: RejectedLines) -> Iterator[EncodedEvent]:
        """The history in time order."""
        encode = EventEncoder().encode
        for ordinal, (user, item, rating, moment) in enumerate(zip(*self.history(), strict=True)):
            yield encode(ordinal, self.user_id(user), self.item_id(item), repr(float(rating)), int(moment))

    def history(self) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats, NDArray[np.int64]]:
        """Users, items, ratings and times in ms: four arrays (events) in time order."""
        rng = np.random.default_rng(self._ratings_seed)
        season_ms = self.size.days * DAY_MS // _SEASONS
        parts = [self._history_of(user, n, season_ms, rng) for user, n in enumerate(self._counts()) if n]
        if not parts:
            return np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0), np.empty(0, np.int64)
        users, items, ratings, times = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(times, kind="stable")
        return users[order], items[order], ratings[order], times[order]

    def _counts(self) -> NDArray[np.int64]:
        """(users): how many items each user rates, by activity; a part of the catalogue always stays
        unrated."""
        most = int(np.ceil(self.size.items * _MOST_OF_CATALOGUE))
        exact = self._activity * self.size.ratings
        counts = np.minimum(np.floor(exact).astype(np.int64), most)
        while (missing := self.size.ratings - int(counts.sum())) > 0:
            open_users = np.flatnonzero(counts < most)
            by_need = open_users[np.argsort(counts[open_users] - exact[open_users], kind="stable")]
            counts[by_need[:missing]] += 1
        return counts

    def _history_of(
        self, user: int, count: int, season_ms: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats, NDArray[np.int64]]:
        seen = np.zeros(self.size.items, bool)
        items, ratings, times = [], [], []
        for season, n in enumerate(np.bincount(rng.integers(_SEASONS, size=count), minlength=_SEASONS)):
            start = START_MS + season * season_ms
            expected = self.expected_rating(user, start + season_ms // 2)
            picked = self._picks(expected, seen, int(n), rng)
            seen[picked] = True
            items.append(picked)
            ratings.append(_half_steps(expected[picked] + rng.normal(0, _NOISE_POINTS, n)))
            times.append(start + rng.integers(season_ms, size=n))
        columns = np.concatenate(items).astype(np.int32), np.concatenate(ratings), np.concatenate(times)
        return np.full(count, user, np.int32), *columns

    def _picks(
        self, expected: Floats, seen: NDArray[np.bool_], n: int, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """``n`` unseen items without repetition, by popularity and taste (Gumbel top-k sampling)."""
        keys = self._log_popularity + _PICKINESS * expected + rng.gumbel(size=len(expected))
        keys[seen] = -np.inf
        if not n:
            return np.empty(0, np.int64)
        # Only the n largest are sorted.
        places = np.flatnonzero(keys >= np.partition(keys, len(keys) - n)[len(keys) - n])
        return places[np.argsort(-keys[places], kind="stable")[:n]]

    def live(self) -> Iterator[EncodedEvent]:
        """Endless ratings. The time of each is the moment when it is taken from the iterator."""
        rng = np.random.default_rng([self._ratings_seed, time.time_ns()])
        encode, ordinal = EventEncoder().encode, 0
        nothing_seen = np.zeros(self.size.items, bool)
        while True:
            user, now = self.active_user(rng), time.time_ns() // 1_000_000
            expected = self.expected_rating(user, now)
            item = int(self._picks(expected, nothing_seen, 1, rng)[0])
            rating = self.noisy_rating(float(expected[item]), rng)
            yield encode(ordinal, self.user_id(user), self.item_id(item), repr(rating), now)
            ordinal += 1


def _half_steps(points: Floats | float) -> Floats:
    return np.clip(np.round(np.asarray(points) * 2) / 2, MIN_RATING, MAX_RATING)
