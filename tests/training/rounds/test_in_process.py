"""Unusual worlds: each gives a model with a blend, or the outcome that there is no data to learn from."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from algorithms.content.stretch import fitting_stretch
from algorithms.parallel import begin, use_processes
from contracts.events import EVENT_TYPES
from contracts.settings import TrainingSettings
from ingest.simulated.shop import ShopWorld
from training.evaluation.rival_lists import fill_up
from training.in_memory import blended_lists, signals
from training.in_memory.blended_lists import ranked_blocks
from training.in_memory.events import BYTES_AN_EVENT, Events, events_of
from training.in_memory.load import load_arrays
from training.rounds import in_process
from training.rounds.gate import Assessment, Gate
from training.rounds.in_process import ProcessData, ProcessModel

SETTINGS = TrainingSettings(train_min_events=1, als_rank=4, als_max_iter=3, explicit_max_iter=2)
NO_SPARK: Any = None  # it only writes the folder
SHOP = SETTINGS.model_copy(update={"event_weights": {"purchase": 5.0}})
HOUR_MS = 3_600_000


def ratings(users: list[int], items: list[int], values: list[float], times: list[int]) -> Events:
    rows = len(users)
    return events_of(
        pa.table(
            {
                "user_id": [f"u{user}" for user in users],
                "item_id": [f"i{item}" for item in items],
                "type": pa.array([EVENT_TYPES.index("rating")] * rows, pa.int8()),
                "value": values,
                "time": times,
                "event_id": [f"{n:08}" for n in range(rows)],
            }
        )
    )


def draw(users: int, items: int, each: int, hours_between: float = 1.0, seed: int = 1) -> Any:
    """Users, items, ratings and times of random histories."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(users), each)
    what = np.concatenate([rng.choice(items, each, replace=False) for _ in range(users)])
    times = (np.arange(users * each) * HOUR_MS * hours_between).astype(np.int64)
    return who.tolist(), what.tolist(), rng.choice([2.0, 4.0, 5.0], users * each).tolist(), times.tolist()


def one_of_each() -> Events:
    return ratings([0], [0], [5.0], [0])


def one_user() -> Events:
    return ratings([0] * 30, list(range(30)), [5.0, 2.0] * 15, list(range(30)))


def one_item() -> Events:
    return ratings(list(range(70)), [0] * 70, [5.0] * 70, list(range(70)))


def all_equal() -> Events:
    users, items, values, times = draw(70, 30, 8)
    return ratings(users, items, [5.0] * len(values), times)


def all_at_once() -> Events:
    users, items, values, times = draw(70, 30, 8)
    return ratings(users, items, values, [0] * len(times))


def one_very_busy_user() -> Events:
    users, items, values, times = draw(60, 40, 6)
    many = 1000
    users, items = [*users, *[60] * many], [*items, *range(many)]
    return ratings(users, items, [*values, *[5.0] * many], [*times, *range(many)])


def a_user_of_a_hundred_thousand_events() -> Events:
    """A bot that touches each of 500 items two hundred times, and sixty ordinary users."""
    users, items, values, times = draw(60, 40, 6)
    many = 100_000
    users, items = [*users, *[60] * many], [*items, *(np.arange(many) % 500).tolist()]
    return ratings(users, items, [*values, *[5.0] * many], [*times, *range(many)])


def a_hundredth_of_a_million_items() -> Events:
    """A catalogue of a million items, of which 10,000 have an event, most of them one."""
    rng, users, each = np.random.default_rng(3), 60, 200
    items = rng.permutation(1_000_000)[: users * each]
    common = rng.random(users * each) < 0.2
    items[common] = items[rng.integers(0, 40, common.sum())]
    pairs = np.unique(np.column_stack([np.repeat(np.arange(users), each), items]), axis=0)
    times = rng.permutation(len(pairs)) * HOUR_MS
    values = rng.choice([2.0, 4.0, 5.0], len(pairs))
    return ratings(pairs[:, 0].tolist(), pairs[:, 1].tolist(), values.tolist(), times.tolist())


def an_item_that_all_have() -> Events:
    users, items, values, times = draw(70, 30, 6)
    more = list(range(70))
    return ratings([*users, *more], [*items, *[99] * 70], [*values, *[5.0] * 70], [*times, *more])


def nobody_comes_back() -> Events:
    users = list(range(80))
    return ratings(users, [user % 7 for user in users], [5.0] * 80, users)


WORLDS = (
    one_of_each,
    one_user,
    one_item,
    all_equal,
    all_at_once,
    one_very_busy_user,
    a_user_of_a_hundred_thousand_events,
    an_item_that_all_have,
    nobody_comes_back,
)


