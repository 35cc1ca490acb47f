from __future__ import annotations

import numpy as np
from pyspark.sql import SparkSession

from training.fit.factors import matrix
from training.lists.ranked_lists import ranked_lists

FACTORS, PAIRS = "id INT, features ARRAY<FLOAT>", "row INT, column INT"


def test_lists_equal_those_of_a_full_sort_without_known_items(spark: SparkSession) -> None:
    rng = np.random.default_rng(5)
    users, items = rng.normal(size=(7, 3)).astype(np.float32), rng.normal(size=(11, 3)).astype(np.float32)
    known = {user: set(rng.choice(11, size=user, replace=False).tolist()) for user in range(7)}
    frame = spark.createDataFrame([(u, users[u].tolist()) for u in range(7)], FACTORS).repartition(3)
    pairs = [(user, item) for user, items_of_user in known.items() for item in items_of_user]
    seen = spark.createDataFrame(pairs, PAIRS)
    rows = ranked_lists(frame, seen, items, 6).collect()
    assert len(rows) == 7
    for row in rows:
        scores = users[row.row] @ items.T
        ranked = [i for i in np.argsort(-scores) if i not in known[row.row]][:6]
        assert row["columns"] == ranked
        np.testing.assert_allclose(row.scores, scores[ranked], rtol=1e-5)


def test_a_user_without_factors_gets_no_list_and_a_short_catalogue_gives_short_lists(
    spark: SparkSession,
) -> None:
    frame = spark.createDataFrame([(0, [0.0, 0.0]), (1, [1.0, 0.0])], FACTORS)
    seen = spark.createDataFrame([(1, 0), (7, 1)], PAIRS)
    items = np.eye(2, dtype=np.float32)
    assert [(r.row, r["columns"]) for r in ranked_lists(frame, seen, items, 5).collect()] == [(1, [1])]


def test_a_row_that_was_not_fitted_is_zero_in_the_matrix(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(2, [1.0, 2.0])], FACTORS)
    np.testing.assert_array_equal(matrix(frame, 3, 2), [[0, 0], [0, 0], [1, 2]])
    assert matrix(spark.createDataFrame([], FACTORS), 2, 3).shape == (2, 3)
