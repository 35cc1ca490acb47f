from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from algorithms.blending.choice import Choice, Slice, choose
from algorithms.signals.history import grade_entries
from contracts.events import EVENT_TYPES
from contracts.settings import TrainingSettings
from contracts.stored.manifest import Counts
from contracts.stored.memory import World
from contracts.strengths import effective
from tests.training.in_memory.worlds import as_events, last_writers, random_rows
from training.fit.als import ranking
from training.in_memory import signals
from training.in_memory.events import Events
from training.in_memory.load import RoundArrays
from training.in_memory.pairs import Pairs, pairs_of
from training.in_memory.signals import PastSignals, as_signal, most_items, pair_histories
from training.in_memory.split import past_of

SETTINGS = TrainingSettings(als_rank=4, als_max_iter=3)
HOUR_MS = 3_600_000


def test_every_grade_is_what_the_contract_gives_the_counting_events() -> None:
    rows = random_rows(4, users=15, items=12, seconds=5)
    events = as_events(rows)
    pairs = pairs_of(events, SETTINGS, 4.0)
    last = last_writers(rows)
    users, items = events.user_ids.to_pylist(), events.item_ids.to_pylist()
    grades = {
        (users[user], items[item]): grade
        for user, item, grade in zip(pairs.users, pairs.items, pairs.grades, strict=True)
    }
    for key, entries in last.items():
        counting = effective(entries.values())
        expected = grade_entries((entry.event_type, entry.value) for entry in counting)
        assert grades[key] == np.float32(expected)


def test_a_history_has_one_entry_for_each_pair_and_the_newest_first() -> None:
    pairs = sessions(users=3)
    histories = pair_histories(pairs, 4)
    assert len(histories.items) == len(pairs)
    for user in range(3):
        times = histories.times_ms[histories.indptr[user] : histories.indptr[user + 1]]
        assert (np.diff(times) <= 0).all()
        assert histories.now_ms[user] == times[0]
    assert histories.indptr[3] == histories.indptr[4]


