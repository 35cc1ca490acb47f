from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from contracts.catalog import moment_of
from contracts.events import Interaction
from ingest.files.rejected_lines import RejectedLines, SourceError
from ingest.simulated.source import DAY_MS, START_MS, SyntheticWorld, WorldSize

Floats = NDArray[np.float64]
SEEDS = (42, 1, 2)


def _rejected_lines() -> RejectedLines:
    return RejectedLines(pytest.fail)


def test_equal_seeds_give_the_same_world_and_other_seeds_another() -> None:
    def read(seed: int) -> list[object]:
        return list(SyntheticWorld(WorldSize(seed=seed)).events(_rejected_lines()))

    assert read(1) == read(1)
    assert read(1) != read(2)


def test_the_default_world_has_the_documented_size_and_scale() -> None:
    world = SyntheticWorld(WorldSize())
    users, items, ratings, times = world.history()
    assert (len(set(users)), len(users)) == (100, 7_500)
    assert 450 < len(set(items)) <= 500
    assert set(ratings) <= set(np.arange(1, 11) / 2)
    assert np.all(np.diff(times) >= 0)
    assert START_MS <= times[0] < times[-1] < START_MS + world.size.days * DAY_MS


def test_no_user_rates_an_item_twice_or_rates_all_items() -> None:
    world = SyntheticWorld(WorldSize(users=5, items=20, ratings=60))
    users, items, _, _ = world.history()
    assert len(set(zip(users, items, strict=True))) == 60
    assert np.bincount(users).max() <= 12


def test_popularity_has_a_long_tail() -> None:
    _, items, _, _ = SyntheticWorld(WorldSize()).history()
    counts = np.sort(np.bincount(items, minlength=500))[::-1]
    assert counts[:50].sum() > 0.25 * counts.sum()
    assert counts[250:].sum() < 0.3 * counts.sum()


def test_events_follow_the_contract_and_span_the_simulated_history() -> None:
    world = SyntheticWorld(WorldSize(users=10, items=50, ratings=100))
    users, items, ratings, times = world.history()
    events = [Interaction.model_validate_json(e.value) for e in world.events(_rejected_lines())]
    assert [(e.user_id, e.item_id, e.value, e.event_time) for e in events] == [
        (world.user_id(u), world.item_id(i), r, t)
        for u, i, r, t in zip(users, items, ratings, times, strict=True)
    ]


def test_ratings_follow_the_true_preferences() -> None:
    world = SyntheticWorld(WorldSize())
    columns = zip(*world.history(), strict=True)
    errors = [r - world.expected_rating(int(u), int(t))[i] for u, i, r, t in columns]
    assert abs(float(np.mean(errors))) < 0.05
    assert 0.2 < float(np.std(errors)) < 0.6


def test_the_tastes_of_users_change_over_time() -> None:
    world = SyntheticWorld(WorldSize())
    first, last = (world.expected_rating(0, START_MS + day * DAY_MS) for day in (0, world.size.days))
    assert 0.1 < float(np.abs(first - last).mean()) < 1.0
    assert np.array_equal(last, world.expected_rating(0, START_MS + 10 * world.size.days * DAY_MS))


def test_the_catalogue_names_every_item_and_user() -> None:
    entries = list(SyntheticWorld(WorldSize()).catalog(_rejected_lines()))
    items = [e for e in entries if e.kind == "item"]
    users = [e for e in entries if e.kind == "user"]
    assert (len(items), len(users)) == (500, 100)
    assert all(e.title and e.categories for e in items)
    assert all(set(e.attributes) == {"age_group", "gender", "country"} for e in users)
    for item in items:
        assert str(item.title).endswith(f"({item.attributes['published_at'][:4]})")
        published = moment_of(item.attributes["published_at"])
        assert published is not None
        assert published < START_MS


