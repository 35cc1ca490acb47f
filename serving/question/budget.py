"""How much one request may ask for, so that nobody's request holds up the others."""

from __future__ import annotations

# At most this number of candidates is looked at for a list: otherwise, a filter that no item passes would
# read the whole catalogue.
MOST_CANDIDATES = 20_000
CANDIDATES_A_TURN = 2000  # after these, other requests have their turn
# Re-rankers order the first places, up to this number; the rest keeps its order. The time for diversity grows
# with the square of the number.
MOST_RERANKED = 1000


class OverBudgetError(Exception):
    """A request asks for more work than one request may cause; it says what to ask for instead."""


def too_few_match(found: int) -> OverBudgetError:
    """The error for a filter that leaves too few of the candidates."""
    return OverBudgetError(
        f"filter: it matches {found} of the first {MOST_CANDIDATES:,} candidates: ask for n + offset of at "
        f"most {found}, or for a wider filter"
    )
