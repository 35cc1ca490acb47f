"""NDCG of the blend's lists, of each of its signals and of simple rivals, on built-in worlds.

A round's steps on arrays: the newest fifth is held out, the blend is chosen and fitted on the rest. There are
two kinds of questions: what each user liked later, predicted at once (per user), and each later liked event,
predicted from all before it (next item). All signals stand as they were fitted. Short lists are filled up by
popularity, as answers are. All lists hold known items where the blend's do. Intervals draw users.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from algorithms.blending.blend import Blend
from algorithms.blending.questions import Questions
from algorithms.blending.weights import Candidate
from algorithms.metrics import ndcg_at_k
from benchmarks.context import BenchContext, Ratio
from benchmarks.studies.blended_ranking import by_user, fill, interval, item_knn, popular_lists, rank
from contracts.events import EVENT_TYPES
from contracts.settings import TrainingSettings
from ingest.simulated.shop import ShopWorld
from ingest.simulated.source import SyntheticWorld, WorldSize
from training.fit.als import ranking
from training.in_memory import als
from training.in_memory.events import events_of
from training.in_memory.load import RoundArrays, load_arrays
from training.in_memory.signals import PastSignals, as_signal, ask_at_once, ask_next_items, event_histories
from training.in_memory.slice import marked_rows
from training.in_memory.split import past_of

K = 10
_NEXT_ITEMS = 2500
_RIVALS = {
    "popularity": "popularity",
    "recent popularity": "trend/week",
    "EASE": "item_to_item/0",
    "ALS": "factors",
}


class World(NamedTuple):
    """A log's data, as a training round loads it."""

    name: str
    data: RoundArrays
    settings: TrainingSettings


def run(context: BenchContext) -> list[Ratio]:
    """NDCG@10 of the blend beside each rival, per world and question."""
    return [row for world in _worlds(context.scale) for row in _compare(world)]


def _worlds(scale: float) -> Iterator[World]:
    size = WorldSize(users=max(100, int(1000 * scale)), items=1500, ratings=int(80_000 * max(0.1, scale)))
    users, items, ratings, times = SyntheticWorld(size).history()
    yield _load("films", "rating", (users, items, times), ratings, TrainingSettings())
    bought = ShopWorld(users=max(100, int(600 * scale)), items=500, weeks=16).purchases()
    settings = TrainingSettings(event_weights={"purchase": 5.0})
    columns = bought.users, bought.items, bought.times_ms
    yield _load("shop", "purchase", columns, np.ones(len(bought.users)), settings)


def _load(
    name: str,
    event_type: str,
    columns: tuple[np.ndarray, np.ndarray, np.ndarray],
    values: np.ndarray,
    settings: TrainingSettings,
) -> World:
    users, items, times = columns
    table = pa.table(
        {
            "user_id": [f"u{user}" for user in users],
            "item_id": [f"i{item}" for item in items],
            "type": pa.array([EVENT_TYPES.index(event_type)] * len(users), pa.int8()),
            "value": values,
            "time": times,
            "event_id": [f"{place:08}" for place in range(len(users))],
        }
    )
    data = load_arrays(events_of(table), table.num_rows, settings, 0)
    assert data is not None
    return World(name, data, settings)


def _compare(world: World) -> Iterator[Ratio]:
    data, settings = world.data, world.settings
    newest, _, _ = marked_rows(data, settings, None)
    past, problem = past_of(data, newest), ranking(settings)
    signals = PastSignals(past, settings, settings.train_memory)
    blend = signals.choose(problem, settings.seed).blend
    sides = als.sides_of(past.pairs, problem, data.counts.users, data.counts.items)
    factors = as_signal(als.full_items(sides, problem, settings.seed), problem)
    offered = signals.fit(factors, {*blend.names, *_RIVALS.values()})
    asked = {
        "per user": ask_at_once(data, newest, settings, past),
        "next item": ask_next_items(data, newest, settings, _NEXT_ITEMS),
    }
    learnt = event_histories(past, settings)
    for kind, whole in asked.items():
        questions = whole.sample(len(whole))  # those with a history
        lists = _lists(blend, offered, questions)
        knn = item_knn(questions.histories, learnt, data.counts.items, blend.with_known_items)
        lists["item-kNN"] = fill(knn, popular_lists(offered, questions, K))
        yield from _rows(f"NDCG@{K}, {world.name}, {kind}", questions, lists)


def _lists(blend: Blend, offered: list[Candidate], questions: Questions) -> dict[str, np.ndarray]:
    popular = popular_lists(offered, questions, K)
    rivals = {**{name: name for name in blend.names if name not in _RIVALS.values()}, **_RIVALS}
    alone = {shown: Blend({name: 1.0}, {name: 1.0}, blend.with_known_items) for shown, name in rivals.items()}
    found = {
        shown: rank(each, offered, questions, K) for shown, each in {"the blend": blend, **alone}.items()
    }
    return {shown: fill(lists, popular) for shown, lists in found.items()}


def _rows(title: str, questions: Questions, lists: Mapping[str, np.ndarray]) -> Iterator[Ratio]:
    gains = {
        name: by_user(questions, ndcg_at_k(found, questions.positives, K)) for name, found in lists.items()
    }
    ours = gains.pop("the blend")
    for name, theirs in gains.items():
        blend, rival = interval(ours).mean, interval(theirs).mean
        mean, low, high = interval(np.column_stack([ours[:, 0] - theirs[:, 0], ours[:, 1]]))
        note = f"{name}; difference {mean:+.4f} [{low:+.4f}, {high:+.4f}] on {len(questions)} questions"
        ratio = blend / rival if rival else float("inf")
        yield Ratio(title, blend, rival, ratio, "NDCG", None, note)
