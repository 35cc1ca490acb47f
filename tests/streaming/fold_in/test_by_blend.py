from __future__ import annotations

import uuid
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.blending.live import Sums, live_blend, new_item_scores
from algorithms.blending.serialization import ServedBlend
from algorithms.signals.history import UNKNOWN, Histories, from_events, grade_ratings
from contracts.events import DEFAULT_WEIGHTS
from contracts.stored.hotness import HOTNESS_STEP
from contracts.stored.records import EarlierEvent, HistoryEntry, encode_earlier, encode_entry
from streaming.fold_in.by_blend import Arrivals, rank_by_blend, signal_histories
from streaming.fold_in.by_factors import RankedLists, item_places, known_places
from streaming.fold_in.histories import StrengthTable, read_histories
from streaming.fold_in.model import OnlineModel
from streaming.fold_in.new_items import NewItems
from tests.streaming.model_in_redis import a_blend

ITEMS, HOUR = 40, 3_600_000
STRENGTHS = StrengthTable.of(DEFAULT_WEIGHTS, {0.0: -0.5, 3.0: 0.0, 4.0: 1.0, 5.0: 2.0})
FACTORS = np.random.default_rng(0).normal(size=(ITEMS, 3)).astype(np.float32)
BLEND = a_blend(FACTORS).served
WITH_KNOWN = replace(BLEND, blend=replace(BLEND.blend, with_known_items=True))

# (item, rating, minute, event id) with few minutes and ids, so that there are ties; an item may come again.
RATED = st.tuples(
    st.integers(0, ITEMS + 3),
    st.sampled_from([1.0, 3.0, 4.0, 5.0]),
    st.integers(0, 20),
    st.integers(0, 2**128 - 1),
)
USERS = st.lists(
    st.lists(RATED, max_size=30, unique_by=(lambda r: (r[0], r[2]), lambda r: r[3])), min_size=1, max_size=4
)
Rated = list[tuple[int, float, int, int]]


def the_model(served: ServedBlend) -> OnlineModel:
    return OnlineModel(
        version="v1",
        index={b"i%d" % n: n for n in range(ITEMS)},
        factors=FACTORS,
        gramian=FACTORS.astype(float).T @ FACTORS,
        user_gramian=np.eye(3),
        strengths=STRENGTHS,
        alpha=0.5,
        reg_param=0.01,
        nonnegative=False,
        blend=served,
    )


def in_redis(user: Rated) -> dict[bytes, bytes]:
    """The newest rating of each item, as the state keeps it."""
    return {
        b"i%d" % item: encode_entry(HistoryEntry("rating", 60_000 * minute, str(uuid.UUID(int=id_)), rating))
        for item, rating, minute, id_ in sorted(user, key=lambda rated: rated[2])
    }


def earlier_in_redis(user: Rated) -> dict[bytes, bytes]:
    """The ratings before the last one of each item."""
    times: dict[int, list[int]] = {}
    for item, _, minute, _ in user:
        times.setdefault(item, []).append(60_000 * minute)
    return {
        b"i%d" % item: encode_earlier(EarlierEvent("rating", moment) for moment in sorted(of_item)[:-1])
        for item, of_item in times.items()
        if len(of_item) > 1
    }


def online(
    served: ServedBlend,
    users: list[Rated],
    hours: float = 0.0,
    n: int = 10,
    new: NewItems | None = None,
    newest_event_ms: int = 0,
) -> tuple[RankedLists, list[float]]:
    model, new_items = the_model(served), new or NewItems()
    earlier = [earlier_in_redis(user) for user in users]
    known_items = read_histories([in_redis(user) for user in users], STRENGTHS, earlier)
    indexes = item_places(model, new_items, known_items.items)
    known = known_places(model, new_items, known_items, indexes, [[] for _ in users])
    arrivals = Arrivals(np.full(len(users), round(hours * HOUR), np.int64), newest_event_ms)
    lists, hotness = rank_by_blend(served, model, new_items, known_items, indexes, known, arrivals, n)
    return lists, hotness.tolist()


