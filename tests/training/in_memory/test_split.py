"""The properties of a split of arrays; test_parity.py tests that both paths split alike."""

from __future__ import annotations

import numpy as np
import pytest

from contracts.settings import TrainingSettings
from tests.training.in_memory.worlds import as_events, random_rows
from training.data.split import TEMPORAL
from training.in_memory.load import RoundArrays, load_arrays
from training.in_memory.split import SPLITS, Marked, as_known, mark, newer_than

SETTINGS = TrainingSettings(train_min_events=1)


@pytest.fixture(scope="module")
def data() -> RoundArrays:
    events = as_events(random_rows(8))
    loaded = load_arrays(events, len(events), SETTINGS, 0)
    assert loaded is not None
    return loaded


@pytest.mark.parametrize("name", [name for name, _ in SPLITS])
def test_no_pair_is_on_both_sides_and_pairs_stay_in_order(data: RoundArrays, name: str) -> None:
    marked = mark(data, name, SETTINGS)
    keys = marked.pairs.users.astype(np.int64) * data.counts.items + marked.pairs.items
    assert (np.diff(keys) > 0).all()
    assert 0 < marked.held_out.sum() < len(keys)
    assert len(marked.past) == (~marked.held_out).sum()


def test_the_past_of_a_cut_holds_no_later_event(data: RoundArrays) -> None:
    cutoff = int(np.median(data.pairs.first_times))
    marked = as_known(data, Marked(data.pairs, newer_than(data.pairs, cutoff)), SETTINGS, cutoff)
    assert (marked.past.event_times <= cutoff).all()
    assert (data.pairs.event_times[data.pairs.first_times <= cutoff] > cutoff).any()  # it had something to do


def test_later_events_never_change_the_past_before_a_users_cut(data: RoundArrays) -> None:
    for name in TEMPORAL - {"global_time"}:
        marked = mark(data, name, SETTINGS)
        tested = np.unique(marked.pairs.users[marked.held_out])
        of_tested = np.isin(marked.past.users, tested)
        newest_touch = np.zeros(data.counts.users, np.int64)
        np.maximum.at(newest_touch, marked.past.users, marked.past.first_times)
        assert (marked.past.event_times <= newest_touch[marked.past.users])[of_tested].all()
