"""What changes the order of chosen candidates. One re-ranker a file, in the order applied.

Scores of different sources do not compare, so all of them work on places: the first of a pool of N counts 1,
the last 1 / N. A re-ranker returns the same candidates in another order; unasked, it returns its input.
"""

from __future__ import annotations

from serving.rerankers.boosts import boost_categories
from serving.rerankers.diversity import diversify
from serving.rerankers.freshness import prefer_newly_published
from serving.rerankers.per_category import limit_categories
from serving.rerankers.reranker import Reranker
from serving.rerankers.rotation import rotate

RERANKERS: tuple[Reranker, ...] = (
    prefer_newly_published,
    boost_categories,
    rotate,
    diversify,
    limit_categories,
)
