from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.blending.trial_lists import trial_lists
from algorithms.metrics import Positives, ndcg_at_k
from tests.examples import examples


@examples(60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.sampled_from([1, 3, 10]))
def test_the_figure_is_that_of_the_sorted_trialswith_ties_and_barred_candidates(
    seed: int, width: int, k: int
) -> None:
    rng, questions = np.random.default_rng(seed), 12
    # Few distinct scores, so that many are equal.
    scores = {name: rng.integers(0, 3, (questions, width)).astype(np.float32) for name in "ab"}
    is_listed, is_positive = rng.random((2, questions, width)) < [[[0.8]], [[0.2]]]
    positives = is_positive.sum(axis=1) + rng.integers(0, 2, questions)
    trials = trial_lists(scores, is_listed, is_positive, positives)
    weights = {"a": 1.0, "b": 0.5}

    total = np.where(is_listed, scores["a"] + np.float32(0.5) * scores["b"], -np.inf)
    lists = np.argsort(-total, axis=1, kind="stable")[:, :k].astype(np.int32)
    lists[~np.take_along_axis(is_listed, lists, axis=1)] = -1
    # Positives that are no candidates get numbers beyond all candidates.
    wanted = [
        [*np.flatnonzero(row), *range(width, width + many - int(row.sum()))]
        for row, many in zip(is_positive, positives.tolist(), strict=True)
    ]
    indptr = np.concatenate([[0], np.cumsum([len(each) for each in wanted])])
    expected = ndcg_at_k(lists, Positives(indptr, np.concatenate(wanted).astype(np.int32)), k)
    assert trials.ndcg(weights, k) == pytest.approx(np.nan_to_num(expected))


def test_without_a_positive_among_the_candidates_every_question_has_none() -> None:
    nothing = np.zeros((3, 2), np.bool_)
    trials = trial_lists({"a": np.ones((3, 2), np.float32)}, ~nothing, nothing, np.ones(3, np.int64))
    assert trials.ndcg({"a": 1.0}, 10).tolist() == [0.0, 0.0, 0.0]
