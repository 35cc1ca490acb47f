"""Fits and writes what places items by their content that have no interaction yet (algorithms/content)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from algorithms.content.placement import MOST_FITTED, fit_placement
from algorithms.content.stretch import PlacedScores, fitting_stretch
from contracts.catalog import content_of
from training.fit.factors import Matrix
from training.registry.publish import Publisher


def write_content(
    publisher: Publisher,
    version: str,
    item_ids: list[str],
    items: Matrix,
    score_placed: Callable[[Matrix], PlacedScores] | None = None,
) -> None:
    """Write it for a version. Nothing is written where the catalogue says nothing of its items.

    ``score_placed``: what the items score by given factors (items, rank), to find how long these must be;
    None: they stay as the regression gives them.
    """
    # The items with the longest factors are enough, so only their entries are read.
    lengths = np.linalg.norm(items.astype(np.float64), axis=1)
    longest = np.argsort(-lengths, kind="stable")[:MOST_FITTED]
    entries = publisher.catalogue_entries([item_ids[place] for place in longest.tolist()])
    contents = [content_of(entry) for entry in entries]
    placement = fit_placement(contents, items[longest])
    if placement is None:
        return
    if score_placed is not None:
        placed = np.zeros_like(items)
        placed[longest] = placement.place(contents)
        placement = placement.stretch(fitting_stretch(score_placed(placed)))
    publisher.write_content(version, placement.encode())
