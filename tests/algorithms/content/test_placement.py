from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from algorithms.content.placement import Placement, fit_placement
from contracts.catalog import Content

RANK = 4


def world(items: int = 400, seed: int = 0) -> tuple[list[Content], NDArray[np.float32]]:
    """Factors that follow from two of three kinds of content, with noise."""
    rng = np.random.default_rng(seed)
    of_kind = rng.normal(size=(8, RANK))
    kinds = rng.integers(0, 8, items)
    factors = (of_kind[kinds] + 0.3 * rng.normal(size=(items, RANK))).astype(np.float32)
    contents = [Content(title=f"number {n}", categories=[f"kind {kind}"]) for n, kind in enumerate(kinds)]
    return contents, factors


def test_items_are_placed_near_those_with_the_same_content() -> None:
    contents, factors = world()
    placement = fit_placement(contents[:300], factors[:300])
    assert placement is not None
    placed = placement.place(contents[300:])
    errors = ((placed - factors[300:]) ** 2).sum()
    assert errors < 0.2 * ((factors[300:] - factors[:300].mean(axis=0)) ** 2).sum()


def test_the_solution_is_that_of_the_normal_equations() -> None:
    contents, factors = world(60)
    placement = fit_placement(contents, factors)
    assert placement is not None
    rows = placement.features.rows(contents)
    dense = np.zeros((60, len(placement.columns)))
    dense[:, -1] = 1.0  # the bias
    owners = np.repeat(np.arange(60), np.diff(rows.indptr))
    kept = np.isin(rows.columns, placement.columns)  # the numbers of single items are not
    dense[owners[kept], np.searchsorted(placement.columns, rows.columns[kept])] = rows.values[kept]
    weights = np.sqrt(np.linalg.norm(factors.astype(np.float64), axis=1))
    weights /= weights.mean()
    left = dense.T @ (weights[:, None] * dense) + 2.0 * np.eye(dense.shape[1])
    expected = np.linalg.solve(left, dense.T @ (weights[:, None] * factors))
    assert placement.weights == pytest.approx(expected, abs=1e-3)


def test_content_of_which_nothing_is_known_is_not_placed() -> None:
    contents, factors = world()
    placement = fit_placement(contents, factors)
    assert placement is not None
    placed = placement.place([Content(), Content(categories=["unheard of"]), contents[0]])
    assert not placed[:2].any()
    assert placed[2].any()


@pytest.mark.parametrize(
    "contents", [[], [Content()] * 5, [Content(categories=["a"])] * 5], ids=["none", "empty", "equal"]
)
def test_worlds_without_much_content_are_fitted_or_left(contents: list[Content]) -> None:
    factors = np.random.default_rng(0).normal(size=(len(contents), RANK)).astype(np.float32)
    placement = fit_placement(contents, factors)
    says_something = any(each.categories for each in contents)
    assert (placement is not None) == says_something
    if placement is not None:
        assert np.isfinite(placement.place(contents)).all()


def test_rare_features_are_left_out() -> None:
    contents, factors = world(50)
    placement = fit_placement(contents, factors)
    assert placement is not None
    assert len(placement.columns) == 8 + 1 + 1  # the kinds, "number", the bias; not the numbers of one item
    assert not placement.place([Content(attributes={"note": "7"})]).any()


def test_items_without_factors_do_not_count() -> None:
    contents, factors = world(50)
    only = fit_placement(contents[:40], factors[:40])
    factors[40:] = 0.0
    both = fit_placement(contents, factors)
    assert only is not None
    assert both is not None
    assert both.place(contents) == pytest.approx(only.place(contents), abs=1e-5)


def test_an_embedding_of_the_owner_places_items() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(300, 6))
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    factors = (vectors @ rng.normal(size=(6, RANK))).astype(np.float32)
    contents = [Content(embedding=vector.tolist()) for vector in vectors]
    placement = fit_placement(contents[:200], factors[:200])
    assert placement is not None
    placed = placement.place(contents[200:])
    cosines = (placed * factors[200:]).sum(axis=1)
    cosines /= np.linalg.norm(placed, axis=1) * np.linalg.norm(factors[200:], axis=1)
    assert cosines.min() > 0.95


def test_a_placement_is_read_back_as_it_was_stored_and_damage_is_told() -> None:
    contents, factors = world()
    contents[0] = contents[0]._replace(numbers={"year": 1999.0})
    placement = fit_placement(contents, factors)
    assert placement is not None
    raw = placement.encode()
    assert (Placement.decode(raw, placement.rank).place(contents) == placement.place(contents)).all()
    for damaged, why in ((raw[:-1], "damaged"), (b"", "Expecting value"), (b"{}\n", "lacks its sizes")):
        with pytest.raises(ValueError, match=why):
            Placement.decode(damaged)
    with pytest.raises(ValueError, match="not 99"):
        Placement.decode(raw, 99)