def test_live_traffic_has_the_present_time() -> None:
    live = SyntheticWorld(WorldSize()).live()
    before = time.time_ns() // 1_000_000
    events = [Interaction.model_validate_json(next(live).value) for _ in range(20)]
    assert before <= events[0].event_time <= events[-1].event_time <= time.time_ns() // 1_000_000
    assert len({e.user_id for e in events}) > 5


@pytest.mark.parametrize(
    "size", [{"users": 0}, {"items": 0}, {"ratings": -1}, {"users": 2, "items": 2, "ratings": 4}]
)
def test_an_impossible_size_is_refused_in_one_sentence(size: dict[str, int]) -> None:
    with pytest.raises(SourceError, match=r"needs at least one|give at most"):
        WorldSize(**size)


def test_an_empty_history_is_possible() -> None:
    assert list(SyntheticWorld(WorldSize(ratings=0)).events(_rejected_lines())) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_recommender_can_learn_the_simulated_preferences(seed: int) -> None:
    """NDCG@10 of each user's last fifth: the truth far above popularity, item-kNN and ALS clearly above."""
    world = SyntheticWorld(WorldSize(seed=seed))
    users, items, ratings, times = world.history()
    held_out = np.zeros(len(users), bool)
    for user in range(world.size.users):
        rows = np.flatnonzero(users == user)
        held_out[rows[int(len(rows) * 0.8) :]] = True
    known: Floats = np.zeros((world.size.users, world.size.items))
    known[users[~held_out], items[~held_out]] = ratings[~held_out]
    strength = np.select([known >= 4, known >= 3], [2.0, 0.5])

    scores = {"popularity": np.tile(known.sum(axis=0), (world.size.users, 1)), "knn": _item_knn(strength)}
    scores["als"] = _implicit_als(8 * strength)
    scores["truth"] = np.stack(
        [
            world.expected_rating(u, int(times[held_out & (users == u)].mean()))
            for u in range(world.size.users)
        ]
    )
    good = held_out & (ratings >= 4)
    ndcg = {
        name: _ndcg(np.where(known > 0, -np.inf, s), users[good], items[good]) for name, s in scores.items()
    }
    assert ndcg["truth"] > 2.5 * ndcg["popularity"]
    assert ndcg["knn"] > 1.5 * ndcg["popularity"]
    assert ndcg["als"] > 1.5 * ndcg["popularity"]


def _ndcg(scores: Floats, users: NDArray[np.int32], items: NDArray[np.int32], k: int = 10) -> float:
    gains = 1 / np.log2(np.arange(k) + 2)
    values = []
    for user in np.unique(users):
        relevant = items[users == user]
        top = np.argsort(-scores[user])[:k]
        values.append(gains[np.isin(top, relevant)].sum() / gains[: len(relevant)].sum())
    return float(np.mean(values))


def _item_knn(strength: Floats) -> Floats:
    norms = np.linalg.norm(strength, axis=0) + 1.5
    similar = strength.T @ strength / np.outer(norms, norms)
    np.fill_diagonal(similar, 0)
    return np.asarray(strength @ similar)


def _implicit_als(confidence: Floats, rank: int = 12, rounds: int = 8, penalty: float = 0.1) -> Floats:
    rng = np.random.default_rng(0)
    left, right = (rng.normal(0, 0.1, (n, rank)) for n in confidence.shape)
    for _ in range(rounds):
        left = _solve(right, confidence, penalty)
        right = _solve(left, confidence.T, penalty)
    return np.asarray(left @ right.T)


def _solve(fixed: Floats, confidence: Floats, penalty: float) -> Floats:
    gram = fixed.T @ fixed
    rows = []
    for c in confidence:
        damped = gram + (fixed.T * c) @ fixed + penalty * max(1, np.count_nonzero(c)) * np.eye(len(gram))
        rows.append(np.linalg.solve(damped, fixed.T @ ((1 + c) * (c > 0))))
    return np.stack(rows)
