"""What never appears in an answer, whichever strategy proposed it."""

from __future__ import annotations

from collections.abc import Sequence

from serving.candidates.candidate import Candidate, Filter, User


def leave_out_known_items(user: User, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Items of the user's history, whatever the interaction was."""
    known = user.known_items
    return [candidate for candidate in candidates if candidate.item_id not in known] if known else candidates


FILTERS: tuple[Filter, ...] = (leave_out_known_items,)
