"""The interface of a filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from serving.question.candidate import Candidate
from serving.question.question import Question

# Removes candidates and keeps the order of the others. The items' facts are in memory when it is called.
Filter = Callable[[Question, Sequence[Candidate]], Sequence[Candidate]]
