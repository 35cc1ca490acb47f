from __future__ import annotations

import numpy as np
import pyarrow as pa

from contracts.settings import TrainingSettings
from tests.training.data.test_dataset import interaction
from tests.training.in_memory.worlds import as_events, random_rows
from training.in_memory.load import RoundArrays, load_arrays

SETTINGS = TrainingSettings(train_min_events=1)


def _load(rows: list, known: list[str] | None = None) -> RoundArrays | None:  # type: ignore[type-arg]
    events = as_events(rows)
    ids = None if known is None else pa.array(known)
    return load_arrays(events, len(events), SETTINGS, 3, ids)


def test_only_users_and_items_with_an_event_that_counts_get_an_index() -> None:
    data = _load(
        [
            interaction(1, "a", "x", 5.0),
            interaction(2, "b", "y", 5.0),
            interaction(3, "b", "y", 1.0, "retract", second=9),
        ]
    )
    assert data is not None
    assert (data.user_ids.to_pylist(), data.item_ids.to_pylist()) == (["a"], ["x"])
    assert (data.counts.users, data.counts.items, data.counts.pairs, data.counts.interactions) == (1, 1, 1, 3)
    assert len(data.events) == 1


def test_known_items_keep_their_indexes_and_new_ones_come_behind() -> None:
    rows = random_rows(4, items=9)
    fresh = _load(rows)
    assert fresh is not None
    ids = fresh.item_ids.to_pylist()
    known = [ids[5], ids[0], ids[3]]
    data = _load(rows, known)
    assert data is not None
    assert data.item_ids.to_pylist() == known + [each for each in ids if each not in known]
    moved = data.item_ids.take(pa.array(data.pairs.items)).to_pylist()
    users = data.pairs.users.tolist()
    as_before = fresh.item_ids.take(pa.array(fresh.pairs.items)).to_pylist()
    assert sorted(zip(users, moved, strict=True)) == sorted(
        zip(fresh.pairs.users.tolist(), as_before, strict=True)
    )
    np.testing.assert_array_equal(
        np.lexsort((data.pairs.items, data.pairs.users)), np.arange(len(data.pairs))
    )
    gone = _load(rows, ["gone", *known])
    assert gone is not None
    assert gone.item_ids.to_pylist() == ids


def test_too_few_events_or_no_likes_are_not_enough_to_train_on() -> None:
    assert _load([interaction(1, "a", "x", 1.0)]) is None
    events = as_events(random_rows(1))
    assert load_arrays(events, len(events), TrainingSettings(train_min_events=10**6), 0) is None