def offline(users: list[Rated], hours: float = 0.0) -> Histories:
    """The same histories in the form of training: rows of items with the times of their events."""
    last = [{rated[0]: rated for rated in sorted(user, key=lambda rated: rated[2])} for user in users]
    events = [
        (minute, id_, owner, item, last[owner][item][1])
        for owner, user in enumerate(users)
        for item, _, minute, id_ in user
    ]
    events.sort(key=lambda event: (event[0], event[3] if event[3] < ITEMS else UNKNOWN))
    items = np.array([UNKNOWN if e[3] >= ITEMS else e[3] for e in events], np.int64)
    ratings = np.array([e[4] for e in events], np.float64)
    worth = {1.0: -0.5, 3.0: 0.0, 4.0: 1.0, 5.0: 2.0}
    histories = from_events(
        np.array([e[2] for e in events], np.int64),
        items,
        np.array([60_000 * e[0] for e in events], np.int64),
        user_count=len(users),
        grades=grade_ratings(ratings),
        strengths=np.array([worth[e[4]] for e in events], np.float64),
    )
    return histories.asked_at(histories.now_ms + round(hours * HOUR))


@given(USERS, st.sampled_from([0.0, 0.5, 8.0, 24.0, 1000.0]), st.booleans())
def test_the_online_query_and_the_blend_itself_give_the_same_list(
    users: list[Rated], hours: float, with_known_items: bool
) -> None:
    served = WITH_KNOWN if with_known_items else BLEND
    lists, hotness = online(served, users, hours)
    asked = offline(users, hours)
    indexes, scores = served.blend.rank(served.signals, asked, 10)
    assert lists.indexes.tolist() == indexes.tolist()
    assert lists.scores.tolist() == scores.tolist()
    assert hotness == served.blend.hotness(asked).tolist()


def test_the_hotness_of_a_list_counts_from_the_arrival_of_events_and_not_from_their_times() -> None:
    user: Rated = [(1, 5.0, 0, 1), (2, 4.0, 1, 2)]  # of 1970
    assert [online(BLEND, [user], hours)[1][0] for hours in (0.0, 8.0, 24.0, 1000.0)] == pytest.approx(
        [1.0, 0.5, 0.125, 0.0], abs=HOTNESS_STEP
    )
    assert online(BLEND, [[]])[1] == [0.0]


def test_a_list_is_half_as_hot_where_others_have_much_newer_events() -> None:
    user: Rated = [(1, 5.0, 0, 1), (2, 4.0, 60, 2)]  # the newest at one hour
    for others, hours, expected in ((1, 0.0, 1.0), (9, 0.0, 0.75), (1000, 0.0, 0.5), (1000, 8.0, 0.25)):
        lists, hotness = online(BLEND, [user], hours, newest_event_ms=others * HOUR)
        assert hotness == pytest.approx([expected], abs=HOTNESS_STEP)
        asked = offline([user], hours)
        indexes, scores = BLEND.blend.rank(BLEND.signals, asked, 10, hotness=np.array(hotness))
        assert lists.indexes.tolist() == indexes.tolist()
        assert lists.scores.tolist() == scores.tolist()


def test_all_known_items_are_left_out_unless_the_blend_allows_them() -> None:
    user: Rated = [(item, 5.0, item, item) for item in range(0, ITEMS, 2)]
    assert not set(online(BLEND, [user], n=ITEMS)[0].indexes[0].tolist()) & set(range(0, ITEMS, 2))
    assert set(online(WITH_KNOWN, [user], n=ITEMS)[0].indexes[0].tolist()) & set(range(0, ITEMS, 2))


def test_known_items_beyond_those_read_are_left_out() -> None:
    model, known_items = the_model(BLEND), read_histories([in_redis([(1, 5.0, 1, 1)])], STRENGTHS)
    places = item_places(model, NewItems(), known_items.items)
    all_known = [np.array([1, *range(5, ITEMS)], np.int64)]
    arrivals = Arrivals(np.zeros(1, np.int64))
    lists, _ = rank_by_blend(BLEND, model, NewItems(), known_items, places, all_known, arrivals, 10)
    assert set(lists.indexes[0].tolist()) <= {-1, 0, 2, 3, 4}


