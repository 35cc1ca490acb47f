"""A simulated news site: articles are read for hours only, and what is read now predicts what is read next.

Articles appear all the time. Each has a subject and an appeal of its own, which halves within hours; some
become popular only long after they appeared. Readers come several times a day, read a few articles one minute
apart, prefer the subjects that they like, and read nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ingest.simulated.shop import START_MS, Floats, softmax

HOUR_MS = 3_600_000
_SUBJECTS = 8
_APPEAL_DEVIATION = 1.2  # standard deviation of the appeal's logarithm
_TASTE_DEVIATION = 0.8
_LATE_SHARE, _LATE_HOURS = 0.2, 12.0  # the share of late articles, and their mean delay
_MEAN_READ = 2.5  # mean number of articles of a visit after the first one
_NOTHING = -1e9


@dataclass(frozen=True)
class Reads:
    """What was read, as parallel arrays in time order; users, visits and items are numbered from 0."""

    users: NDArray[np.int32]
    visits: NDArray[np.int32]
    items: NDArray[np.int32]
    times_ms: NDArray[np.int64]


@dataclass(frozen=True)
class NewsWorld:
    """The same size and seed give the same articles and the same reads."""

    users: int = 300
    articles: int = 400
    hours: int = 72
    visits_a_day: float = 4.0
    seed: int = 42

    @cached_property
    def rises_ms(self) -> NDArray[np.int64]:
        """(articles): when each article begins to be read, in epoch milliseconds; roughly ascending."""
        rng = np.random.default_rng([self.seed, 1])
        hours = np.sort(rng.uniform(-24, self.hours, self.articles))
        is_late = rng.random(self.articles) < _LATE_SHARE
        hours = hours + is_late * rng.exponential(_LATE_HOURS, self.articles)
        return START_MS + np.asarray(hours * HOUR_MS, np.int64)

    def appeal(self, moment_ms: int) -> Floats:
        """(articles): the logarithm of each article's appeal at a moment, to a reader without preferences."""
        first, half_lives, _ = self._articles
        age = (moment_ms - self.rises_ms) / HOUR_MS
        return np.where(age >= 0, first - age / half_lives * np.log(2), _NOTHING)

    def reads(self) -> Reads:
        """All visits of all readers."""
        rng = np.random.default_rng([self.seed, 2])
        subjects, tastes = self._articles[2], rng.normal(0, _TASTE_DEVIATION, (self.users, _SUBJECTS))
        has_read = np.zeros((self.users, self.articles), np.bool_)
        columns: list[tuple[int, int, int, int]] = []
        for visit, (reader, start) in enumerate(self._visits(rng)):
            for click in range(1 + int(rng.poisson(_MEAN_READ))):
                moment = start + 60_000 * click
                appeal = self.appeal(moment) + tastes[reader, subjects]
                open_to = np.where(has_read[reader], _NOTHING, appeal)
                if open_to.max() <= _NOTHING / 2:
                    break
                article = int(rng.choice(self.articles, p=softmax(open_to)))
                has_read[reader, article] = True
                columns.append((reader, visit, article, moment))
        table = np.array(columns, np.int64).reshape(-1, 4)
        users, visits, items, times = table[np.argsort(table[:, 3], kind="stable")].T
        return Reads(users.astype(np.int32), visits.astype(np.int32), items.astype(np.int32), times)

    @cached_property
    def _articles(self) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Each article's initial appeal (its logarithm), half-life in hours, and subject; three arrays
        (articles)."""
        rng = np.random.default_rng([self.seed, 3])
        appeal = rng.normal(0, _APPEAL_DEVIATION, self.articles)
        return appeal, rng.uniform(0.5, 4.0, self.articles), rng.integers(0, _SUBJECTS, self.articles)

    def _visits(self, rng: np.random.Generator) -> list[tuple[int, int]]:
        many = rng.poisson(self.visits_a_day * self.hours / 24, self.users)
        readers = np.repeat(np.arange(self.users), many)
        starts = START_MS + (rng.random(len(readers)) * self.hours * HOUR_MS).astype(np.int64)
        order = np.argsort(starts, kind="stable")
        return list(zip(readers[order].tolist(), starts[order].tolist(), strict=True))
