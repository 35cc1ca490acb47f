"""Which rivals are compared, on a world of sessions, with the gate's held-out data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from contracts.settings import TrainingSettings
from contracts.stored.manifest import EvaluationRecord
from tests.manifests import a_manifest
from tests.training.rounds.test_in_process import NO_SPARK, SETTINGS, draw, ratings
from training.evaluation.blended_model import BlendedModel, question_times
from training.evaluation.chosen_blend import default_blend
from training.evaluation.comparison import ServedModel
from training.evaluation.slice import Slice
from training.fit.als import ranking
from training.fit.factors import Matrix
from training.in_memory.load import load_arrays
from training.in_memory.signals import PastSignals
from training.rounds.champion import Champion
from training.rounds.contenders import contenders
from training.rounds.in_process import ProcessData


@dataclass(frozen=True)
class World:
    slice: Slice
    items: Matrix


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    events = ratings(*draw(60, 40, 8))
    arrays = load_arrays(events, len(events), SETTINGS, 0)
    assert arrays is not None
    with ProcessData(NO_SPARK, arrays).hold_out(SETTINGS, None) as (slice_, _):
        assert slice_ is not None
        yield World(slice_, slice_.learnt.fit_items(ranking(SETTINGS), None, 1))


def champion(world: World, blended: bool = True, split: str = "") -> Champion:
    evaluation = EvaluationRecord(split=split or world.slice.evaluation.split, k=10, seed=1)
    manifest = a_manifest("v1").with_parts(evaluation=evaluation)
    if blended:
        manifest = manifest.with_parts(blend=default_blend("given").record({}))
    return Champion(
        manifest=manifest,
        items=world.items,
        rating_items=None,
        measured_items=world.items[::-1],
        measured_rating_items=None,
    )


def test_the_first_blend_is_compared_with_factors_and_ease_and_each_signal_alone(
    world: World,
) -> None:
    found = contenders(world.slice, SETTINGS, lambda: world.items, None, warm=False)
    assert found.blend is not None
    assert set(found.models) == {"model", "als", "ease", *found.blend.blend.names}
    assert isinstance(found.models["model"], BlendedModel)
    assert isinstance(found.models["als"], ServedModel)


def test_a_warm_round_keeps_the_champions_weights_and_shares_its_signals(world: World) -> None:
    found = contenders(world.slice, SETTINGS, lambda: world.items, champion(world), warm=True)
    assert found.blend is not None
    assert found.blend.hot_choice.why == "given"
    model, before = found.models["model"], found.models["champion"]
    assert isinstance(model, BlendedModel)
    assert isinstance(before, BlendedModel)
    assert model.blend == before.blend
    assert model.signals["transitions_recent/3"] is before.signals["transitions_recent/3"]
    # Each has its own factors: here those of the champion's measured fit.
    past = world.slice.held_out.past
    assert model.signals["factors"] is not before.signals["factors"]
    assert not np.array_equal(model.lists(past, 10), before.lists(past, 10))


def test_a_champion_without_a_blend_ranks_by_its_factors(world: World) -> None:
    found = contenders(world.slice, SETTINGS, lambda: world.items, champion(world, blended=False), warm=False)
    assert isinstance(found.models["champion"], ServedModel)


def test_a_champion_measured_on_another_split_is_not_compared(world: World) -> None:
    other = champion(world, split="random")
    assert "champion" not in contenders(world.slice, SETTINGS, lambda: world.items, other, warm=False).models


@pytest.mark.parametrize("reason", ["RANKING=als", "on the executors"])
def test_without_signals_the_factors_rank(world: World, reason: str) -> None:
    by_factors = SETTINGS.model_copy(update={"ranking": "als"})
    settings: TrainingSettings = by_factors if reason == "RANKING=als" else SETTINGS
    slice_ = world.slice if reason == "RANKING=als" else replace(world.slice, signals=None)
    found = contenders(slice_, settings, lambda: world.items, None, warm=False)
    assert found.blend is None
    assert set(found.models) == {"model"}
    assert isinstance(found.models["model"], ServedModel)


def test_weights_are_chosen_without_held_out_events(world: World) -> None:
    signals = world.slice.signals
    assert isinstance(signals, PastSignals)
    pairs, asked = signals.past.pairs, question_times(world.slice.held_out)
    assert len(pairs) == len(world.slice.held_out.past.items)  # all users are measured
    assert (pairs.event_times < asked[pairs.users]).all()
    events = signals.past.events
    assert (events.times < asked[events.users]).all()
