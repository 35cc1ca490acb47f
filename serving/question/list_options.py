"""What a client may ask of a list."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from typing import Literal

from serving.question.expression import Expression

Known = Literal["auto", "skip", "keep"]


@dataclass(frozen=True)
class ListOptions:
    """How long a list is, what it leaves out, and how it is ordered."""

    n: int
    offset: int = 0
    # Whether the list may hold items of the history. "auto": the model's own lists may, where the model's
    # users come back to items; all other lists may not.
    known: Known = "auto"
    exclude: Set[str] = frozenset()
    matching: Expression | None = None
    diversity: float = 0.0  # 0: by score alone; 1: as unlike as possible
    per_category: int | None = None  # how many items of one category at most, while there are others
    freshness: float = 0.0  # how much a newly published item rises
    rotation: float = 0.0  # how far items sink that were shown lately
    # What only the arm of an experiment can set; None: as for everybody.
    strategies: tuple[str, ...] | None = None  # in the order in which the answer asks them
    explore_slots: int | None = None
    explore_new: float | None = None
    model_version: str | None = None
    arm: str = ""  # the arms that the answer is part of (contracts.experiments.assignment.arms_text)

    def excluding(self, item_ids: Iterable[str]) -> ListOptions:
        """These options with further items left out."""
        return replace(self, exclude={*self.exclude, *item_ids})

    @property
    def is_reranked(self) -> bool:
        """Whether the order of the candidates is changed."""
        return bool(self.diversity or self.per_category or self.freshness or self.rotation)
