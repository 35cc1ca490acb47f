from __future__ import annotations

import numpy as np

from algorithms.blending.signal_options import fit_offered, regularisation
from algorithms.blending.weights import FACTORS, REPEATS
from algorithms.signals.factors import Factors
from algorithms.signals.live_transitions import LiveTransitions
from algorithms.signals.trend import LiveTrend
from tests.algorithms.signals.worlds import of_events, random_histories


def _names(**options):  # type: ignore[no-untyped-def]
    return {each.name for each in fit_offered(random_histories(), 12, **options)}


def test_the_names_of_two_families_of_signals_never_overlap() -> None:
    factors = Factors(np.ones((12, 2), np.float32), 0.1, 0.5)
    offered = fit_offered(random_histories(), 12, factors=factors)
    assert len({each.name for each in offered}) == len(offered)
    assert len({each.family for each in offered}) == 7
    for each in offered:
        assert each.signal.score(random_histories()).shape == (30, 12)


def test_the_factors_history_fades_faster_under_another_name() -> None:
    factors = Factors(np.ones((12, 2), np.float32), 0.1, 0.5)
    offered = fit_offered(random_histories(), 12, factors=factors)
    half_lives = [each.signal.half_life for each in offered if each.family == FACTORS]  # type: ignore[attr-defined]
    assert half_lives == [20.0, 5.0]


def test_repeats_are_offered_only_where_users_come_back_to_items() -> None:
    once = of_events([(0, 0, 1), (0, 1, 2), (1, 0, 1)], users=2)
    assert REPEATS not in {each.family for each in fit_offered(once, 2)}
    assert "transitions_session/0.5" not in {each.name for each in fit_offered(once, 2)}
    assert {"repeats/10", "repeats/5", "transitions_session/0.5"} <= _names()


def test_only_the_named_signals_are_fitted() -> None:
    names = {"item_to_item/10", "transitions/2", "trend/day"}
    assert _names(only=names) == names


def test_a_signal_that_is_no_longer_offered_is_fitted_for_a_blend_that_ranks_by_it() -> None:
    assert "transitions/4" not in _names()
    assert _names(only={"transitions/4", "transitions_both/2"}) == {"transitions/4", "transitions_both/2"}


def test_later_events_change_transitions_and_trends() -> None:
    everything = random_histories()
    past = everything.where(everything.times_ms < 20_000)
    fitted = fit_offered(past, 12, everything=everything)
    assert {"transitions", "trend"} <= {each.family for each in fitted}
    for each in fitted:
        assert isinstance(each.signal, LiveTransitions) == (each.family == "transitions")
        assert isinstance(each.signal, LiveTrend) == (each.family in ("trend", "popularity"))


def test_a_model_of_few_users_is_regularised_less() -> None:
    assert regularisation(random_histories()) == 300
    assert regularisation(of_events([(user, 0, 1) for user in range(3000)], 3000)) == 1000
