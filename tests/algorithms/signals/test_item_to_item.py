from __future__ import annotations

import numpy as np
import pytest

from algorithms.signals import item_to_item as module
from algorithms.signals.item_to_item import LONG_VIEW, ItemToItemSettings, fit_item_to_item
from tests.algorithms.signals.worlds import of_events, random_histories

ITEMS = 12


def _ease(histories, regularisation: float) -> np.ndarray:  # type: ignore[no-untyped-def, type-arg]
    seen = np.zeros((len(histories), ITEMS))
    seen[histories.owners, histories.items] = 1
    inverse = np.linalg.inv(seen.T @ seen + regularisation * np.eye(ITEMS))
    matrix = -inverse / np.diag(inverse)
    np.fill_diagonal(matrix, 0)
    return matrix


@pytest.mark.parametrize("users", [6, 40])
def test_both_ways_to_fit_give_ease(users: int) -> None:
    histories = random_histories(users=users, events=5 * users)
    fitted = fit_item_to_item(histories, ITEMS, ItemToItemSettings(2.0, half_life=3.0), k=ITEMS)
    assert not histories.is_newest_of_item.all()
    newest = histories.where(histories.is_newest_of_item)  # each item counts once
    row = slice(newest.indptr[3], newest.indptr[4])
    weights = newest.grades[row] * 2.0 ** (-newest.newer[row] / 3)
    expected = (weights[:, None] * _ease(histories, 2.0)[newest.items[row]]).sum(axis=0)
    assert fitted.score(histories)[3] == pytest.approx(expected, abs=1e-5)


def test_the_cold_scores_use_positive_interactions_only_and_do_not_fade() -> None:
    histories = random_histories()
    fitted = fit_item_to_item(histories, ITEMS, LONG_VIEW, k=ITEMS)
    liked = histories.where(histories.grades >= 1)
    seen = np.zeros(ITEMS)
    seen[liked.items[liked.indptr[3] : liked.indptr[4]]] = 1
    assert fitted.score(histories)[3] == pytest.approx(seen @ _ease(liked, 1000.0), abs=1e-6)


def test_shares_add_up_to_the_score() -> None:
    histories = random_histories()
    for settings in (ItemToItemSettings(5.0), LONG_VIEW):
        fitted = fit_item_to_item(histories, ITEMS, settings)
        history = histories.rows(5, 6)
        shares = fitted.explain(history, np.arange(ITEMS))
        assert shares.sum(axis=1) == pytest.approx(fitted.score(history)[0])


def test_where_items_are_too_many_only_the_most_seen_ones_have_rows() -> None:
    events = [(user, item, 1) for user in range(8) for item in range(6) if user <= 7 - item]
    fitted = fit_item_to_item(of_events(events, 8), 6, ItemToItemSettings(1.0), max_items=3)
    assert np.flatnonzero(np.diff(fitted.rows.indptr)).tolist() == [0, 1, 2]
    assert fitted.rows.columns.max() == 2


def test_items_without_events_cost_nothing_in_a_large_catalogue() -> None:
    rng = np.random.default_rng(0)
    items = np.sort(rng.choice(1_000_000, 200, replace=False))
    events = [(user, int(item), 1) for user in range(50) for item in rng.choice(items, 10)]
    fitted = fit_item_to_item(of_events(events, 50), 1_000_000, k=20)
    assert set(fitted.rows.columns.tolist()) <= set(items.tolist())
    assert len(fitted.rows.columns) <= 20 * 200


def test_an_item_that_every_user_has_favours_no_other_item() -> None:
    events = [(user, 0, 1) for user in range(60)] + [(user, 1 + user % 5, 2) for user in range(60)]
    fitted = fit_item_to_item(of_events(events, 60), 6, ItemToItemSettings(1.0))
    assert np.isfinite(fitted.rows.values).all()
    # Every user has this item, so it favours no other item.
    from_common = fitted.score(of_events([(0, 0, 1)], 1))[0, 1:]
    assert np.ptp(from_common) < 1e-4


def test_a_single_user_or_a_single_item_or_no_user_gives_rows_without_entries() -> None:
    one = of_events([(0, 0, 1)], users=1)
    assert not fit_item_to_item(one, 1).score(one).any()
    nobody = of_events([], users=1)
    assert not fit_item_to_item(nobody, 3).score(nobody).any()


def test_the_size_of_blocks_of_rows_does_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    for users in (6, 40):
        histories = random_histories(users=users)
        whole = fit_item_to_item(histories, ITEMS, k=5).score(histories)
        monkeypatch.setattr(module, "_BLOCK_NUMBERS", 3 * ITEMS)
        assert fit_item_to_item(histories, ITEMS, k=5).score(histories) == pytest.approx(whole, abs=1e-7)
        monkeypatch.undo()
