"""Fits and writes what places items by their content that have no interaction yet (algorithms/content)."""

from __future__ import annotations

import numpy as np

from algorithms.content.placement import MOST_FITTED, fit_placement
from contracts.catalog import content_of
from training.fit.factors import Matrix
from training.registry.publish import Publisher


def write_content(publisher: Publisher, version: str, item_ids: list[str], items: Matrix) -> None:
    """Write it for a version. Nothing is written where the catalogue says nothing of its items."""
    # The items with the longest factors are enough, so only their entries are read.
    lengths = np.linalg.norm(items.astype(np.float64), axis=1)
    longest = np.argsort(-lengths, kind="stable")[:MOST_FITTED]
    entries = publisher.catalogue_entries([item_ids[place] for place in longest.tolist()])
    placement = fit_placement([content_of(entry) for entry in entries], items[longest])
    if placement is not None:
        publisher.write_content(version, placement.encode())
