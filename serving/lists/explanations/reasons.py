"""One sentence for the largest share of a score."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from algorithms.blending.weights import POPULARITY, REPEATS, TRANSITIONS, TREND
from serving.lists.explanations.shares import Shares
from serving.lists.ranking_history import Interacted

_NAMED = 2  # items of the history in a sentence
_OFTEN = 3  # times
_DID = {"view": "viewed", "click": "clicked", "like": "liked", "rating": "rated", "purchase": "bought"}
_WITHOUT_ITEMS = {
    TREND: "rising now",
    POPULARITY: "popular",
}


def reason_of(
    shares: Shares,
    name_of: Callable[[int], str],
    known: Interacted | None = None,
    just_did: Callable[[int], str | None] = lambda _: None,
) -> str | None:
    """A sentence about the signals with the largest share; ``name_of`` names an item of the history.

    ``known``: what the user did with the item that is explained, where it is in the history. ``just_did``:
    the type of the event if the user just came to an item of the history.
    None where no share is above 0, or where no item explains the largest one.
    """
    family = max(shares.by_family, key=lambda each: shares.by_family[each], default=None)
    if family is None or shares.by_family[family] <= 0:
        return None
    if family == REPEATS:
        return _repeat_of(known)
    if family in _WITHOUT_ITEMS:
        return _WITHOUT_ITEMS[family]
    names = [name_of(place) for place in named_places(shares.by_entry[family])]
    if not names:
        return None
    if family != TRANSITIONS:
        return f"because of {' and '.join(names)}"
    did = _DID.get(just_did(named_places(shares.by_entry[family])[0]) or "")
    return f"because you just {did} {names[0]}" if did else f"often follows {names[0]}"


def _repeat_of(known: Interacted | None) -> str:
    if known is None or 1 + len(known.earlier_ms) < _OFTEN:
        return "you have had this before"
    return "you buy this often" if known.is_bought else "you come back to this often"


def named_places(shares: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[int]:
    """The places of the largest shares above 0, at most two, the largest first."""
    largest = np.argsort(-np.asarray(shares), kind="stable")[:_NAMED]
    return [place for place in largest.tolist() if shares[place] > 0]
