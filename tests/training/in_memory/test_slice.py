"""The slice in one process; test_parity.py tests that it equals that of the executors."""

from __future__ import annotations

import numpy as np
import pytest

from contracts.settings import TrainingSettings
from tests.training.in_memory.worlds import as_events, random_rows
from training.in_memory.load import load_arrays
from training.in_memory.slice import collect, item_scores, marked_rows


def test_a_sample_is_bounded_and_equal_for_equal_seeds_and_keeps_all_rows_of_a_user() -> None:
    settings = TrainingSettings(train_min_events=1, gate_min_users=5)
    events = as_events(random_rows(6))
    data = load_arrays(events, len(events), settings, 0)
    assert data is not None
    marked, _, counts = marked_rows(data, settings, None)
    few, again, other = (collect(marked, counts, 7, seed) for seed in (1, 1, 2))
    assert len(few.past.indptr) == 8
    np.testing.assert_array_equal(few.later.items, again.later.items)
    assert not np.array_equal(few.later.items, other.later.items)
    everybody = collect(marked, counts, 10**6, 1)
    assert (
        len(everybody.past.items) + len(everybody.later.items)
        == np.isin(marked.pairs.users, marked.pairs.users[marked.held_out]).sum()
    )


def test_scores_ignore_events_after_their_instant() -> None:
    events = as_events(random_rows(6))
    data = load_arrays(events, len(events), TrainingSettings(train_min_events=1), 0)
    assert data is not None
    until = int(np.median(data.pairs.event_times))
    earlier = data.pairs.where(data.pairs.event_times <= until)
    scores, same = (item_scores(pairs, data.counts.items, until) for pairs in (data.pairs, earlier))
    np.testing.assert_array_equal(scores.users, same.users)
    np.testing.assert_array_equal(scores.popularity, same.popularity)
    assert scores.users.sum() == len(earlier) < len(data.pairs)
    long = scores.recent[max(scores.recent)]
    np.testing.assert_allclose(long, scores.popularity, rtol=1e-3, atol=1e-3)
    assert scores.recent[min(scores.recent)] == pytest.approx(
        scores.popularity, rel=0.2, abs=1.0
    )  # within minutes nothing has decayed much