def fit(events: Events, settings: TrainingSettings = SETTINGS) -> tuple[Assessment, ProcessModel]:
    arrays = load_arrays(events, len(events), settings, 0)
    assert arrays is not None
    data = ProcessData(NO_SPARK, arrays)
    assessment = Gate(settings).assess(data, None)
    return assessment, data.fit(settings, None, assessment.blend)


@pytest.mark.slow
def test_with_any_number_of_processes_decision_figures_factors_and_lists_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signals, "MAX_QUESTIONS", 120)
    monkeypatch.setattr(blended_lists, "_BLOCK", 20)
    monkeypatch.setattr(in_process, "_LEAST_DIVIDED", 0)
    events = ratings(*draw(70, 30, 8))
    found = []
    for cores in (1, 3):
        settings = SETTINGS.model_copy(update={"spark_master": f"local[{cores}]"})
        assessment, model = fit(events, settings)
        assert model.fitted_blend is not None
        with use_processes(cores):
            lists = list(ranked_blocks(model.data, model.fitted_blend.served, settings, hotness_of(model)))
        assert model.rated is not None
        measured = assessment.measured_items.ranking, assessment.measured_items.rating
        arrays = [*measured, *model.ranked, *model.rated, *(each for block in lists for each in block[1:])]
        told = assessment.metrics, assessment.evaluation, assessment.decision, assessment.blend
        found.append((told, model.blend, [np.asarray(each).tobytes() for each in arrays]))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("rounds_in_memory", "further", "is_divided"), [(1.5, 0, False), (2.5, 0, True), (2.5, 1, False)]
)
def test_a_round_is_divided_among_as_many_processes_as_fit_into_the_memory_unless_there_is_little_to_do(
    rounds_in_memory: float, further: int, is_divided: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = ratings(*draw(70, 30, 8))
    monkeypatch.setattr(in_process, "_LEAST_DIVIDED", len(events) + further)
    memory = int(rounds_in_memory * len(events) * BYTES_AN_EVENT)
    settings = SETTINGS.model_copy(update={"spark_master": "local[3]", "train_memory": memory})
    arrays = load_arrays(events, len(events), settings, 0)
    assert arrays is not None
    with ProcessData(NO_SPARK, arrays).hold_out(settings, None):
        assert (begin(os.getpid)() != os.getpid()) is is_divided


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: str(world.__name__))
def test_unusual_data_give_a_model_with_valid_lists(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "MAX_QUESTIONS", 120)
    check_lists(*fit(world()))


@pytest.mark.slow
def test_in_a_catalogue_of_a_million_items_only_those_with_events_take_memory() -> None:
    # Little memory: only the most seen items have rows in the item-to-item model.
    little = SETTINGS.model_copy(update={"train_memory": 2**23})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(signals, "MAX_QUESTIONS", 120)
        assessment, model = fit(a_hundredth_of_a_million_items(), little)
    assert 9_000 < model.data.counts.items < 11_000
    check_lists(assessment, model)


def hotness_of(model: ProcessModel) -> NDArray[np.float64]:
    """Users who were there at different times."""
    return np.linspace(0.0, 1.0, model.data.counts.users)


def check_lists(assessment: Assessment, model: ProcessModel) -> None:
    assert assessment.decision.publish
    assert model.blend is not None
    assert model.fitted_blend is not None
    weights = [*model.blend.record.hot.values(), *model.blend.record.cold.values()]
    assert np.isfinite(weights).all()
    data = model.data
    for start, columns, scores in ranked_blocks(data, model.fitted_blend.served, SETTINGS, hotness_of(model)):
        there = columns >= 0
        assert np.isfinite(scores[there]).all()
        for row, listed in enumerate(columns):
            known = data.pairs.items[data.pairs.users == start + row]
            found = listed[listed >= 0]
            assert not np.isin(found, known).any()
            assert len(set(found.tolist())) == len(found)
    check_scores_of_placed_items(model, SETTINGS)


def check_scores_of_placed_items(model: ProcessModel, settings: TrainingSettings) -> None:
    score = model.placed_scorer(settings)
    assert score is not None
    scores = score(model.items)  # placed exactly where they are
    assert np.isfinite(scores.placed).all()
    assert 0 < fitting_stretch(scores) <= 3


