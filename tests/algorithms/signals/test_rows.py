from __future__ import annotations

import numpy as np
import pytest

from algorithms.signals.rows import Rows, cut_block, empty, from_sorted


def _dense(rows: Rows) -> np.ndarray:  # type: ignore[type-arg]
    matrix = np.zeros((rows.items, rows.items))
    for row in range(rows.items):
        places = slice(rows.indptr[row], rows.indptr[row + 1])
        matrix[row, rows.columns[places]] = rows.values[places].astype(np.float64) * rows.scale
    return matrix


def _random(items: int = 9, seed: int = 0) -> tuple[np.ndarray, Rows]:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((items, items)) * (rng.random((items, items)) < 0.5)
    matrix[3] = 0
    sources, columns = np.nonzero(matrix)
    return matrix, from_sorted(sources, columns, matrix[sources, columns], items, items)


def test_rows_hold_the_entries_of_the_matrix() -> None:
    matrix, rows = _random()
    assert np.allclose(_dense(rows), matrix, rtol=1e-6)


def test_a_row_keeps_its_largest_entries_by_absolute_value() -> None:
    rows = from_sorted(np.zeros(4, int), np.arange(4), np.array([0.5, -2.0, 1.0, -0.1]), 5, 2)
    assert rows.columns.tolist() == [1, 2]
    assert rows.values.tolist() == [-2.0, 1.0]
    lengths, columns, values = cut_block(np.array([[0.5, -2, 1, 0], [0, 0, 0, 3]], np.float32), 2)
    assert lengths.tolist() == [2, 1]
    assert columns.tolist() == [1, 2, 3]
    assert values.tolist() == [-2, 1, 3]


def test_of_equal_entries_those_in_lower_columns_are_kept() -> None:
    rows = from_sorted(np.zeros(5, int), np.arange(5), np.ones(5), 5, 3)
    assert rows.columns.tolist() == [0, 1, 2]


def test_a_weighted_sum_of_rows_is_the_product_with_the_matrix() -> None:
    matrix, rows = _random()
    owners, items = np.array([0, 0, 2, 2, 2]), np.array([1, 3, 0, 1, 8])
    weights = np.array([1.0, 5.0, 0.5, -1.0, 2.0])
    summed = rows.sum_rows(owners, items, weights, 3)
    expected = np.zeros((3, 9))
    np.add.at(expected, owners, weights[:, None] * matrix[items])
    assert np.allclose(summed, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("is_filled", [True, False])
def test_rows_of_one_length_are_summed_as_those_of_several_are(is_filled: bool) -> None:
    rng = np.random.default_rng(2)
    matrix = rng.standard_normal((6, 6)) * np.array([1, 0, 1, 1, 0, 1])  # four entries in each row
    matrix[2] *= is_filled
    sources, columns = np.nonzero(matrix)
    rows = from_sorted(sources, columns, matrix[sources, columns], 6, 4)
    items, weights = np.array([5, 0, 2, 5]), np.array([0.5, 1.0, -2.0, 3.0])
    owners = np.array([0, 0, 1, 1])
    summed = rows.sum_rows(owners, items, weights, 2)
    assert np.allclose(summed[0], weights[:2] @ matrix[items[:2]], rtol=1e-6)
    assert np.allclose(summed[1], weights[2:] @ matrix[items[2:]], rtol=1e-6)
    touched = rows.touch(items[2:], weights[2:])
    assert touched.items.tolist() == [0, 2, 3, 5]
    assert np.array_equal(touched.scores, summed[1, touched.items])
    shares = rows.shares(items, weights, np.arange(6))
    assert np.allclose(shares.sum(axis=1), summed.sum(axis=0))


def test_a_sum_is_the_same_however_many_entries_are_summed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _, rows = _random()
    owners, items = np.array([0, 0, 2, 2, 2, 5]), np.array([1, 3, 0, 1, 8, 3])
    weights = np.array([1.0, 5.0, 0.5, -1.0, 2.0, 1.0])
    at_once = rows.sum_rows(owners, items, weights, 7)
    for most in (1, 8):
        monkeypatch.setattr("algorithms.signals.rows._PART_ENTRIES", most)
        assert np.array_equal(rows.sum_rows(owners, items, weights, 7), at_once)


def test_shares_add_up_to_the_sum() -> None:
    _, rows = _random()
    items, weights, targets = np.array([1, 3, 1, 7]), np.array([1.0, 2.0, 0.5, -1.0]), np.array([8, 2, 5])
    shares = rows.shares(items, weights, targets)
    summed = rows.sum_rows(np.zeros(4, int), items, weights, 1)
    assert np.allclose(shares.sum(axis=1), summed[0, targets], rtol=1e-12)


def test_half_precision_keeps_three_digits_of_values_of_any_size() -> None:
    matrix, rows = _random()
    for size in (1e-6, 1.0, 1e6):
        scaled = Rows(rows.indptr, rows.columns, (rows.values * size).astype(np.float32))
        half = scaled.half()
        assert half.values.dtype == np.float16
        assert half.nbytes < scaled.nbytes
        assert np.allclose(_dense(half), matrix * size, rtol=1e-3, atol=1e-9 * size)


def test_the_sum_of_no_rows_is_zero() -> None:
    rows = empty(4)
    assert rows.half().items == 4
    assert not rows.sum_rows(np.array([0]), np.array([2]), np.ones(1), 1).any()
