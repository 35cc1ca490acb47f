"""What exploration of new items costs and wins, on the built-in world, where it is known who likes what.

    python -m benchmarks.studies.exploring_new_items [--seeds 5]

The model knows two thirds of the items, with an error; the others are new. Users ask for lists of ten and
click as the world's visitors do. A round of training ends each period: from then on, the model's lists have
the new items that five users have clicked. Once in a hundred lists, a user finds an item in another way.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from random import Random
from statistics import mean, stdev
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.simulated.source import START_MS, SyntheticWorld, WorldSize
from ingest.simulated.visitors import PATIENCE, attraction
from serving.answer.exploration import replace_one
from serving.memory.newest_list import thompson_probabilities
from serving.question.candidate import Candidate

USERS, ITEMS, KNOWN = 1000, 600, 400
PERIODS, LISTS, PLACES = 8, 4000, 10
_MODEL_ERROR = 0.5  # rating points
_LEARNT_FROM = 5  # users who clicked a new item, for the next round to know it
_FOUND_ELSEWHERE = 0.01
_BEST = 20  # new items, by the chance that a user who looks at one clicks
POLICIES = (
    ("none", 0.0),
    *((policy, share) for share in (0.1, 0.3) for policy in ("uniform", "uniform, until learnt", "Thompson")),
)
Floats = NDArray[np.float64]


class Outcome(NamedTuple):
    """What one policy led to; clicks are those of a list."""

    first: float  # in the first period: no new item is learnt yet
    all_periods: float
    at_the_end: float  # by the last model's lists alone, without places for new items
    learnt: float  # new items that the last model knows
    best_learnt: float  # of the 20 best ones


@dataclass
class Town:
    """One world, its model's view of it, and what has happened."""

    seed: int
    clicked: list[set[int]] = field(default_factory=lambda: [set() for _ in range(USERS)])
    impressions: Floats = field(default_factory=lambda: np.zeros(ITEMS))
    users: Floats = field(default_factory=lambda: np.zeros(ITEMS))

    def __post_init__(self) -> None:
        world, rng = SyntheticWorld(WorldSize(USERS, ITEMS, 0, seed=self.seed)), Random(self.seed)
        expected = np.stack([world.expected_rating(user, START_MS) for user in range(USERS)])
        self.attracts = np.vectorize(attraction)(expected)
        errors = np.random.default_rng(self.seed).normal(0, _MODEL_ERROR, expected.shape)
        self.scores, self.random = expected + errors, rng
        self.in_model = np.arange(ITEMS) < KNOWN
        self.train()

    def train(self) -> None:
        """A round: the model's lists of all users, the best item first."""
        self.in_model |= self.users >= _LEARNT_FROM
        scores = np.where(self.in_model, self.scores, -np.inf)
        self.ranked = np.argsort(-scores, axis=1)[:, : self.in_model.sum()].tolist()

    def page(self, user: int) -> list[Candidate]:
        """The model's list of ten, without what the user has clicked."""
        unseen = (item for item in self.ranked[user] if item not in self.clicked[user])
        return [Candidate(str(item), 0.0, "als") for item, _ in zip(unseen, range(PLACES), strict=False)]

    def look(self, user: int, page: list[Candidate]) -> int:
        """The user looks down the page. Returns the number of clicks."""
        clicks, looks_on = 0, True
        for candidate in page:
            item = int(candidate.item_id)
            self.impressions[item] += 1
            if looks_on and self.random.random() < self.attracts[user][item]:
                self.click(user, item)
                clicks += 1
            looks_on = looks_on and self.random.random() < PATIENCE
        return clicks

    def click(self, user: int, item: int) -> None:
        """An item gets a user, once each."""
        if item not in self.clicked[user]:
            self.clicked[user].add(item)
            self.users[item] += 1

    def find_elsewhere(self, user: int) -> None:
        """Now and then a user comes to an item by a search or a friend."""
        if self.random.random() < _FOUND_ELSEWHERE:
            item = self.random.randrange(ITEMS)
            if self.random.random() < self.attracts[user][item]:
                self.click(user, item)


def run(policy: str, share: float, seed: int) -> Outcome:
    """All periods of one policy."""
    town, weights = Town(seed), np.ones(ITEMS - KNOWN)
    by_period: list[float] = []
    for _ in range(PERIODS):
        clicks = 0
        for turn in range(LISTS):
            user = town.random.randrange(USERS)
            if policy != "uniform" and turn % 200 == 0:
                weights = _weights(policy, town.users[KNOWN:], town.impressions[KNOWN:])
            page = town.page(user)
            if town.random.random() < share:
                page = _with_new_item(town, user, page, weights, share)
            clicks += town.look(user, page)
            town.find_elsewhere(user)
        by_period.append(clicks / LISTS)
        town.train()
    best = np.argsort(-town.attracts[:, KNOWN:].mean(axis=0))[:_BEST] + KNOWN
    learnt, best_learnt = float(town.in_model[KNOWN:].sum()), float(town.in_model[best].sum())
    users = range(USERS)
    at_the_end = sum(town.look(user, town.page(user)) for user in users for _ in range(4)) / (4 * USERS)
    return Outcome(by_period[0], mean(by_period), at_the_end, learnt, best_learnt)


def _weights(policy: str, users: Floats, impressions: Floats) -> Floats:
    """As the API has them: what has users enough is drawn no more (EXPLORE_UNTIL_USERS)."""
    is_open = users < _LEARNT_FROM
    weights = is_open.astype(np.float64)
    if is_open.any() and policy == "Thompson":
        won = np.minimum(users, impressions)[is_open]
        weights[is_open] = thompson_probabilities(won, impressions[is_open])
    return weights


def _with_new_item(
    town: Town, user: int, page: list[Candidate], weights: Floats, share: float
) -> list[Candidate]:
    taken = town.clicked[user] | {int(candidate.item_id) for candidate in page}
    eligible = [at + KNOWN for at in np.flatnonzero(weights).tolist() if at + KNOWN not in taken]
    of_eligible = [float(weights[item - KNOWN]) for item in eligible]
    return replace_one(page, [str(item) for item in eligible], of_eligible, share, town.random)


def main() -> None:
    """Print a table: means over worlds, and the standard error of clicks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    print("| draw | share | first period | all periods | the last model's lists | learnt | of the best 20 |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for policy, share in POLICIES:
        found = [run(policy, share, seed) for seed in seeds]
        columns = list(zip(*found, strict=True))
        clicks = [_with_error(column) for column in columns[:3]]
        counts = [f"{mean(column):.1f}" for column in columns[3:]]
        print("|", " | ".join([policy, f"{share:g}", *clicks, *counts]), "|", flush=True)


def _with_error(values: tuple[float, ...]) -> str:
    error = stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{mean(values):.3f} ± {error:.3f}"


if __name__ == "__main__":
    main()
