"""What is asked: one request on its way through strategies, filters and re-rankers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from serving.question.candidate import User
from serving.question.expression import Expression
from serving.question.item_facts import UNKNOWN_ITEM, ItemFacts
from serving.question.operator_rules import NO_RULES, Rules

Vectors = Callable[[Sequence[str]], NDArray[np.float64]]


@dataclass(frozen=True)
class Wishes:
    """What a client may ask of a list."""

    n: int
    offset: int = 0
    keep_known: bool = False  # items of the history may come again
    exclude: Set[str] = frozenset()
    matching: Expression | None = None
    diversity: float = 0.0  # 0: by score alone; 1: as unlike as possible
    per_category: int | None = None  # at most so many items of one category, while there are others
    freshness: float = 0.0  # how much a newly published item rises
    rotation: float = 0.0  # how much sinks what was shown lately

    def excluding(self, item_ids: Iterable[str]) -> Wishes:
        """The same with further items left out."""
        return replace(self, exclude={*self.exclude, *item_ids})

    @property
    def reranked(self) -> bool:
        """Whether the order of the candidates is changed."""
        return bool(self.diversity or self.per_category or self.freshness or self.rotation)


@dataclass(slots=True)  # not frozen: that would cost more than the rest of making one
class Question:
    """A user, the wishes, and what every step may look up without waiting."""

    user: User
    wishes: Wishes
    facts: Callable[[str], ItemFacts] = lambda _: UNKNOWN_ITEM
    rules: Rules = NO_RULES
    # One vector an item, for how alike items are; None: the model's are not at hand, categories must do.
    vectors: Vectors | None = None
    denied: Set[str] = frozenset()
    allowed: Set[str] = frozenset()  # empty: all are
    now_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
