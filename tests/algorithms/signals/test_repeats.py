from __future__ import annotations

import numpy as np
import pytest

from algorithms.signals.history import UNKNOWN
from algorithms.signals.repeats import Repeats
from tests.algorithms.signals.worlds import DAY, of_events, random_histories


def test_scores_follow_their_formula() -> None:
    # Three baskets, newest last; item 1 is in the first and the last, twice in the last.
    events = [(0, 1, 0), (0, 2, 1), (0, 2, 7 * DAY), (0, 1, 14 * DAY), (0, 1, 14 * DAY + 5)]
    scores = Repeats(4, half_life=2.0).score(of_events(events, users=1))[0]
    expected = [0, np.log1p(10 * (2**-1.0 + 1)), np.log1p(10 * (2**-1.0 + 2**-0.5)), 0]
    assert scores == pytest.approx(expected)


def test_shares_add_up_to_the_score() -> None:
    repeats, histories = Repeats(12, gap_ms=4000), random_histories()
    for user in range(len(histories)):
        history = histories.rows(user, user + 1)
        shares = repeats.explain(history, np.arange(12))
        assert shares.sum(axis=1) == pytest.approx(repeats.score(history)[0])


def test_a_user_s_scores_do_not_depend_on_the_other_users() -> None:
    repeats, histories = Repeats(12, gap_ms=4000), random_histories()
    whole = repeats.score(histories)
    for user in range(len(histories)):
        assert np.array_equal(repeats.score(histories.rows(user, user + 1))[0], whole[user])


def test_a_user_without_a_history_gets_no_score_from_the_sessions_of_others() -> None:
    histories = of_events([(1, 0, 0), (1, 0, DAY), (3, 0, 5 * DAY)], users=5)
    scores = Repeats(1).score(histories)[:, 0]
    assert scores == pytest.approx([0, np.log1p(10 * (1 + 2**-0.1)), 0, np.log1p(10), 0])


def test_unknown_items_score_nothing() -> None:
    assert not Repeats(3).score(of_events([(0, UNKNOWN, 1)], users=1)).any()


def test_an_item_that_the_user_now_dislikes_scores_nothing() -> None:
    histories = of_events([(0, 1, 0), (0, 1, DAY), (0, 2, DAY)], users=1, grades=[-0.3, -0.3, 1.0])
    assert Repeats(3).score(histories)[0] == pytest.approx([0, 0, np.log1p(10)])
