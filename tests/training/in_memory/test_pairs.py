from __future__ import annotations

import numpy as np
import pytest

from contracts.events import RATING
from contracts.settings import TrainingSettings
from contracts.strengths import effective, strength
from tests.training.in_memory.worlds import as_events, last_writers, random_rows
from training.in_memory.pairs import NONE, pairs_of

SETTINGS = TrainingSettings(rating_strengths={0.0: -0.5, 3.0: 0.3, 4.0: 1.0, 5.0: 2.0})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_pair_has_the_strength_that_the_contract_gives_its_events(seed: int) -> None:
    rows = random_rows(seed, seconds=3)  # so few instants that ties are common
    events = as_events(rows)
    pairs = pairs_of(events, SETTINGS, 4.0)
    last = last_writers(rows)
    users, items = events.user_ids.to_pylist(), events.item_ids.to_pylist()
    places = {(users[u], items[i]): n for n, (u, i) in enumerate(zip(pairs.users, pairs.items, strict=True))}
    assert places.keys() == last.keys()
    for key, entries in last.items():
        counting, place = effective(entries.values()), places[key]
        expected = strength(counting, SETTINGS.event_weights, SETTINGS.rating_strengths)
        assert pairs.strengths[place] == np.float32(expected)
        rated = [entry.value for entry in counting if entry.event_type == RATING]
        np.testing.assert_equal(float(pairs.ratings[place]), rated[0] if rated else np.nan)
        kinds = {entry.event_type for entry in counting}
        liked = (bool(rated) and rated[0] >= 4.0) or bool(kinds & {"view", "like", "purchase"})
        assert bool(pairs.positive[place]) == (liked and "dislike" not in kinds)
        assert (pairs.event_times[place] == NONE) == (not counting)


def test_without_events_there_are_no_pairs() -> None:
    events = as_events(random_rows(1, users=2, items=3))
    assert len(pairs_of(events.where(np.zeros(len(events), np.bool_)), SETTINGS, 4.0)) == 0
