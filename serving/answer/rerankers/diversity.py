"""Makes lists whose items differ from each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from algorithms.mmr import mmr
from serving.question.candidate import Candidate
from serving.question.question import Question


def diversify(question: Question, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Order by maximal marginal relevance (``algorithms/mmr.py``).

    Items are compared by their factors, or by their categories where there are no factors.
    """
    diversity = question.options.diversity
    if not diversity or len(candidates) < 2:
        return candidates
    ids = [candidate.item_id for candidate in candidates]
    vectors = question.vectors(ids) if question.vectors is not None else category_vectors(question, ids)
    n = len(candidates)
    relevance = np.arange(n, 0, -1, dtype=np.float64) / n
    return [candidates[place] for place in mmr(relevance, vectors, diversity)]


def category_vectors(question: Question, ids: Sequence[str]) -> NDArray[np.float64]:
    """(items, categories): 1 where the item has the category, else 0."""
    categories = [question.facts(item_id).categories for item_id in ids]
    all_names = sorted({name for names in categories for name in names})
    columns = {name: column for column, name in enumerate(all_names)}
    vectors = np.zeros((len(ids), max(1, len(columns))))
    for row, names in enumerate(categories):
        vectors[row, [columns[name] for name in names]] = 1.0
    return vectors
