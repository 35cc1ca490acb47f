"""The blend of a round (chosen, kept, or the default), with what the manifest says of the choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from algorithms.blending.blend import Blend
from algorithms.blending.choice import Choice, Horizon
from algorithms.blending.serialization import blend_of
from algorithms.blending.signal_options import DEFAULT_BLEND
from algorithms.bootstrap import Figure
from contracts.stored.manifest import BlendRecord, FigureTriple, SignalRecord, WeightChoice, WeightStep

_DIGITS = 5


@dataclass(frozen=True)
class ChosenBlend:
    """Weights by the signals' names, and how they came about."""

    blend: Blend
    hot_choice: WeightChoice
    cold_choice: WeightChoice
    known_items_gain: FigureTriple | None = None

    def record(self, signals: Mapping[str, SignalRecord]) -> BlendRecord:
        """What the manifest holds, with how each signal is stored."""
        return BlendRecord(
            hot={name: float(weight) for name, weight in self.blend.hot.items()},
            cold={name: float(weight) for name, weight in self.blend.cold.items()},
            half_life_hours=self.blend.half_life_hours,
            with_known_items=self.blend.with_known_items,
            signals=dict(signals),
            hot_choice=self.hot_choice,
            cold_choice=self.cold_choice,
            known_items_gain=self.known_items_gain,
        )


def of_choice(choice: Choice) -> ChosenBlend:
    """What was chosen on a part of the past."""
    gain = choice.known_items
    return ChosenBlend(
        blend=choice.blend,
        hot_choice=_describe(choice.hot),
        cold_choice=_describe(choice.cold),
        known_items_gain=None if gain is None or np.isnan(gain.mean) else _triple(gain),
    )


def of_record(record: BlendRecord) -> ChosenBlend:
    """What a version was published with."""
    unknown = WeightChoice(why="the version does not say")
    return ChosenBlend(
        blend=blend_of(record),
        hot_choice=record.hot_choice or unknown,
        cold_choice=record.cold_choice or unknown,
        known_items_gain=record.known_items_gain,
    )


def default_blend(why: str) -> ChosenBlend:
    """The default weights, where there is nothing to choose on."""
    choice = WeightChoice(why=why)
    return ChosenBlend(DEFAULT_BLEND, choice, choice)


def _describe(horizon: Horizon) -> WeightChoice:
    return WeightChoice(
        why=horizon.why,
        ndcg=None if horizon.ndcg is None else _triple(horizon.ndcg),
        alone={name: round(float(value), _DIGITS) for name, value in horizon.alone.items()},
        steps=tuple(
            WeightStep(name=step.name, weight=round(float(step.weight), _DIGITS), gain=_triple(step.gain))
            for step in horizon.steps
        ),
    )


def _triple(figure: Figure) -> FigureTriple:
    return (
        round(float(figure.mean), _DIGITS),
        round(float(figure.low), _DIGITS),
        round(float(figure.high), _DIGITS),
    )
