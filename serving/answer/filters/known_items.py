"""Items that the user knows."""

from __future__ import annotations

from collections.abc import Sequence

from serving.question.candidate import MODEL_SOURCES, Candidate
from serving.question.question import Question


def leave_out_known(question: Question, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Remove all items of the user's history, unless the request says ``known=keep``.

    If the model's users come back to items, the model itself decides which known items its lists hold, unless
    the request says ``known=skip``.
    """
    user, wish = question.user, question.options.known
    known = user.known_items
    if not known or wish == "keep":
        return candidates
    if user.with_known_items and wish == "auto":
        return [each for each in candidates if each.item_id not in known or each.source in MODEL_SOURCES]
    return [candidate for candidate in candidates if candidate.item_id not in known]