def new_items(*scales: float, placed: bool = False) -> NewItems:
    """Factors along the first user's taste, so that the first is best; ``placed``: they are by content."""
    taste = BLEND.signals["factors"].user_factors(offline([[(1, 5.0, 0, 1)]]))[0]  # type: ignore[attr-defined]
    factors = np.array([scale * taste for scale in scales], np.float32)
    index = {b"i%d" % (ITEMS + n): n for n in range(len(scales))}
    return NewItems(1, index, factors, np.full(len(scales), placed))


def shares_of_units(new: NewItems) -> dict[str, float]:
    """What each signal says of the first new item to a user, in the unit of what it says of the model's."""
    live, asked = live_blend(BLEND, Sums({}), ITEMS, new.factors, new.placed), offline([[(1, 5.0, 0, 1)]])
    scores = {name: live.signals[name].score(asked)[0] for name in ("factors", "item_to_item/15")}
    return {name: float(of[ITEMS] / of[:ITEMS].std()) for name, of in scores.items()}


def test_a_new_item_with_factors_from_its_users_is_ranked_by_them_alone() -> None:
    lists, _ = online(BLEND, [[(1, 5.0, 0, 1)]], new=new_items(1000.0, -1.0), n=ITEMS + 2)
    assert lists.indexes[0, 0] == ITEMS
    assert ITEMS + 1 not in lists.indexes[0]  # scores below an untouched item
    assert shares_of_units(new_items(1000.0))["item_to_item/15"] == 0


def test_the_factors_of_a_new_item_by_its_content_stand_in_for_what_other_signals_would_say() -> None:
    lists, _ = online(BLEND, [[(1, 5.0, 0, 1)]], new=new_items(1000.0, -1.0, placed=True), n=ITEMS + 2)
    assert lists.indexes[0, 0] == ITEMS
    assert ITEMS + 1 not in lists.indexes[0]
    shares = shares_of_units(new_items(3.0, placed=True))
    assert shares["factors"] == pytest.approx(shares["item_to_item/15"], rel=1e-5)
    assert shares["factors"] > 0


@pytest.mark.parametrize("placed", [False, True])
def test_new_items_score_the_same_in_a_catalogue_of_which_not_all_items_are_scored(placed: bool) -> None:
    new, asked = new_items(3.0, -1.0, placed=placed), offline([[(1, 5.0, 0, 1)]])
    live = live_blend(BLEND, Sums({}), ITEMS, new.factors, new.placed)
    whole = live.blend.score(live.signals, asked)[0]
    apart = new_item_scores(BLEND, asked, BLEND.blend.hotness(asked), new.factors, new.placed)[0]
    assert apart == pytest.approx(whole[ITEMS:], rel=1e-5)


def test_a_known_new_item_is_left_out_and_a_user_without_a_history_gets_an_empty_list() -> None:
    lists, _ = online(BLEND, [[(1, 5.0, 0, 1), (ITEMS, 5.0, 1, 2)], []], new=new_items(3000.0, 2000.0))
    assert lists.indexes[0, 0] == ITEMS + 1
    assert ITEMS not in lists.indexes[0]
    assert (lists.indexes[1] == -1).all()


def test_if_factors_have_no_weight_new_items_are_ranked_by_their_content() -> None:
    without = a_blend(FACTORS, hot={"transitions/4": 1.0}, cold={"long_view": 1.0}).served
    lists, _ = online(without, [[(1, 5.0, 0, 1)]], n=ITEMS + 2, new=new_items(1.0, 2.0, placed=True))
    listed = lists.indexes[0].tolist()
    assert 0 <= listed.index(ITEMS + 1) < listed.index(ITEMS)
    lists, _ = online(without, [[(1, 5.0, 0, 1)]], n=ITEMS + 2, new=new_items(1.0, 2.0))
    assert not {ITEMS, ITEMS + 1} & set(lists.indexes[0].tolist())  # from their users: no signal knows them


def test_an_unknown_item_takes_a_place_in_the_order_of_the_history() -> None:
    known_items = read_histories([in_redis([(ITEMS + 1, 5.0, 9, 1), (3, 5.0, 1, 2)])], STRENGTHS)
    indexes = item_places(the_model(BLEND), NewItems(), known_items.items)
    histories = signal_histories(known_items, indexes, np.zeros(1, np.int64))
    assert histories.items.tolist() == [UNKNOWN, 3]
