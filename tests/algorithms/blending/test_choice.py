from __future__ import annotations

import numpy as np
import pytest

from algorithms.blending import choice as choice_module
from algorithms.blending.choice import Choice, Slice, choose
from algorithms.blending.questions import later_questions, next_item_questions
from algorithms.blending.signal_options import fit_offered
from algorithms.blending.weights import ITEM_TO_ITEM, LONG_VIEW, TRANSITIONS, TREND, Candidate
from algorithms.signals.history import Histories
from tests.algorithms.signals.worlds import DAY, HOUR, of_events, random_histories, sessions, shop


def _next_baskets(histories: Histories, items: int) -> Slice:
    """Questions about each user's last basket, asked with all earlier ones."""
    last = histories.times_ms >= 11 * 7 * DAY
    past, later = histories.where(~last), histories.where(last)
    past = past.asked_at(later.now_ms)
    questions = later_questions(past, later, np.ones(len(later.items), np.bool_))
    return Slice(fit_offered(past, items), questions)


def _next_clicks(histories: Histories, items: int) -> Slice:
    """Questions about the second halves of some users' sessions, with signals fitted on the other users."""
    fitted = histories.where(histories.owners < 90)
    is_target = (histories.owners >= 90) & (histories.newer < 7)
    return Slice(fit_offered(fitted, items), next_item_questions(histories, is_target))


def _families(choice: Choice, slice_: Slice) -> dict[str, set[str]]:
    family = {each.name: each.family for each in slice_.offered}
    return {
        "hot": {family[name] for name in choice.hot.weights},
        "cold": {family[name] for name in choice.cold.weights},
    }


def test_in_a_shop_where_users_buy_again_repeats_are_chosen_and_lists_may_hold_known_items() -> None:
    baskets = _next_baskets(shop(), 80)
    choice = choose([baskets])
    assert choice.blend.with_known_items
    assert choice.known_items is not None
    assert choice.known_items.low > 0.1
    assert "repeats" in _families(choice, baskets)["cold"]
    # No question falls within hours of a basket, so that horizon takes the weights of the other one.
    assert "too few" in choice.hot.why
    assert choice.blend.hot == choice.blend.cold


def test_where_the_owner_forbids_known_items_lists_hold_none_and_repeats_have_no_weight() -> None:
    baskets = _next_baskets(shop(), 80)
    choice = choose([baskets], known_items=False)
    assert not choice.blend.with_known_items
    assert "repeats" not in _families(choice, baskets)["cold"]


def test_in_click_sessions_transitions_are_chosen() -> None:
    clicks = _next_clicks(sessions(), 60)
    choice = choose([clicks])
    assert "transitions" in _families(choice, clicks)["hot"]
    strongest = max(choice.hot.alone, key=lambda name: choice.hot.alone[name])
    assert strongest.startswith("transitions")
    assert choice.hot.ndcg is not None
    assert choice.hot.ndcg.low > 0.3


def test_the_largest_of_chosen_weights_is_1_so_that_two_horizons_mix_on_one_scale() -> None:
    for slice_ in (_next_baskets(shop(), 80), _next_clicks(sessions(), 60)):
        choice = choose([slice_])
        for horizon in (choice.hot, choice.cold):
            if horizon.is_chosen:
                assert max(map(abs, horizon.weights.values())) == 1.0
        assert choice.hot.is_chosen or choice.cold.is_chosen


def test_the_same_data_gives_the_same_choice() -> None:
    baskets = _next_baskets(shop(), 80)
    assert choose([baskets]).blend == choose([baskets]).blend


def test_a_signal_of_noise_gets_no_weight() -> None:
    """A random order of items beside real transitions gets no weight."""

    class Noise:
        def score(self, histories: Histories):  # type: ignore[no-untyped-def]
            rng = np.random.default_rng(1)
            return rng.random((60,))[None, :] + np.zeros((len(histories), 1))

        def explain(self, history: Histories, targets):  # type: ignore[no-untyped-def]
            return np.zeros((len(targets), len(history.items)))

    clicks = _next_clicks(sessions(), 60)
    transitions = [each for each in clicks.offered if each.family == TRANSITIONS]
    offered = [*transitions, Candidate("noise", ITEM_TO_ITEM, Noise())]
    choice = choose([Slice(offered, clicks.questions)])
    assert "noise" not in choice.hot.weights


@pytest.mark.parametrize("few", [0, 10])
def test_too_few_questions_give_the_default_weights_and_a_reason(few: int) -> None:
    histories = random_histories()
    targets = np.zeros(len(histories.items), np.bool_)
    targets[:few] = True
    choice = choose([Slice(fit_offered(histories, 12), next_item_questions(histories, targets))])
    assert choice.blend.hot == {"item_to_item/15": 1.0, "transitions_recent/3": 1.2}
    assert choice.blend.cold == {"long_view": 1.0, "transitions_recent/3": 0.15}
    assert "too few to choose on" in choice.hot.why
    assert choice.hot.ndcg is None


