from __future__ import annotations

import numpy as np
import pytest

from algorithms.blending.questions import candidates, join_questions, later_questions, next_item_questions
from algorithms.signals.transitions import fit_transitions
from tests.algorithms.signals.worlds import of_events, random_histories


def test_each_target_is_predicted_only_from_events_before_it() -> None:
    histories = of_events([(0, 1, 1), (0, 2, 2), (0, 3, 2), (0, 4, 5), (1, 5, 9)], users=2)
    questions = next_item_questions(histories, np.ones(5, np.bool_))
    asked = questions.histories
    known = {
        int(target): asked.items[start:stop].tolist()
        for target, start, stop in zip(
            questions.positives.indices, asked.indptr[:-1], asked.indptr[1:], strict=True
        )
    }
    assert known == {1: [], 2: [1], 3: [1], 4: [3, 2, 1], 5: []}
    assert sorted(asked.now_ms.tolist()) == [1, 2, 2, 5, 9]
    assert questions.users.tolist() == [0, 0, 0, 0, 1]


def test_questions_are_about_targets_only_and_a_limit_spreads_them_evenly_over_time() -> None:
    histories = random_histories()
    targets = histories.grades >= 1
    everything = next_item_questions(histories, targets)
    assert len(everything) == targets.sum()
    limited = next_item_questions(histories, targets, limit=10, newest=3)
    assert len(limited) == 10
    assert (np.diff(limited.histories.indptr) <= 3).all()
    assert (np.diff(limited.histories.now_ms) >= 0).all()


def test_a_users_later_period_is_one_question_at_its_first_event() -> None:
    past = of_events([(0, 1, 1), (1, 2, 4)], users=3)
    later = of_events([(0, 3, 7), (0, 4, 9), (0, 4, 10), (1, 5, 8)], users=3)
    questions = later_questions(past, later, later.items != 3)
    assert questions.histories.now_ms.tolist() == [7, 8, 0]
    assert questions.positives.counts.tolist() == [1, 1, 0]
    assert questions.positives.indices.tolist() == [4, 5]
    assert len(questions.sample(10)) == 2
    assert len(questions.sample(1)) == 1


def test_joined_questions_keep_their_order() -> None:
    past, later = of_events([(0, 1, 1), (1, 2, 4)], users=2), of_events([(0, 3, 7), (1, 5, 8)], users=2)
    at_once = later_questions(past, later, np.ones(2, np.bool_))
    following = next_item_questions(past, np.array([True, False]))
    joined = join_questions([at_once, following, at_once])
    assert len(joined) == 5
    assert joined.positives.indices.tolist() == [3, 5, 1, 3, 5]
    assert joined.users.tolist() == [0, 1, 0, 0, 1]
    last = joined.select(np.array([3, 4]))
    assert last.histories.items.tolist() == at_once.histories.items.tolist()
    assert last.histories.now_ms.tolist() == [7, 8]
    assert last.positives.counts.tolist() == [1, 1]


def test_a_question_without_a_history_is_not_sampled() -> None:
    later = of_events([(0, 3, 7), (1, 5, 8)], users=2)
    questions = later_questions(of_events([(1, 2, 4)], users=2), later, np.ones(2, np.bool_))
    assert questions.sample(10).users.tolist() == [1]


def test_candidates_are_the_union_of_the_signals_highest_items() -> None:
    histories = random_histories(users=40)
    fitted = fit_transitions(histories, 12)
    questions = next_item_questions(histories, np.ones(len(histories.items), np.bool_))
    scored = candidates({"T": fitted}, questions, depth=3)
    assert scored.is_candidate.shape[0] == len(questions)
    # Items come again here, so as many known ones are candidates.
    assert (scored.is_candidate.sum(axis=1) <= 6).all()
    assert not scored.is_positive[~scored.is_candidate].any()
    assert (scored.scores["T"][scored.is_candidate] > 0).all()
    assert (scored.positives == 1).all()
    assert np.array_equal(scored.rows(scored.users < 5).users, questions.users[questions.users < 5])


def test_candidates_are_the_same_in_blocks_of_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    histories = random_histories(users=40)
    fitted = fit_transitions(histories, 12)
    questions = next_item_questions(histories, np.ones(len(histories.items), np.bool_))
    at_once = candidates({"T": fitted}, questions, depth=3)
    monkeypatch.setattr("algorithms.blending.questions._BLOCK_NUMBERS", 24)
    in_blocks = candidates({"T": fitted}, questions, depth=3)
    assert np.array_equal(in_blocks.scores["T"], at_once.scores["T"])
    assert np.array_equal(in_blocks.is_known, at_once.is_known)
    assert at_once.is_known.any()


def test_without_questions_there_are_no_candidates() -> None:
    histories = random_histories()
    questions = next_item_questions(histories, np.zeros(len(histories.items), np.bool_))
    scored = candidates({"T": fit_transitions(histories, 12)}, questions)
    assert scored.is_candidate.shape == (0, 0)
