"""Items that the client does not want in this answer."""

from __future__ import annotations

from collections.abc import Sequence

from serving.question.candidate import Candidate
from serving.question.question import Question


def leave_out_excluded(question: Question, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Remove the items that ``exclude=`` names."""
    excluded = question.options.exclude
    if not excluded:
        return candidates
    return [candidate for candidate in candidates if candidate.item_id not in excluded]
