"""The signals that are offered to the choice of a blend, each family in a few settings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from algorithms.blending.blend import Blend
from algorithms.blending.weights import (
    DEFAULT_COLD,
    DEFAULT_HOT,
    FACTORS,
    ITEM_TO_ITEM,
    LONG_VIEW,
    POPULARITY,
    REPEATS,
    TRANSITIONS,
    TREND,
    Candidate,
)
from algorithms.parallel import parallel_map
from algorithms.signals.factors import Factors
from algorithms.signals.follower_weights import FollowerWeights
from algorithms.signals.history import UNKNOWN, Histories
from algorithms.signals.item_to_item import LONG_VIEW as LONG_SETTINGS
from algorithms.signals.item_to_item import MAX_ITEMS, ItemToItemSettings, fit_item_to_item
from algorithms.signals.live_transitions import live_transitions
from algorithms.signals.pair_counts import Window
from algorithms.signals.repeats import Repeats
from algorithms.signals.signal import Signal
from algorithms.signals.transitions import TransitionSettings, fit_transitions
from algorithms.signals.trend import fit_trend, live_trend
from algorithms.signals.trend_counts import Counted, counted_entries

Wanted = Callable[[str], bool]
_ANY: Wanted = lambda _: True  # noqa: E731

_FEW_USERS = 3000
# (name, settings, half-lives of the history in entries), the default first. A pair of items also says
# something in the reverse order (backward 0.5); a diagonal is for data where users come back to items.
TransitionKinds = tuple[tuple[str, TransitionSettings, tuple[float, ...]], ...]
_WIDE = TransitionSettings(Window(30, 7.0), 1.0, 0.0, damping=15.0, power=0.6, unliked=0.5)
_RECENT = replace(_WIDE, column_power=0.15, followers=FollowerWeights(0.5, half_life_days=365, lasting=0.3))
TRANSITION_KINDS: TransitionKinds = (
    ("transitions_recent", _RECENT, (3.0, 2.0)),
    ("transitions_next", TransitionSettings(Window(10, 3.0), 0.8, 0.2), (1.0, 2.0)),
    ("transitions_damped", TransitionSettings(Window(10, 3.0, 0.5), 0.8, 0.2, damping=15.0), (1.0, 2.0)),
    ("transitions_session", TransitionSettings(Window(10, 3.0, 0.5, True), 1.0, 0.0), (0.5, 1.0)),
)
# No longer offered, but fitted again for a version that ranks by them.
_EARLIER_KINDS: TransitionKinds = (
    ("transitions_wide", _WIDE, (2.0, 4.0)),
    ("transitions", TransitionSettings(Window(20, 5.0), 1.0, 0.0), (4.0, 2.0)),
    ("transitions_both", TransitionSettings(Window(20, 5.0, 0.5), 1.0, 0.0), (4.0, 2.0)),
)
HISTORY_HALF_LIVES = (15.0, 10.0, 5.0, 0.0)  # entries
SESSION_HALF_LIFE = 5.0  # entries, of the factors' history
# The signals where nothing can be chosen: the first setting of each family, with the default weights.
_FIRST = {
    FACTORS: "factors",
    ITEM_TO_ITEM: f"item_to_item/{HISTORY_HALF_LIVES[0]:g}",
    LONG_VIEW: "long_view",
    TRANSITIONS: f"{TRANSITION_KINDS[0][0]}/{TRANSITION_KINDS[0][2][0]:g}",
}
DEFAULT_BLEND = Blend(
    hot={_FIRST[family]: weight for family, weight in DEFAULT_HOT.items()},
    cold={_FIRST[family]: weight for family, weight in DEFAULT_COLD.items()},
)
REPEATS_HALF_LIVES = (10.0, 5.0, 20.0, 1.0)  # sessions; the shortest is what was looked at a moment ago
# Half-lives in seconds. Those that Redis counts are offered; others are fitted for versions that use them.
TREND_NAMES = {300: "5min", 900: "15min", 3600: "hour", 86_400: "day", 604_800: "week", 2_592_000: "month"}
TREND_HALF_LIVES = (3600, 86_400, 604_800, 300, 900)


class TrendCounts(NamedTuple):
    """The counts to which trends are fitted, and their half-lives (seconds)."""

    counted: Counted
    half_lives: Sequence[int] = TREND_HALF_LIVES
    is_state: bool = False  # whether it is counted by the rule of the state in Redis, which goes on counting
    move: bool = False  # whether trends move with the events before each question

    def names(self, also_earlier: bool) -> dict[str, float]:
        """Signal -> its half-life in ms; ``also_earlier``: with those that are no longer offered."""
        seconds = (*self.half_lives, *(TREND_NAMES if also_earlier else ()))
        return {trend_name(each): 1000.0 * each for each in seconds}

    def fit(self, items: int, half_life_ms: float) -> Signal:
        """Fit one trend; a half-life of 0 gives all-time popularity."""
        if self.move:
            return live_trend(self.counted, items, half_life_ms)
        return fit_trend(self.counted, items, half_life_ms, is_live=self.is_state)


def regularisation(histories: Histories) -> float:
    """Lambda of the item-to-item model: 300 for up to a few thousand users, else 1000."""
    return 300.0 if np.count_nonzero(np.diff(histories.indptr)) < _FEW_USERS else 1000.0


def fit_offered(
    histories: Histories,
    items: int,
    *,
    factors: Factors | Callable[[], Factors] | None = None,
    everything: Histories | None = None,
    k: int = 100,
    only: Collection[str] | None = None,
    max_items: int = MAX_ITEMS,
    counts: TrendCounts | None = None,
) -> list[Candidate]:
    """Fit every family to these histories: one candidate for each setting, named "family/setting".

    ``factors`` may be a function that gives them, which is called when the other signals are fitted.
    ``everything`` holds these events and later ones, during which questions are asked: transitions and trends
    move with the events before each question.
    ``counts`` are those of the trends as Redis has them (None: each entry counts once).
    ``only``: the names of the signals to fit, as those of a blend that was chosen before; None: all.
    ``max_items`` bounds the item-to-item models (`fit_item_to_item`).
    Repeats and transitions within sessions are offered if any user has had an item twice, or if ``only``
    names them.
    """
    is_wanted: Wanted = _ANY if only is None else frozenset(only).__contains__
    families = list[Callable[[], list[Candidate]]]()
    half_lives = {f"item_to_item/{each:g}": each for each in HISTORY_HALF_LIVES}
    wanted = {name: half_life for name, half_life in half_lives.items() if is_wanted(name)}
    if wanted:
        families.append(partial(_item_to_item, histories, items, k, wanted, max_items))
    if is_wanted("long_view"):
        families.append(partial(_long_view, histories, items, k, max_items))
    if (
        len(families) > 1 and 2 * items**2 > max_items**2
    ):  # two item-to-item models at a time might not fit into the memory
        families = [partial(_one_by_one, tuple(families))]
    for settings, wanted in _transition_kinds(histories, is_wanted, only is not None):
        families.append(partial(_transitions, histories, items, everything, k, settings, wanted))
    offered = [each for family in parallel_map(lambda fit: fit(), families) for each in family]
    offered += _trends(counts or _of_entries(histories, everything), items, is_wanted)
    if factors is not None:
        given = factors if isinstance(factors, Factors) else factors()
        several = [Candidate("factors", FACTORS, given), _session_factors(given)]
        offered += [each for each in several if is_wanted(each.name)]
    if only is not None or _has_repeats(histories):
        several = [
            Candidate(f"repeats/{half_life:g}", REPEATS, Repeats(items, half_life))
            for half_life in REPEATS_HALF_LIVES
        ]
        offered += [each for each in several if is_wanted(each.name)]
    return offered


def _session_factors(factors: Factors) -> Candidate:
    """The same factors with a half-life of the history that is as short as a session."""
    return Candidate(f"factors/{SESSION_HALF_LIFE:g}", FACTORS, replace(factors, half_life=SESSION_HALF_LIFE))


def _has_repeats(histories: Histories) -> bool:
    return bool((~histories.is_newest_of_item & (histories.items != UNKNOWN)).any())


def _one_by_one(families: Sequence[Callable[[], list[Candidate]]]) -> list[Candidate]:
    return [each for fit in families for each in fit()]


def _item_to_item(
    histories: Histories, items: int, k: int, half_lives: dict[str, float], max_items: int
) -> list[Candidate]:
    settings = ItemToItemSettings(regularisation(histories))
    fitted = fit_item_to_item(histories, items, settings, k, max_items)
    return [
        Candidate(name, ITEM_TO_ITEM, fitted.with_half_life(half_life))
        for name, half_life in half_lives.items()
    ]


def _long_view(histories: Histories, items: int, k: int, max_items: int) -> list[Candidate]:
    fitted = fit_item_to_item(histories, items, LONG_SETTINGS, k, max_items)
    return [Candidate("long_view", LONG_VIEW, fitted)]


def _transition_kinds(
    histories: Histories, is_wanted: Wanted, are_named: bool
) -> Iterator[tuple[TransitionSettings, dict[str, float]]]:
    """The settings to fit, each with the half-lives of its wanted signals by name."""
    repeats = are_named or _has_repeats(histories)
    for kind, settings, half_lives in (*TRANSITION_KINDS, *(_EARLIER_KINDS if are_named else ())):
        names = {f"{kind}/{half_life:g}": half_life for half_life in half_lives}
        wanted = {name: half_life for name, half_life in names.items() if is_wanted(name)}
        if wanted and (repeats or not settings.window.keeps_diagonal):
            yield settings, wanted


def _transitions(
    histories: Histories,
    items: int,
    everything: Histories | None,
    k: int,
    settings: TransitionSettings,
    half_lives: dict[str, float],
) -> list[Candidate]:
    fitted = fit_transitions(histories, items, settings, k)
    until = int(histories.times_ms.max(initial=0))
    moving = fitted if everything is None else live_transitions(fitted, until, everything)
    return [
        Candidate(name, TRANSITIONS, moving.with_half_life(half_life))
        for name, half_life in half_lives.items()
    ]


def _trends(counts: TrendCounts, items: int, is_wanted: Wanted) -> Iterator[Candidate]:
    for name, half_life in counts.names(is_wanted is not _ANY).items():
        if is_wanted(name):
            yield Candidate(name, TREND, counts.fit(items, half_life))
    if is_wanted("popularity"):
        yield Candidate("popularity", POPULARITY, counts.fit(items, 0.0))


def _of_entries(histories: Histories, everything: Histories | None) -> TrendCounts:
    moving = everything is not None
    return TrendCounts(counted_entries(everything if everything is not None else histories), move=moving)


def trend_name(seconds: int) -> str:
    """The name of the trend with this half-life."""
    return f"trend/{TREND_NAMES.get(seconds, f'{seconds}s')}"
