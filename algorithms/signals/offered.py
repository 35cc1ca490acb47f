"""The signals that are offered to the choice of a blend, each family in a few settings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from algorithms.signals.factors import Factors
from algorithms.signals.history import UNKNOWN, Histories
from algorithms.signals.item_to_item import ItemToItemSettings, fit_item_to_item
from algorithms.signals.live_transitions import live_transitions
from algorithms.signals.pair_counts import Window
from algorithms.signals.repeats import Repeats
from algorithms.signals.transitions import TransitionSettings, fit_transitions
from algorithms.signals.trend import fit_trend, live_trend
from algorithms.signals.weights import (
    FACTORS,
    ITEM_TO_ITEM,
    LONG_VIEW,
    POPULARITY,
    REPEATS,
    TRANSITIONS,
    TREND,
    Candidate,
)

_HOUR_MS = 3_600_000
_FEW_USERS = 3000
# The default first: for lists, for the very next item, and for sessions in which items come again.
TRANSITION_KINDS: tuple[tuple[str, TransitionSettings, tuple[float, ...]], ...] = (
    ("transitions", TransitionSettings(Window(20, 5.0), 1.0, 0.0), (4.0, 2.0)),
    ("transitions_next", TransitionSettings(Window(10, 3.0), 0.8, 0.2), (1.0, 2.0)),
    (
        "transitions_session",
        TransitionSettings(Window(10, 3.0, backward=0.5, keeps_diagonal=True), 1.0, 0.0),
        (0.5, 1.0),
    ),
)
HISTORY_HALF_LIVES = (15.0, 10.0, 20.0, 0.0)  # entries
TREND_HALF_LIVES = (("hour", 1), ("day", 24), ("week", 168), ("month", 720))


def regularisation(histories: Histories) -> float:
    """Lambda of the item-to-item model: 300 for up to a few thousand users, else 1000."""
    return 300.0 if np.count_nonzero(np.diff(histories.indptr)) < _FEW_USERS else 1000.0


def fit_offered(
    histories: Histories,
    items: int,
    *,
    factors: Factors | None = None,
    everything: Histories | None = None,
    k: int = 100,
) -> list[Candidate]:
    """Every family fitted from these histories, one candidate a setting, named "family/setting".

    ``everything`` holds these events and the later ones among which questions are asked: transitions and
    trends move with those before each question, as they do when they are served.
    Repeats and sessions' transitions are offered only where anybody has had an item twice.
    """
    offered = [*_item_to_item(histories, items, k), *_transitions(histories, items, everything, k)]
    repeats = _has_repeats(histories)
    if factors is not None:
        offered.append(Candidate("factors", FACTORS, factors))
    if repeats:
        offered.append(Candidate("repeats", REPEATS, Repeats(items)))
    for name, hours in TREND_HALF_LIVES:
        trend = fit_trend(histories, items, hours * _HOUR_MS)
        signal = trend if everything is None else live_trend(trend, everything)
        offered.append(Candidate(f"trend/{name}", TREND, signal))
    popularity = fit_trend(histories, items)
    signal = popularity if everything is None else live_trend(popularity, everything)
    offered.append(Candidate("popularity", POPULARITY, signal))
    return offered


def _has_repeats(histories: Histories) -> bool:
    return bool((~histories.is_newest_of_item & (histories.items != UNKNOWN)).any())


def _item_to_item(histories: Histories, items: int, k: int) -> Iterator[Candidate]:
    fitted = fit_item_to_item(histories, items, ItemToItemSettings(regularisation(histories)), k)
    for half_life in HISTORY_HALF_LIVES:
        name = f"item_to_item/{half_life:g}"
        yield Candidate(name, ITEM_TO_ITEM, fitted.with_half_life(half_life))
    settings = ItemToItemSettings(1000.0, half_life=0.0, positives_only=True)
    yield Candidate("long_view", LONG_VIEW, fit_item_to_item(histories, items, settings, k))


def _transitions(
    histories: Histories, items: int, everything: Histories | None, k: int
) -> Iterator[Candidate]:
    until = int(histories.times_ms.max(initial=0))
    for name, settings, half_lives in TRANSITION_KINDS:
        if settings.window.keeps_diagonal and not _has_repeats(histories):
            continue
        fitted = fit_transitions(histories, items, settings, k)
        moving = fitted if everything is None else live_transitions(fitted, until, everything)
        for half_life in half_lives:
            yield Candidate(f"{name}/{half_life:g}", TRANSITIONS, moving.with_half_life(half_life))
