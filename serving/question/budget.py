"""How much one request may ask for, so that nobody's request holds up the others."""

from __future__ import annotations

# A list is made of the first candidates of this number: a filter that nothing matches would otherwise read
# the whole catalogue.
MOST_CANDIDATES = 20_000
CANDIDATES_A_TURN = 2000  # then others have their turn
# Re-rankers order this number of places, and what comes after keeps its order: the time for diversity grows
# with the square.
MOST_RERANKED = 1000


class OverBudgetError(Exception):
    """A request asks for more work than one request may cause; it says what to ask for instead."""


def too_few_match(found: int) -> OverBudgetError:
    """For a filter that leaves too few of the candidates."""
    return OverBudgetError(
        f"filter: it matches {found} of the first {MOST_CANDIDATES:,} candidates: ask for n + offset of at "
        f"most {found}, or for a wider filter"
    )
