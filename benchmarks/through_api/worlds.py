"""Logs to replay: the events that a stack learns from, and the later ones that it has to predict."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.questions import Questions, later_questions, next_item_questions
from algorithms.signals.history import POSITIVE_GRADE, Histories, from_events, grade_ratings
from benchmarks.studies.blended_ranking import read_log
from benchmarks.studies.tuned_peers import newest
from contracts.events import DEFAULT_WEIGHTS, RATING
from contracts.settings import TrainingSettings
from contracts.strengths import strength_of_rating
from ingest.simulated.clicks import DAY_MS, ClickWorld
from ingest.simulated.news import HOUR_MS, NewsWorld
from ingest.simulated.shop import ShopWorld
from ingest.simulated.source import SyntheticWorld, WorldSize

Integers = NDArray[np.integer[Any]]

FILMS_FOLDER = "HEADWATER_FILMS"  # the environment variable with the folder of a MovieLens ratings.csv
_NEWS_HOURS = 72
_LAST_HOURS = 12  # of the news that are asked after


@dataclass(frozen=True)
class World:
    """Events in time order by numbers of users and items; those with ``is_later`` are not learnt from."""

    name: str
    event_type: str
    users: Integers
    items: Integers
    values: NDArray[np.float64]
    times_ms: NDArray[np.int64]
    is_later: NDArray[np.bool_]
    is_live: bool = False  # whether later events are sent one by one, each asked for right before it
    is_of_visits: bool = (
        False  # whether users are visits, and each question holds the visit as far as it went
    )
    with_known: bool = False  # whether lists may hold known items

    def histories(self, kept: NDArray[np.bool_]) -> Histories:
        """The questions about some of the events, in the form that a blend takes."""
        values, table = self.values[kept], TrainingSettings().rating_strengths
        is_rating = self.event_type == RATING
        steps, place = np.unique(values, return_inverse=True)
        strengths = np.array([strength_of_rating(step, table) for step in steps.tolist()])[place]
        weight = DEFAULT_WEIGHTS.get(self.event_type, 0.0)
        return from_events(
            self.users[kept],
            self.items[kept],
            self.times_ms[kept],
            user_count=int(self.users.max()) + 1,
            grades=grade_ratings(values) if is_rating else None,
            strengths=strengths if is_rating else np.full(len(values), weight),
            weights=values,
        )

    def questions(self, limit: int) -> Questions:
        """The questions: all of them after the learnt events, or one before each of ``limit`` later ones.

        Of a live world these are the first ones, of visits some of all later ones.
        """
        past, everything = self.histories(~self.is_later), self.histories(np.ones(len(self.users), np.bool_))
        if self.is_of_visits:
            is_target = everything.times_ms >= self.times_ms[self.is_later].min()
            began = everything.times_ms[np.maximum(everything.indptr[1:] - 1, 0)]
            is_target &= began[everything.owners] >= self.times_ms[self.is_later].min()
            return next_item_questions(everything, is_target).sample(limit)
        if not self.is_live:
            later = self.histories(self.is_later)
            asked = later_questions(past, later, later.grades >= POSITIVE_GRADE)
            return asked.sample(len(asked))
        from_ms = self.times_ms[self.is_later].min()
        last_ms = np.sort(self.times_ms[self.is_later])[:limit][-1]
        is_target = (everything.times_ms >= from_ms) & (everything.times_ms <= last_ms)
        asked = next_item_questions(everything, is_target)
        return asked.sample(len(asked))


def worlds(scale: float) -> Iterator[World]:
    """The built-in worlds; before them ml-latest-small where HEADWATER_FILMS names its folder."""
    folder = os.environ.get(FILMS_FOLDER)
    if folder:
        yield films_of_folder(Path(folder))
    size = WorldSize(users=max(100, int(800 * scale)), items=1200, ratings=int(60_000 * max(0.1, scale)))
    users, items, ratings, times = SyntheticWorld(size).history()
    yield World("films", RATING, users, items, ratings, times, newest(users, items, times))
    bought = ShopWorld(users=max(100, int(500 * scale)), items=600, weeks=18).purchases()
    yield World(
        "shop",
        "purchase",
        bought.users,
        bought.items,
        np.ones(len(bought.users)),
        bought.times_ms,
        _last_baskets(bought.users, bought.times_ms),
        with_known=True,
    )
    yield news(max(100, int(300 * scale)))


def worlds_of_visits(scale: float) -> Iterator[World]:
    """The built-in worlds in which an id is one visit, and never seen again."""
    yield news(max(100, int(300 * scale)), anonymous=True)
    yield clicks(max(3000, int(10_000 * scale)))


def films_of_folder(folder: Path) -> World:
    """ml-latest-small or another MovieLens set; the newest fifth of each user is to be predicted."""
    log = read_log(folder / "ratings.csv")
    order = np.argsort(log.times, kind="stable")
    users, items, times = log.users[order], log.items[order], log.times[order]
    return World(folder.name, RATING, users, items, log.ratings[order], times, newest(users, items, times))


def news(readers: int, anonymous: bool = False) -> World:
    """The news site: its last hours are sent as they happened. ``anonymous``: each visit is a user."""
    read = NewsWorld(users=readers, hours=_NEWS_HOURS).reads()
    is_later = read.times_ms >= read.times_ms.max() - _LAST_HOURS * HOUR_MS
    name, users = ("anonymous-news", read.visits) if anonymous else ("news", read.users)
    return World(name, "view", users, read.items, np.ones(len(users)), read.times_ms, is_later, is_live=True)


def clicks(visits: int) -> World:
    """Anonymous visits; those that begin on the last day are to be predicted."""
    clicked = ClickWorld(visits=visits).clicks()
    began = np.full(visits, np.iinfo(np.int64).max)
    np.minimum.at(began, clicked.visits, clicked.times_ms)
    return World(
        "clicks",
        "click",
        clicked.visits,
        clicked.items,
        np.ones(len(clicked.visits)),
        clicked.times_ms,
        began[clicked.visits] >= clicked.times_ms.max() - DAY_MS,
        is_of_visits=True,
        with_known=True,
    )


def _last_baskets(users: Integers, times_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
    last = np.zeros(int(users.max()) + 1, np.int64)
    np.maximum.at(last, users, times_ms)
    return np.asarray(times_ms == last[users])
