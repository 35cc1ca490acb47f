from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from algorithms.signals.history import UNKNOWN
from algorithms.signals.pair_counts import Window, count_pairs, merge
from algorithms.signals.transitions import TransitionSettings, fit_transitions
from tests.algorithms.signals.worlds import of_events, random_histories

ITEMS = 12


def test_an_item_is_scored_by_its_share_of_what_followed() -> None:
    histories = of_events([(0, 0, 1), (0, 1, 2), (1, 0, 1), (1, 1, 2), (2, 0, 1), (2, 2, 2)], users=3)
    fitted = fit_transitions(histories, 3, TransitionSettings(Window(1, 1.0)))
    asked = of_events([(0, 0, 5)], users=1)
    assert fitted.score(asked)[0] == pytest.approx([0, 2 / 8, 1 / 8])


def test_scores_follow_their_formula() -> None:
    histories = random_histories()
    settings = TransitionSettings(Window(4, 2.0), 0.8, 0.2, half_life=3.0)
    fitted = fit_transitions(histories, ITEMS, settings, k=ITEMS)
    pairs = count_pairs(histories, settings.window, ITEMS)
    matrix = np.zeros((ITEMS, ITEMS))
    matrix[pairs.sources, pairs.followers] = pairs.counts
    scaled = matrix / (matrix.sum(axis=1)[:, None] + 5) ** 0.8 / (matrix.sum(axis=0) + 5) ** 0.2
    row = slice(histories.indptr[4], histories.indptr[5])
    weights = 2.0 ** (-histories.newer[row] / 3)
    expected = (weights[:, None] * scaled[histories.items[row]]).sum(axis=0)
    assert fitted.score(histories)[4] == pytest.approx(expected, rel=1e-5)


def test_a_power_flattens_entries_and_a_disliked_item_has_less_influence() -> None:
    histories = random_histories()
    plain = TransitionSettings(Window(4, 2.0), half_life=3.0)
    flat = replace(plain, power=0.6, unliked=0.5)
    by_item = of_events([(0, item, 1) for item in range(ITEMS)], users=1)
    rows = [fit_transitions(histories, ITEMS, each, k=ITEMS).rows for each in (plain, flat)]
    assert rows[1].values == pytest.approx(rows[0].values ** np.float32(0.6), rel=1e-5)
    liked = fit_transitions(histories, ITEMS, flat, k=ITEMS).score(by_item)
    unliked = replace(by_item, grades=np.full(ITEMS, 0.3))
    assert fit_transitions(histories, ITEMS, flat, k=ITEMS).score(unliked) == pytest.approx(0.5 * liked)


def test_shares_of_a_history_add_up_to_the_score() -> None:
    histories = random_histories()
    fitted = fit_transitions(histories, ITEMS)
    history, targets = histories.rows(2, 3), np.arange(ITEMS)
    shares = fitted.explain(history, targets)
    assert shares.shape == (ITEMS, len(history.items))
    assert shares.sum(axis=1) == pytest.approx(fitted.score(history)[0])


def test_events_of_one_moment_have_no_order() -> None:
    """Events of one moment give the same scores in any order."""
    rng = np.random.default_rng(0)
    events = [(user, item, 7) for user in range(20) for item in rng.choice(8, 3, replace=False).tolist()]
    settings = TransitionSettings(Window(20, 1e9))  # distances among events of one moment mean nothing
    ordered = fit_transitions(of_events(events, 20), 8, settings)
    shuffled = [events[place] for place in rng.permutation(len(events))]
    mixed = fit_transitions(of_events(shuffled, 20), 8, settings)
    asked = of_events([(0, 3, 9)], 1)
    assert ordered.score(asked) == pytest.approx(mixed.score(asked))


def test_only_the_newest_entries_count_and_unknown_items_do_not() -> None:
    fitted = fit_transitions(random_histories(), ITEMS)
    old = of_events([(0, 3, 1)] + [(0, UNKNOWN, 2 + n) for n in range(20)], users=1)
    assert not fitted.score(old).any()


@pytest.mark.parametrize("power", [1.0, 0.6])
def test_counts_changed_by_events_equal_those_of_a_new_fit(power: float) -> None:
    histories = random_histories(5)
    settings = TransitionSettings(Window(5, 2.0, backward=0.5, keeps_diagonal=True), power=power)
    is_new = histories.times_ms >= 30_000
    fitted = fit_transitions(histories.where(~is_new), ITEMS, settings, k=ITEMS)
    moved = fitted.with_changes(count_pairs(histories, settings.window, ITEMS, is_new))
    again = fit_transitions(histories, ITEMS, settings, k=ITEMS)
    assert moved.score(histories) == pytest.approx(again.score(histories), rel=1e-4)
    assert moved.row_sums == pytest.approx(again.row_sums)
    assert moved.column_sums == pytest.approx(again.column_sums)


def test_changes_that_are_taken_back_leave_no_trace() -> None:
    histories = random_histories(6)
    fitted = fit_transitions(histories, ITEMS, k=ITEMS)
    added = count_pairs(random_histories(7), fitted.settings.window, ITEMS)
    back = fitted.with_changes(added).with_changes(added._replace(counts=-added.counts))
    assert back.score(histories) == pytest.approx(fitted.score(histories), rel=1e-4)
    assert not len(merge([added, added._replace(counts=-added.counts)], ITEMS).counts)


def test_a_user_of_a_hundred_thousand_events_is_counted_in_linear_time() -> None:
    rng = np.random.default_rng(0)
    items = rng.integers(0, 1000, 100_000)
    histories = of_events([(0, int(item), n) for n, item in enumerate(items)], users=1)
    started = time.perf_counter()
    fitted = fit_transitions(histories, 1000)
    assert time.perf_counter() - started < 20
    assert (np.diff(fitted.rows.indptr) <= 100).all()
    assert np.isfinite(fitted.score(histories)).all()


def test_one_user_with_one_item_gives_no_transitions_and_no_scores() -> None:
    histories = of_events([(0, 0, 1)], users=1)
    assert not fit_transitions(histories, 1).score(histories).any()
