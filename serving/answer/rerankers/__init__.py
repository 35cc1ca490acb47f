"""Re-rankers: they change the order of chosen candidates. One re-ranker a file, applied in this order.

Scores of different sources cannot be compared, so re-rankers work on places: the first of a pool of N counts
1, the last 1 / N. A re-ranker returns the same candidates in another order, or in the same order if it is not
asked for.
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
