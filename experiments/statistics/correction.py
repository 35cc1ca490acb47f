"""Several arms and several metrics give chance several tries: Holm's correction over all of them.

The test holds it to statsmodels' `multipletests`, which collects all garbage of the process at each call.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

import numpy as np

Key = TypeVar("Key", bound=Hashable)


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """The corrected p-values: those at most alpha are wrong together with probability alpha at most.

    The smallest of n counts n-fold, the next (n - 1)-fold, and none less than one before it (Holm 1979).
    """
    keys = sorted(p_values, key=lambda key: p_values[key])
    ordered = np.array([p_values[key] for key in keys])
    corrected = np.maximum.accumulate(ordered * np.arange(len(keys), 0, -1)).clip(max=1.0)
    by_key = dict(zip(keys, corrected.tolist(), strict=True))
    return {key: by_key[key] for key in p_values}
