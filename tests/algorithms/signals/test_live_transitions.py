from __future__ import annotations

import numpy as np
import pytest

from algorithms.signals.live_transitions import live_transitions
from algorithms.signals.transitions import fit_transitions
from tests.algorithms.signals.worlds import of_events, random_histories

ITEMS = 12


def _fitted_before(until: int):  # type: ignore[no-untyped-def]
    everything = random_histories(8)
    fitted = fit_transitions(everything.where(everything.times_ms <= until), ITEMS, k=ITEMS)
    return everything, fitted, live_transitions(fitted, until, everything)


def test_scores_after_all_events_are_close_to_those_of_a_new_fit() -> None:
    everything, _, live = _fitted_before(20_000)
    last = int(live.from_ms[-1])
    again = fit_transitions(everything.where(everything.times_ms < last), ITEMS, k=ITEMS)
    asked = everything.asked_at(np.full(len(everything), 10**9))
    assert live.score(asked) == pytest.approx(again.score(asked), rel=1e-4)


def test_a_score_at_a_moment_uses_only_events_before_it() -> None:
    everything, fitted, live = _fitted_before(20_000)
    early = everything.asked_at(np.full(len(everything), int(live.from_ms[0]) - 1))
    assert np.array_equal(live.score(early), fitted.score(early))
    for state, moment in zip(live.states[1:], live.from_ms.tolist(), strict=True):
        past = fit_transitions(everything.where(everything.times_ms < moment), ITEMS, k=ITEMS)
        assert state.row_sums == pytest.approx(past.row_sums)


def test_shares_add_up_to_the_score_of_the_moment() -> None:
    everything, _, live = _fitted_before(20_000)
    history = everything.rows(1, 2).asked_at(np.array([int(live.from_ms[3])]))
    assert live.explain(history, np.arange(ITEMS)).sum(axis=1) == pytest.approx(live.score(history)[0])
    faster = live.with_half_life(0.5)
    assert not np.allclose(faster.score(history), live.score(history))


def test_without_later_events_scores_do_not_change() -> None:
    histories = of_events([(0, 0, 1), (0, 1, 2)], users=1)
    live = live_transitions(fit_transitions(histories, 2), 2, histories)
    assert len(live.states) == 1
