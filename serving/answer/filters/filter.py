"""The interface of a filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from serving.question.candidate import Candidate
from serving.question.question import Question

# Leaves candidates out; keeps the order. The items' facts are in memory when it is called.
Filter = Callable[[Question, Sequence[Candidate]], Sequence[Candidate]]
