"""A small world whose model ranks by a blend of every family of signals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from algorithms.blending.serialization import ServedBlend, describe_signals, read_blend
from algorithms.blending.signal_options import fit_offered
from algorithms.blending.stored_arrays import decode_arrays, encode_arrays
from algorithms.signals.factors import Factors
from algorithms.signals.history import Histories
from contracts.stored.manifest import BlendRecord, WeightChoice
from tests.algorithms.signals.worlds import random_histories
from tests.serving.world import PARAMETERS, World, factor_world

HOT = {
    "item_to_item/15": 1.0,
    "transitions/4": 0.7,
    "factors": 0.2,
    "repeats/10": 0.4,
    "trend/week": 0.1,
    "popularity": -0.05,
}
COLD = {"long_view": 1.0, "transitions/4": 0.15, "factors": 0.3, "trend/week": 0.2}


def blend_world(
    *,
    with_known_items: bool = False,
    hot: dict[str, float] | None = None,
    cold: dict[str, float] | None = None,
) -> World:
    """Items with factors and a published blend of these weights."""
    made = factor_world()
    hot, cold = HOT if hot is None else hot, COLD if cold is None else cold
    histories = random_histories(items=len(made.items), events=400)
    signals, arrays = describe_signals(
        fit_offered(histories, len(made.items), factors=_factors(made), only={*hot, *cold})
    )
    made.blend = BlendRecord(
        hot=hot,
        cold=cold,
        half_life_hours=8.0,
        with_known_items=with_known_items,
        signals=signals,
        hot_choice=WeightChoice(
            why="as the test wants it",
            ndcg=(0.12, 0.1, 0.14),
            alone={"transitions/4": 0.1, "factors": 0.05},
        ),
    )
    made.signals = encode_arrays(arrays)
    return made


def served_blend(world: World) -> ServedBlend:
    """The blend and signals that rank in that world."""
    assert world.blend is not None
    arrays = decode_arrays(world.blend, dict(world.signals), len(world.items))
    return read_blend(world.blend, arrays, _factors(world))


def history_of(places: Sequence[int], newest_ms: int, now_ms: int) -> Histories:
    """The history of a user who rated these items with 4 stars, a millisecond apart; the newest is first."""
    count = len(places)
    return Histories(
        indptr=np.array([0, count]),
        items=np.array(places, np.int32),
        grades=np.ones(count),
        strengths=np.ones(count),
        times_ms=newest_ms - np.arange(count),
        weights=np.ones(count),
        now_ms=np.array([now_ms]),
    )


def _factors(world: World) -> Factors:
    assert world.factors is not None
    return Factors(world.factors, PARAMETERS["als_reg_param"], PARAMETERS["als_alpha"])
