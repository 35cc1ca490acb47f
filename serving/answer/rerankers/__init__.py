"""Re-rankers: they change the order of chosen candidates. One re-ranker a file, applied in this order.

Scores of different sources cannot be compared, so re-rankers work on places: in a pool of N candidates, the
first place is worth 1 and the last 1 / N. A re-ranker returns the same candidates in another order, or in the
same order if the request does not ask for it.
"""

from __future__ import annotations

from serving.answer.rerankers.boosts import boost_categories
from serving.answer.rerankers.diversity import diversify
from serving.answer.rerankers.freshness import prefer_newly_published
from serving.answer.rerankers.per_category import limit_categories
from serving.answer.rerankers.reranker import Reranker
from serving.answer.rerankers.rotation import rotate

RERANKERS: tuple[Reranker, ...] = (
    prefer_newly_published,
    boost_categories,
    rotate,
    diversify,
    limit_categories,
)
