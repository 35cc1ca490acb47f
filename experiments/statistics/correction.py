"""Several arms and several metrics give chance several tries: Holm's correction over all of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

from statsmodels.stats.multitest import multipletests

Key = TypeVar("Key", bound=Hashable)


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """The corrected p-values: those at most alpha are wrong together with probability alpha at most."""
    if not p_values:
        return {}
    corrected = multipletests(list(p_values.values()), method="holm")[1]
    return dict(zip(p_values, map(float, corrected), strict=True))
