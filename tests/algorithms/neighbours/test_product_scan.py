"""The scan of rounded rows against scoring each row: the same lists, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from algorithms.neighbours import product_scan
from algorithms.neighbours.product_scan import FactorLists, ProductScan
from algorithms.top_n import top_n

Floats = NDArray[np.float32]
Indexes = NDArray[np.int32]


def _factors(items: int, rank: int = 16) -> Floats:
    """Rows of skewed lengths; the first is zero, the next two are equal."""
    rng = np.random.default_rng(3)
    lengths = np.exp(rng.standard_normal((items, 1)))
    factors = (lengths * rng.standard_normal((items, rank))).astype(np.float32)
    factors[0], factors[2] = 0, factors[1]
    return factors


def _exact(
    vector: Floats, factors: Floats, known: NDArray[np.int32], n: int
) -> tuple[list[int], list[float]]:
    indptr = np.array([0, len(known)], np.int64)
    found, scores = top_n(vector[None], factors, indptr, known, n, item_mask=factors.any(axis=1))
    return found[0].tolist(), scores[0].tolist()


@pytest.mark.parametrize(("items", "rank"), [(3, 2), (90, 16), (40_000, 1), (40_000, 16), (20_000, 64)])
@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
def test_the_scan_lists_what_scoring_each_row_lists(items: int, rank: int, size: float) -> None:
    factors, rng = _factors(items, rank), np.random.default_rng(4)
    scan = ProductScan(factors)
    for _ in range(10):
        vector = (size * rng.standard_normal(rank)).astype(np.float32)
        known = rng.integers(0, items, 20).astype(np.int32)
        for n in (1, 100):
            found, scores = scan.best(vector, known, n)
            assert (found.tolist(), scores.tolist()) == _exact(vector, factors, known, n)


def test_a_row_whose_product_is_best_is_found_however_it_is_rounded() -> None:
    # All rows have the same length, and rounding them to int8 makes all products with the vector equal.
    rng = np.random.default_rng(6)
    factors = np.ones((5000, 8), np.float32)
    factors[:, 1:] += 1e-3 * rng.standard_normal((5000, 7)).astype(np.float32)
    vector = np.array([0, 1, -1, 1, -1, 1, -1, 0], np.float32)
    nothing = np.empty(0, np.int32)
    found, scores = ProductScan(factors).best(vector, nothing, 10)
    assert (found.tolist(), scores.tolist()) == _exact(vector, factors, nothing, 10)


def test_short_rows_are_left_out_without_being_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    factors = _factors(40_000)
    factors[1000:] *= np.float32(1e-3)
    monkeypatch.setattr(product_scan, "_BLOCK", 1000)
    scan, starts = ProductScan(factors), []
    bounds = scan._bounds
    monkeypatch.setattr(scan, "_bounds", lambda *given: (starts.append(given[2].start), bounds(*given))[1])
    vector = np.random.default_rng(4).standard_normal(16).astype(np.float32)
    scan.best(vector, np.empty(0, np.int32), 100)
    assert starts == [0]


def test_a_short_row_that_points_where_the_vector_does_is_found_behind_longer_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(product_scan, "_BLOCK", 100)
    factors = np.zeros((500, 2), np.float32)
    factors[:400] = 0.8, 1.8
    factors[400:] = 0.9, 0
    found, scores = ProductScan(factors).best(np.array([1, 0], np.float32), np.empty(0, np.int32), 50)
    assert found.tolist() == list(range(400, 450))
    assert scores == pytest.approx(0.9)


def test_the_copy_takes_less_than_half_of_what_the_rows_take() -> None:
    factors = _factors(1000)
    assert ProductScan(factors).nbytes < factors.nbytes / 2


@pytest.mark.parametrize("large", [10, 1000])
def test_lists_are_the_same_on_both_sides_of_the_size_that_chooses(
    large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_scan, "LARGE", large)
    factors, rng = _factors(400), np.random.default_rng(4)
    vectors = rng.standard_normal((3, 16)).astype(np.float32)
    vectors[1] = 0
    known, indptr = np.array([5, 6, 7, 8], np.int32), np.array([0, 1, 1, 4], np.int64)
    lists = FactorLists(factors)
    found, scores = lists.best(vectors, indptr, known, 20)
    expected, products = top_n(vectors, factors, indptr, known, 20, item_mask=lists.is_fitted)
    assert (found[[0, 2]] == expected[[0, 2]]).all()
    assert (scores[[0, 2]] == products[[0, 2]]).all()
    assert (found[1] == -1).all()
    assert ("_scan" in vars(lists)) is (large == 10)


def test_items_without_factors_are_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    factors = np.array([[0, 0], [-1, 0], [-2, 0]], np.float32)
    for large in (0, 10):
        monkeypatch.setattr(product_scan, "LARGE", large)
        found, _ = FactorLists(factors).best(
            np.array([[1, 0]], np.float32), np.array([0, 0]), np.empty(0, np.int32), 3
        )
        assert found.tolist() == [[1, 2, -1]]


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        ProductScan(np.full((3, 2), np.nan, np.float32))
    scan = ProductScan(_factors(10, 2))
    for vector, n in (([np.inf, 0], 1), ([1, 2, 3], 1), ([1, 2], 0)):
        with pytest.raises(ValueError, match="finite"):
            scan.best(np.array(vector, np.float32), np.empty(0, np.int32), n)
