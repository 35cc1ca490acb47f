"""Transitions that move with the events after their fit, for questions about the past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.signals.history import Histories
from algorithms.signals.pair_counts import count_pairs
from algorithms.signals.transitions import Transitions

Floats = NDArray[np.float64]

_STATES = 16  # instants at which the rows are brought up to date
_MAX_BYTES = 2**28  # of all states


@dataclass(frozen=True)
class LiveTransitions:
    """The states of one signal at several instants; each holds the events strictly before its instant."""

    states: tuple[Transitions, ...]
    from_ms: NDArray[np.int64]  # the instant of each state except the first, ascending

    def score(self, histories: Histories) -> Floats:
        """(users, items): each user's scores by the last state whose instant is not after the question."""
        state_of = np.searchsorted(self.from_ms, histories.now_ms, side="right")
        scores = np.zeros((len(histories), self.states[0].rows.items))
        for state in np.unique(state_of).tolist():
            asked = np.flatnonzero(state_of == state)
            scores[asked] = self.states[state].score(histories.select(asked))
        return scores

    def explain(self, history: Histories, targets: NDArray[np.integer[Any]]) -> Floats:
        """(targets, entries)."""
        state = int(np.searchsorted(self.from_ms, history.now_ms[0], side="right"))
        return self.states[state].explain(history, targets)

    def with_half_life(self, half_life: float) -> LiveTransitions:
        """The same states with another half-life of the history."""
        return LiveTransitions(tuple(each.with_half_life(half_life) for each in self.states), self.from_ms)


def live_transitions(start: Transitions, fitted_until_ms: int, everything: Histories) -> LiveTransitions:
    """The states after a fit. ``everything`` holds the events of the fit too, as later ones follow them."""
    later = np.sort(everything.times_ms[everything.times_ms > fitted_until_ms])
    many = int(min(_STATES, _MAX_BYTES // max(1, start.rows.nbytes), len(later)))
    edges = np.unique(later[np.arange(1, many + 1) * len(later) // (many + 1)]) if many > 0 else later[:0]
    states, since = [start], fitted_until_ms + 1
    levels = start.settings.followers.levels(everything, fitted_until_ms)
    for edge in edges.tolist():
        is_new = (everything.times_ms >= since) & (everything.times_ms < edge)
        pairs = count_pairs(everything, start.settings.window, start.rows.items, is_new, levels)
        states.append(states[-1].with_changes(pairs))
        since = edge
    return LiveTransitions(tuple(states), edges)
