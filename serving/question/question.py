"""What is asked: one request on its way through strategies, filters and re-rankers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from serving.question.candidate import User
from serving.question.item_facts import UNKNOWN_ITEM, ItemFacts
from serving.question.list_options import ListOptions
from serving.question.operator_rules import NO_RULES, Rules

Vectors = Callable[[Sequence[str]], NDArray[np.float64]]


@dataclass(slots=True)  # not frozen: that would cost more than the rest of making one
class Question:
    """A user, the options, and what every step may look up without waiting."""

    user: User
    options: ListOptions
    facts: Callable[[str], ItemFacts] = lambda _: UNKNOWN_ITEM
    rules: Rules = NO_RULES
    # Item -> vector, to compare items. None: the model's vectors are not loaded, so categories are compared.
    vectors: Vectors | None = None
    denied: Set[str] = frozenset()
    allowed: Set[str] = frozenset()  # empty: all are
    now_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
