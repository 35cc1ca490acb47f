"""What the model's items would score in users' lists if they were placed by their content alone."""

from __future__ import annotations

import numpy as np

from algorithms.blending.live import new_item_scores
from algorithms.blending.serialization import ServedBlend
from algorithms.content.stretch import PLACES, PlacedScores
from algorithms.signals.history import Histories
from algorithms.top_n import best_of_rows
from contracts.settings import TrainingSettings
from training.fit.factors import Matrix
from training.in_memory.als import FittedFactors
from training.in_memory.load import RoundArrays
from training.in_memory.signals import event_histories

_MOST_USERS, _LEAST_USERS, _NUMBERS = 300, 10, 3_000_000


def score_placed(
    data: RoundArrays,
    settings: TrainingSettings,
    served: ServedBlend | None,
    factors: FittedFactors,
    placed: Matrix,
) -> PlacedScores:
    """For a sample of users, right after an event; ``served`` None: the factors rank alone."""
    many = min(data.counts.users, max(_LEAST_USERS, min(_MOST_USERS, _NUMBERS // max(1, len(placed)))))
    drawn = np.random.default_rng(settings.seed).choice(data.counts.users, many, replace=False)
    histories = event_histories(data, settings).select(np.sort(drawn))
    if served is None:
        n = min(PLACES, len(placed))
        vectors = factors.users[np.sort(drawn)].astype(np.float64)
        of_model, scores = vectors @ factors.items.T, vectors @ placed.T
        of_model[histories.owners, histories.items] = 0.0
        best = best_of_rows(of_model, n)[1]
        scores[histories.owners, histories.items] = 0.0
        return PlacedScores(best[:, -1], scores)
    histories = histories.asked_at(np.full(many, data.pairs.event_times.max(initial=0), np.int64))
    return scores_by_blend(served, histories, placed)


def scores_by_blend(served: ServedBlend, histories: Histories, placed: Matrix) -> PlacedScores:
    """For these users, right after an event."""
    hot = np.ones(len(histories))
    best = served.blend.rank(served.signals, histories, min(PLACES, len(placed)), hotness=hot)[1]
    scores = new_item_scores(served, histories, hot, placed, np.ones(len(placed), np.bool_))
    scores[histories.owners, histories.items] = 0.0
    return PlacedScores(best[:, -1], scores)