def test_without_a_signal_of_the_defaults_the_first_offered_signal_ranks_alone() -> None:
    histories = random_histories()
    trends = [each for each in fit_offered(histories, 12) if each.family == "trend"]
    none = next_item_questions(histories, np.zeros(len(histories.items), np.bool_))
    assert choose([Slice(trends, none)]).blend.hot == {"trend/hour": 1.0}
    with pytest.raises(ValueError, match="at least one"):
        choose([Slice([], none)])


def test_weights_that_beat_the_defaults_only_by_chance_are_rejected() -> None:
    """Signals of noise: what a search finds on one half of the users does not hold for the other half."""

    class Noise:
        def __init__(self, seed: int) -> None:
            self.seed = seed

        def score(self, histories: Histories):  # type: ignore[no-untyped-def]
            rng = np.random.default_rng(self.seed)
            return rng.random((100_000, 60))[histories.now_ms % 100_000]

        def explain(self, history: Histories, targets):  # type: ignore[no-untyped-def]
            return np.zeros((len(targets), len(history.items)))

    histories = sessions()
    questions = next_item_questions(histories, histories.newer == 3)
    offered = [
        Candidate("default", ITEM_TO_ITEM, Noise(0)),
        *(Candidate(f"chance/{seed}", TRANSITIONS, Noise(seed)) for seed in range(1, 5)),
    ]
    choice = choose([Slice(offered, questions)], known_items=False)
    assert "nothing surely beats" in choice.hot.why
    assert choice.hot.weights == {"default": 1.0, "chance/1": 1.2}
    assert choice.hot.ndcg is not None
    assert not choice.hot.steps


@pytest.mark.parametrize("is_right", [True, False])
def test_default_hot_weights_give_way_to_those_halfway_to_cold_ones_where_these_are_surely_better(
    is_right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search finds nothing; what everybody clicks is what the long view says, or by chance."""

    class OfTheHour:
        def __init__(self, shift: int) -> None:
            self.shift = shift

        def score(self, histories: Histories):  # type: ignore[no-untyped-def]
            return 1.0 * (np.arange(12) == (histories.now_ms // HOUR + self.shift)[:, None] % 12)

        def explain(self, history: Histories, targets):  # type: ignore[no-untyped-def]
            return np.zeros((len(targets), len(history.items)))

    monkeypatch.setattr(choice_module, "best_search", lambda offered, scored, starts, known: (starts[0], []))
    events = [(user, hour, (12 * user + hour) * HOUR) for user in range(120) for hour in range(8)]
    histories = of_events(events, 120)
    offered = [
        Candidate("e", ITEM_TO_ITEM, OfTheHour(1)),
        Candidate("t", TRANSITIONS, OfTheHour(2)),
        Candidate("long", LONG_VIEW, OfTheHour(0 if is_right else 3)),
    ]
    questions = next_item_questions(histories, histories.newer == 0)
    choice = choose([Slice(offered, questions)], known_items=False)
    assert ("halfway" in choice.hot.why) is is_right
    assert ("long" in choice.blend.hot) is is_right


def test_where_only_the_moment_decides_it_also_decides_long_after_the_last_event() -> None:
    """All users click what is on top of that hour, and no question is asked a day later."""

    class OfTheHour:
        def score(self, histories: Histories):  # type: ignore[no-untyped-def]
            return 1.0 * (np.arange(12) == (histories.now_ms // HOUR)[:, None] % 12)

        def explain(self, history: Histories, targets):  # type: ignore[no-untyped-def]
            return np.zeros((len(targets), len(history.items)))

    events = [(user, hour, (12 * user + hour) * HOUR) for user in range(120) for hour in range(8)]
    histories = of_events(events, 120)
    ordinary = fit_offered(random_histories(), 12)  # what goes together says nothing
    kept = [each for each in ordinary if each.family in (ITEM_TO_ITEM, LONG_VIEW)]
    questions = next_item_questions(histories, histories.newer < 4)
    choice = choose([Slice([*kept, Candidate("trend/hour", TREND, OfTheHour())], questions)])
    assert set(choice.hot.weights) == {"trend/hour"}
    assert "too few" in choice.cold.why
    assert choice.blend.cold == choice.blend.hot


def test_several_slices_are_judged_together() -> None:
    clicks = _next_clicks(sessions(), 60)
    other = _next_clicks(sessions(1), 60)
    both = choose([clicks, Slice(other.offered, other.questions)], max_questions=200)
    assert both.hot.why == "chosen on 200 questions of 58 users"
    assert both.blend.hot


@pytest.mark.parametrize("same_time", [True, False])
def test_a_choice_from_equal_ratings_or_equal_times_or_one_user_raises_no_error(same_time: bool) -> None:
    events = [(0, item % 7, 0 if same_time else item) for item in range(40)]
    histories = of_events(events, 1)
    is_target = np.ones(len(histories.items), np.bool_)
    choice = choose([Slice(fit_offered(histories, 7), next_item_questions(histories, is_target))])
    assert choice.blend.hot
    choice.blend.rank({each.name: each.signal for each in fit_offered(histories, 7)}, histories, 3)
