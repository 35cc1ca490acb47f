"""Hidden and expired items."""

from __future__ import annotations

from collections.abc import Sequence

from serving.question.candidate import Candidate
from serving.question.question import Question


def leave_out_unavailable(question: Question, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Remove items whose attributes say ``hidden: true`` or have an ``expires_at`` in the past."""
    facts, now = question.facts, question.now_ms
    # Written without calls, because it runs for every candidate of every answer.
    return [
        candidate
        for candidate in candidates
        for item in (facts(candidate.item_id),)
        if not item.hidden and (item.expires_at is None or now < item.expires_at)
    ]