def test_a_user_who_knows_all_related_items_has_no_list_and_later_strategies_answer() -> None:
    """All users have items 0 to 4; the items that two users alone have go with no other items."""
    users, items = np.divmod(np.arange(60 * 5), 5)
    times = (np.arange(60 * 5) * HOUR_MS).tolist()
    events = ratings(
        [*users.tolist(), 60, 61], [*items.tolist(), 7, 8], [5.0] * 302, [*times, times[-1], times[-1]]
    )
    _, model = fit(events)
    assert model.fitted_blend is not None
    for start, columns, _ in ranked_blocks(
        model.data, model.fitted_blend.served, SETTINGS, hotness_of(model)
    ):
        assert start == 0
        listed = columns[:60]
        popular = np.tile(np.array([0, 1, 2], np.int32), (60, 1))
        filled = fill_up(listed, popular)
        assert (listed[:, :3] == -1).all(axis=1).any()
        assert (filled[(listed == -1).all(axis=1)][:, :3] == [0, 1, 2]).all()


def test_without_likes_there_is_not_enough_data() -> None:
    events = ratings([0, 1], [0, 1], [1.0, 1.0], [0, 1])
    assert load_arrays(events, 2, SETTINGS, 0) is None


def test_without_questions_to_choose_weights_on_the_defaults_rank_and_the_record_says_so() -> None:
    _, model = fit(nobody_comes_back())
    assert model.blend is not None
    record = model.blend.record
    assert record.hot == {"item_to_item/15": 1.0, "transitions_recent/3": 1.2, "factors": 0.3}
    assert record.hot_choice is not None
    assert "defaults" in record.hot_choice.why


def test_a_round_by_the_factors_alone_has_no_blend() -> None:
    settings = SETTINGS.model_copy(update={"ranking": "als"})
    assessment, model = fit(an_item_that_all_have(), settings)
    assert assessment.blend is None
    assert model.blend is None
    assert assessment.evaluation.figures is not None
    assert "als" not in assessment.evaluation.figures
    check_scores_of_placed_items(model, settings)


def purchases(world: ShopWorld) -> Events:
    bought = world.purchases()
    many = len(bought.users)
    return events_of(
        pa.table(
            {
                "user_id": [f"u{user:04}" for user in bought.users],
                "item_id": [f"i{item:04}" for item in bought.items],
                "type": pa.array([EVENT_TYPES.index("purchase")] * many, pa.int8()),
                "value": np.ones(many),
                "time": bought.times_ms,
                "event_id": [f"{n:08x}-0000-4000-8000-000000000000" for n in range(many)],
            }
        )
    )


@pytest.fixture(scope="module")
def shop() -> tuple[Assessment, ProcessModel]:
    # Enough users ask after one instant to offer trends in the newest part, but not in the parts before it.
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(signals, "MAX_QUESTIONS", 400)
        return fit(purchases(ShopWorld(users=270, items=150, weeks=9)), SHOP)


def test_in_a_shop_lists_with_known_items_are_chosen_and_beat_popularity_and_lists_without_them(
    shop: tuple[Assessment, ProcessModel],
) -> None:
    assessment, model = shop
    assert model.blend is not None
    record = model.blend.record
    assert record.with_known_items
    assert record.known_items_gain is not None
    assert record.known_items_gain[1] > 0.1
    for weights in (record.hot, record.cold):
        repeats = sum(weight for name, weight in weights.items() if name.startswith("repeats/"))
        assert repeats > 0.3 * sum(weights.values())
    assert assessment.evaluation.known_items
    figures = {who: found["ndcg@10"] for who, found in (assessment.evaluation.figures or {}).items()}
    assert figures["model"][0] > figures["popularity"][2]
    assert figures["model"][1] > 2 * figures["without_known_items"][2]
    assert figures["model"][1] > 2 * figures["als"][2]


def test_the_lists_of_a_shop_hold_known_items(shop: tuple[Assessment, ProcessModel]) -> None:
    _, model = shop
    assert model.fitted_blend is not None
    pairs, known = model.data.pairs, 0
    blocks = ranked_blocks(model.data, model.fitted_blend.served, SHOP, hotness_of(model))
    for start, columns, _ in blocks:
        for row, listed in enumerate(columns):
            known += np.isin(listed[:10], pairs.items[pairs.users == start + row]).sum()
    assert known > 5 * model.data.counts.users


def test_where_no_user_comes_back_lists_leave_known_items_out() -> None:
    assessment, model = fit(ratings(*draw(60, 40, 8)))
    assert model.blend is not None
    assert not model.blend.record.with_known_items
    assert model.blend.record.known_items_gain is None
    assert not any(name.startswith("repeats") for name in model.blend.record.signals)
    assert not assessment.evaluation.known_items
