"""Items that the user knows."""

from __future__ import annotations

from collections.abc import Sequence

from serving.question.candidate import Candidate
from serving.question.question import Question


def leave_out_known(question: Question, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Without items of the history, whatever the interaction was; ``known=keep`` allows them."""
    known = question.user.known_items
    if not known or question.options.keep_known:
        return candidates
    return [candidate for candidate in candidates if candidate.item_id not in known]
