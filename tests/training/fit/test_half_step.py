from __future__ import annotations

import numpy as np
import pyarrow as pa

from algorithms.fold_in import fold_in, gramian
from contracts.settings import TrainingSettings
from training.fit.als import ranking
from training.fit.half_step import Fixed, solve


def test_rows_in_any_order_are_solved_and_rows_without_positive_entries_are_left_out() -> None:
    problem = ranking(TrainingSettings(als_rank=3))
    fixed = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    given = [(7, 0, 1.0), (2, 1, -1.0), (7, 4, 2.0), (4, 3, 1.0), (7, 2, -0.5)]
    columns = [pa.array(column) for column in zip(*given, strict=True)]
    found = solve(
        pa.table(columns, names=["row", "column", "value"]), Fixed(fixed, gramian(fixed)), problem
    ).to_pydict()
    assert found["id"] == [4, 7]
    expected = fold_in(
        fixed,
        np.array([0, 1, 4]),
        np.array([3, 0, 4, 2], np.int32),
        np.array([1.0, 1.0, 2.0, -0.5]),
        reg_param=problem.reg_param,
        alpha=problem.alpha,
    )
    np.testing.assert_allclose(found["features"], expected, rtol=1e-6)
