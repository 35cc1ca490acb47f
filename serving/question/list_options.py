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
    # Whether items of the history may come again: "auto" leaves it to the model's lists, whose users may come
    # back to items, and leaves them out of all others.
    known: Known = "auto"
    exclude: Set[str] = frozenset()
    matching: Expression | None = None
    diversity: float = 0.0  # 0: by score alone; 1: as unlike as possible
    per_category: int | None = None  # how many items of one category at most, while there are others
    freshness: float = 0.0  # how much a newly published item rises
    rotation: float = 0.0  # how far items sink that were shown lately
    # What only an experiment's arm asks for; None: as for everybody.
    strategies: tuple[str, ...] | None = None  # in the order in which the answer asks them
    explore_slots: int | None = None
    model_version: str | None = None
    arm: str = ""  # the arms that the answer is part of (contracts.experiments.assignment.arms_text)

    def excluding(self, item_ids: Iterable[str]) -> ListOptions:
        """The same with further items left out."""
        return replace(self, exclude={*self.exclude, *item_ids})

    @property
    def is_reranked(self) -> bool:
        """Whether the order of the candidates is changed."""
        return bool(self.diversity or self.per_category or self.freshness or self.rotation)
