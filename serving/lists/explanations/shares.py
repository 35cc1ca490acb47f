"""Divides a score into shares of the history's items, and into shares of the signals; both add up to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.weights import FACTORS
from algorithms.explanation import contributions
from algorithms.fold_in import UNKNOWN
from algorithms.recency import recency_weights
from contracts.settings import FoldInSettings
from serving.lists.ranking_history import Interacted, as_histories
from serving.memory.factors import ItemFactors
from serving.memory.model_blend import ModelBlend

Floats = NDArray[np.float64]
_HOUR_MS = 3_600_000


class Shares(NamedTuple):
    """The shares of one item's score, by family of signals (algorithms/blending/weights.py)."""

    by_family: Mapping[str, float]
    # Family -> the share of each entry of the history, (entries). Where they sum to less than the family's
    # share, the rest comes from no entry, as in a trend.
    by_entry: Mapping[str, Floats]

    @property
    def score(self) -> float:
        """The sum over the families."""
        return sum(self.by_family.values())

    @property
    def entries(self) -> Floats:
        """The share of each entry, (entries): the sum over the families."""
        return np.sum(list(self.by_entry.values()), axis=0) if self.by_entry else np.zeros(0)


class Moment(NamedTuple):
    """When a list was made: how hot it was (records.FreshList.hotness), and at which time, epoch ms."""

    hotness: float
    read_at_ms: int
    in_round: bool = False  # then by the trends of the lake's end


HOT = Moment(hotness=1.0, read_at_ms=0)  # for a session that goes on


def shares_by_factors(
    settings: FoldInSettings, factors: ItemFactors, history: Sequence[Interacted], targets: Sequence[str]
) -> list[Shares | None]:
    """The shares by a fold-in of the known items; None for a target that the model does not know."""
    known = factors.places([each.item_id for each in history]) != UNKNOWN
    entries = [each for each, is_known in zip(history, known, strict=True) if is_known]
    weights = recency_weights(
        np.array([0, len(entries)]),
        np.array([each.time_ms for each in entries], np.int64),
        half_life_items=settings.fold_half_life_items,
        half_life_days=settings.fold_half_life_days,
    )
    shares = np.zeros((len(targets), len(history)))
    shares[:, known] = contributions(
        factors.vectors([each.item_id for each in entries]),
        np.array([each.strength for each in entries]),
        factors.vectors(targets),
        gramian=factors.gramian,
        reg_param=factors.reg_param,
        alpha=factors.alpha,
        confidence_weights=weights,
    )
    in_model = factors.places(targets) != UNKNOWN
    return [
        Shares({FACTORS: float(row.sum())}, {FACTORS: row}) if is_known else None
        for row, is_known in zip(shares, in_model, strict=True)
    ]


def shares_by_blend(
    blend: ModelBlend, history: Sequence[Interacted], moment: Moment, targets: Sequence[str]
) -> list[Shares | None]:
    """The shares by all signals of a blend; None for a target that the model does not know.

    The blend has its weights of that moment. An item of the history that has several times gets the sum of
    their shares.
    """
    asked, rows = as_histories(history, blend.places, question_ms(blend, history, moment))
    places = blend.places(targets)
    found = blend.at(moment.hotness).explain(blend.signals, asked, np.maximum(places, 0))
    families = {name: blend.record.signals[name].family for name in found.by_signal}
    shares: list[Shares | None] = []
    for row, place in enumerate(places.tolist()):
        by_family: dict[str, float] = {}
        by_entry: dict[str, Floats] = {}
        for name, family in families.items():
            by_family[family] = by_family.get(family, 0.0) + float(found.by_signal[name][row])
            of_items = np.bincount(rows, found.by_entry[name][row], len(history))
            by_entry[family] = np.asarray(by_entry.get(family, 0.0) + of_items)
        shares.append(None if place == UNKNOWN else Shares(by_family, by_entry))
    return shares


def scores_by_blend(
    blend: ModelBlend, history: Sequence[Interacted], moment: Moment, targets: Sequence[str]
) -> list[float | None]:
    """The scores alone; None for a target that the model does not know."""
    weighted = blend.at(moment.hotness)
    if not weighted.names:
        return [None] * len(targets)
    asked, _ = as_histories(history, blend.places, question_ms(blend, history, moment))
    places = blend.places(targets)
    scores = weighted.score_items(blend.signals, asked, np.maximum(places, 0)).tolist()
    return [
        None if place == UNKNOWN else round(score, 6)
        for place, score in zip(places.tolist(), scores, strict=True)
    ]


def question_ms(blend: ModelBlend, history: Sequence[Interacted], moment: Moment) -> int:
    """The time (epoch ms) for which a list was ranked, on the clock of the events.

    For a hot list it follows from its hotness, counted from the newest event of its history
    (``streaming/fold_in``); for a list that has cooled it is when the list was made. A round ranks all lists
    for the end of the lake, for which its trends are fitted: a time of 0 leaves them as they are.
    """
    newest = max((each.time_ms for each in history), default=0)
    if moment.hotness > 0 and not moment.in_round:
        hours = -log2(moment.hotness) * blend.record.half_life_hours
        return newest + round(hours * _HOUR_MS)
    return blend.now_ms(moment.read_at_ms)