def sessions(users: int, items: int = 40, length: int = 12, seed: int = 2) -> Pairs:
    """Users go from an item to the next one in a circle, one step a minute, with a jump now and then."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        item, seen = int(rng.integers(items)), set[int]()
        for step in range(length):
            item = (item + 1) % items if rng.random() < 0.9 else int(rng.integers(items))
            if item not in seen:
                seen.add(item)
                rows.append((user, item, user * 24 * HOUR_MS + step * 60_000))
    columns = np.array(rows)
    order = np.lexsort((columns[:, 1], columns[:, 0]))
    columns, many = columns[order], len(order)
    ones, times = np.ones(many, np.float32), columns[:, 2].astype(np.int64)
    return Pairs(
        users=columns[:, 0].astype(np.int32),
        items=columns[:, 1].astype(np.int32),
        strengths=ones,
        ratings=np.full(many, np.nan, np.float32),
        positive=np.ones(many, np.bool_),
        event_times=times,
        first_times=times,
        grades=ones,
    )


def past(pairs: Pairs) -> PastSignals:
    users, items = int(pairs.users.max()) + 1, int(pairs.items.max()) + 1
    counts = Counts(users=users, items=items, interactions=len(pairs))
    events = Events(
        user_ids=pa.array([f"u{n:04}" for n in range(users)]),
        item_ids=pa.array([f"i{n:04}" for n in range(items)]),
        users=pairs.users,
        items=pairs.items,
        types=np.full(len(pairs), EVENT_TYPES.index("like"), np.int8),
        values=np.ones(len(pairs)),
        times=pairs.event_times,
        event_ids=pa.array([f"{n:08x}-0000-4000-8000-000000000000" for n in range(len(pairs))]),
    )
    size = World(users=users, items=items, interactions=len(pairs))
    arrays = RoundArrays(pairs, events, events.user_ids, events.item_ids, counts, 0, size)
    return PastSignals(arrays, SETTINGS, 2**30)


def test_where_the_order_of_events_decides_transitions_get_a_hot_weight() -> None:
    chosen = past(sessions(users=120)).choose(ranking(SETTINGS), seed=1)
    assert max(chosen.blend.hot, key=lambda name: chosen.blend.hot[name]).startswith("transitions")
    assert "chosen on" in chosen.hot_choice.why
    # All questions are asked within a session, so no data shows what ranks well a day later.
    assert "defaults" in chosen.cold_choice.why


def test_no_user_is_ranked_by_a_trend_of_a_later_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signals, "MAX_QUESTIONS", 100)
    chosen = past(sessions(users=120)).choose(ranking(SETTINGS), seed=1)
    assert not any(name.startswith("trend") for name in chosen.hot_choice.alone)
    # All users come back after one point in time, so a trend as of that time is known.
    many = sessions(users=240)
    place = np.arange(len(many)) - np.searchsorted(many.users, many.users)
    late = np.where(place >= 9, 1000 * HOUR_MS, 0) + many.event_times % (24 * HOUR_MS)
    together = replace(many, event_times=late, first_times=late)
    chosen = past(together).choose(ranking(SETTINGS), seed=1)
    assert any(name.startswith("trend") for name in chosen.cold_choice.alone)


def test_histories_are_made_once_for_the_same_data_and_anew_for_other_data() -> None:
    data = past(sessions(users=9)).past
    made = signals.event_histories(data, SETTINGS)
    assert signals.event_histories(data, SETTINGS) is made
    fewer = replace(data, pairs=data.pairs.where(data.pairs.users < 5))
    assert len(signals.event_histories(fewer, SETTINGS).items) < len(made.items)


def test_with_few_users_several_periods_and_next_items_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    given = list[Sequence[Slice]]()

    def keep(slices: Sequence[Slice], **options: Any) -> Choice:
        given.append(slices)
        return choose(slices, **options)

    monkeypatch.setattr(signals, "choose", keep)
    pairs = sessions(users=60, length=20)
    chosen = past(pairs).choose(ranking(SETTINGS), seed=1)
    slices = given[0]
    assert len(slices) == 3
    for slice_ in slices:
        counts = slice_.questions.positives.counts
        assert (counts > 1).any(), "the rest of the session"
        assert len(counts) > 60, "and next items"
        asked = slice_.questions.histories
        first = np.flatnonzero(np.diff(asked.indptr) > 0)
        assert (asked.times_ms[asked.indptr[first]] <= asked.now_ms[first]).all()
    # Each is the newest part of the events that the one before left.
    newest = [int(slice_.questions.histories.times_ms.max()) for slice_ in slices]
    assert newest == sorted(newest, reverse=True)
    assert chosen.blend.hot


def test_where_users_are_visits_new_visitors_are_asked_for_the_next_item_and_trends_are_offered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = list[Sequence[Slice]]()

    def keep(slices: Sequence[Slice], **options: Any) -> Choice:
        given.append(slices)
        return choose(slices, **options)

    monkeypatch.setattr(signals, "choose", keep)
    monkeypatch.setattr(signals, "MAX_QUESTIONS", 300)
    visited = sessions(users=1300, length=4)
    chosen = past(visited).choose(ranking(SETTINGS), seed=1)
    (slice_,) = given[0]
    asked = slice_.questions
    assert (asked.positives.counts == 1).all(), "about the next item alone"
    began = np.full(1300, np.iinfo(np.int64).max)
    np.minimum.at(began, visited.users, visited.first_times)
    assert asked.users.min() > 1000, "visitors of the newest part, of whom no fit knows anything"
    assert (asked.histories.now_ms > began[asked.users]).all(), "after their first item"
    assert any(name.startswith("trend") for name in chosen.hot_choice.alone)
    assert max(chosen.blend.hot, key=lambda name: chosen.blend.hot[name]).startswith("transitions")


@pytest.mark.parametrize(
    ("users", "length", "is_one_instant"),
    [
        pytest.param(1300, 4, True, id="many visits of four items"),
        pytest.param(700, 4, True, id="more than 100 of them are asked, and nobody comes back"),
        pytest.param(350, 4, False, id="fewer than 100 of them are asked"),
        pytest.param(1300, 16, False, id="long histories are of people, who are asked at their own times"),
    ],
)
def test_users_are_visits_where_they_have_few_items_and_many_begin_after_one_instant(
    users: int, length: int, is_one_instant: bool
) -> None:
    _, found = signals._newest(past(sessions(users=users, length=length)).past, SETTINGS)
    assert found is is_one_instant


def test_only_the_named_signals_are_fitted_and_given_factors_are_used() -> None:
    pairs = sessions(users=20)
    factors = as_signal(np.ones((40, 4), np.float32), ranking(SETTINGS))
    found = past(pairs).fit(factors, ["factors", "transitions/4"])
    assert {each.name for each in found} == {"factors", "transitions/4"}
    assert next(each.signal for each in found if each.name == "factors") is factors


@pytest.mark.parametrize(("memory", "items"), [(0, 1), (12 * 100**2, 100), (2**40, 20_000)])
def test_the_memory_limit_bounds_the_size_of_an_item_to_item_model(memory: int, items: int) -> None:
    assert most_items(memory) == items
    assert most_items(-1) == 1


def visits(users: int, returning: int) -> Pairs:
    """All users like eight items at one instant, and the first of them two further items an hour later."""
    early = np.repeat(np.arange(users), 8)
    late = np.repeat(np.arange(returning), 2)
    owners = np.concatenate([early, late])
    items = np.concatenate([np.tile(np.arange(8), users), np.tile([8, 9], returning)])
    times = np.concatenate([np.zeros(len(early), np.int64), np.full(len(late), HOUR_MS)])
    order, many = np.lexsort((items, owners)), len(owners)
    ones = np.ones(many, np.float32)
    return Pairs(
        users=owners[order].astype(np.int32),
        items=items[order].astype(np.int32),
        strengths=ones,
        ratings=np.full(many, np.nan, np.float32),
        positive=np.ones(many, np.bool_),
        event_times=times[order],
        first_times=times[order],
        grades=ones,
    )


@pytest.mark.parametrize(
    ("users", "returning", "is_one_instant"),
    [
        pytest.param(300, 200, True, id="200 users are enough of any number"),
        pytest.param(90, 50, True, id="in a small world 50 are, where they are the larger part"),
        pytest.param(100, 50, False, id="half of the users are not the larger part"),
        pytest.param(49, 49, False, id="fewer than 50 are chance, even where they are all"),
        pytest.param(450, 199, False, id="fewer than 200 of many users are not enough"),
    ],
)
def test_weights_are_chosen_on_the_time_after_one_instant_if_enough_users_have_events_there(
    users: int, returning: int, is_one_instant: bool
) -> None:
    newest, found = signals._newest(past(visits(users, returning)).past, SETTINGS)
    assert found is is_one_instant
    if is_one_instant:
        held_out = newest.pairs.where(newest.held_out)
        assert set(held_out.items.tolist()) == {8, 9}
        assert len(np.unique(held_out.users)) == returning


def baskets(users: int, many: int = 6) -> Pairs:
    """All users buy three items at one time, again after each hour, and nothing twice."""
    rng = np.random.default_rng(3)
    items = np.concatenate([rng.permutation(60)[: 3 * many] for _ in range(users)])
    owners = np.repeat(np.arange(users), 3 * many)
    times = np.tile(np.repeat(np.arange(many) * HOUR_MS, 3), users) + owners * 1000
    order, ones = np.lexsort((items, owners)), np.ones(len(owners), np.float32)
    return Pairs(
        users=owners[order].astype(np.int32),
        items=items[order].astype(np.int32),
        strengths=ones,
        ratings=np.full(len(ones), np.nan, np.float32),
        positive=np.ones(len(ones), np.bool_),
        event_times=times[order],
        first_times=times[order],
        grades=ones,
    )


def test_after_one_instant_no_item_of_a_basket_is_known_when_another_one_of_it_is_asked_for() -> None:
    bought = past(baskets(users=250))
    newest, found = signals._newest(bought.past, SETTINGS)
    assert found
    questions = bought._ask(bought.past, newest, found, past_of(bought.past, newest))
    questions = questions.select(np.flatnonzero(np.diff(questions.histories.indptr) > 0))
    asked = questions.histories
    assert len(asked) > 250
    assert (asked.times_ms[asked.indptr[:-1]] < asked.now_ms).all()
    # All of a basket is asked for, by one question at once or by one for each item.
    assert (questions.positives.counts == 1).any()
    assert (questions.positives.counts[questions.positives.counts > 1] % 3 == 0).all()
