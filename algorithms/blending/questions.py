"""Questions about the past: what was known of a user at a moment, and what the user liked next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.deviation import deviations
from algorithms.blending.trial_lists import TrialLists, trial_lists
from algorithms.metrics import Positives
from algorithms.parallel import parallel_map
from algorithms.signals.history import UNKNOWN, Histories, join_bounds, join_histories
from algorithms.signals.signal import Signal
from algorithms.top_n import best_of_rows, places_in_rows

Floats = NDArray[np.float64]

_NEWEST = 5000  # how many entries of the history a question about the next item uses
_DEPTH = 50  # how many of the best items of each signal are candidates
_PARTS = 4  # that may be computed beside one another
_BLOCK_NUMBERS = 2**18  # questions x items of a block: 2 MiB for each signal


@dataclass(frozen=True)
class Questions:
    """One row for each question; a user may have several. Positives may be items that the user has had."""

    histories: Histories
    positives: Positives
    users: NDArray[np.int64]  # the user of each question, since intervals draw whole users

    def __len__(self) -> int:
        return len(self.users)

    def select(self, places: NDArray[np.integer[Any]]) -> Questions:
        """The questions at these places."""
        return Questions(
            self.histories.select(places),
            Positives(*_ranges(self.positives.indptr, self.positives.indices, places)),
            self.users[places],
        )

    def sample(self, limit: int) -> Questions:
        """At most ``limit`` questions with a history and positives, by time and evenly over their times."""
        asked = np.flatnonzero((self.positives.counts > 0) & (np.diff(self.histories.indptr) > 0))
        asked = asked[np.argsort(self.histories.now_ms[asked], kind="stable")]
        if len(asked) > limit:
            asked = asked[np.arange(limit) * len(asked) // limit]
        return self.select(asked)


def join_questions(several: Sequence[Questions]) -> Questions:
    """All questions, one after another."""
    positives = [each.positives for each in several]
    return Questions(
        join_histories([each.histories for each in several]),
        Positives(
            join_bounds([each.indptr for each in positives]),
            np.concatenate([each.indices for each in positives]),
        ),
        np.concatenate([each.users for each in several]),
    )


@dataclass(frozen=True)
class Candidates:
    """Each question's candidates with their scores by every signal, padded to the longest row."""

    scores: dict[str, NDArray[np.float32]]  # (questions, candidates), in units of the signal's deviation
    is_candidate: NDArray[np.bool_]
    is_known: NDArray[np.bool_]
    is_positive: NDArray[np.bool_]
    positives: NDArray[np.int64]  # (questions): how many there are, candidates or not
    users: NDArray[np.int64]

    def lists(self, with_known_items: bool) -> TrialLists:
        """What lists may hold: all candidates, or only those that their user has not had."""
        return self._with_known_items if with_known_items else self._without_known_items

    @cached_property
    def _with_known_items(self) -> TrialLists:
        return trial_lists(self.scores, self.is_candidate, self.is_positive, self.positives)

    @cached_property
    def _without_known_items(self) -> TrialLists:
        is_new = self.is_candidate & ~self.is_known
        return trial_lists(self.scores, is_new, self.is_positive, self.positives)

    def rows(self, kept: NDArray[np.bool_]) -> Candidates:
        """Only some questions."""
        return Candidates(
            {name: scores[kept] for name, scores in self.scores.items()},
            self.is_candidate[kept],
            self.is_known[kept],
            self.is_positive[kept],
            self.positives[kept],
            self.users[kept],
        )


def next_item_questions(
    histories: Histories,
    is_target: NDArray[np.bool_],
    *,
    limit: int | None = None,
    newest: int = _NEWEST,
) -> Questions:
    """A question for each target entry, with its user's entries strictly before it (the ``newest`` of them).

    ``limit`` takes that number of targets, evenly spread over their times.
    """
    targets = np.flatnonzero(is_target & (histories.items != UNKNOWN))
    targets = targets[np.argsort(histories.times_ms[targets], kind="stable")]
    if limit is not None and len(targets) > limit:
        targets = targets[np.arange(limit) * len(targets) // limit]
    owners = histories.owners[targets]
    stops = histories.indptr[owners + 1]
    # The first entry (newest first) with an earlier time than the target's.
    moments = np.flatnonzero(np.diff(histories.newer, prepend=-1) != 0)
    following = np.searchsorted(moments, targets, side="right")
    starts = np.append(moments, len(histories.items))[following]
    starts = np.minimum(starts, stops)
    lengths = np.minimum(stops - starts, newest)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    places = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], lengths)
    asked = Histories(
        indptr=indptr,
        items=histories.items[places],
        grades=histories.grades[places],
        strengths=histories.strengths[places],
        times_ms=histories.times_ms[places],
        weights=histories.weights[places],
        now_ms=histories.times_ms[targets],
    )
    positives = Positives(np.arange(len(targets) + 1, dtype=np.int64), histories.items[targets])
    return Questions(asked, positives, owners)


def later_questions(histories: Histories, later: Histories, is_liked: NDArray[np.bool_]) -> Questions:
    """One question for each user: all that the user liked later, asked at the time of the first later entry.

    Both histories have the same users; ``is_liked`` marks entries of ``later``. A user who liked none of them
    has no positives.
    """
    liked = later.where(is_liked & later.is_newest_of_item)
    now = np.array(histories.now_ms)
    filled = np.diff(later.indptr) > 0
    now[filled] = later.times_ms[later.indptr[1:][filled] - 1]
    return Questions(histories.asked_at(now), Positives(liked.indptr, liked.items), np.arange(len(histories)))


def candidates(signals: Mapping[str, Signal], questions: Questions, depth: int = _DEPTH) -> Candidates:
    """For each question the ``depth`` best items of every signal, and of these among the known items.

    No known items are candidates where no question has a known positive.
    """
    if not len(questions):
        nothing = np.zeros((0, 0), np.bool_)
        scores = {name: np.zeros((0, 0), np.float32) for name in signals}
        return Candidates(scores, nothing, nothing, nothing, np.zeros(0, np.int64), questions.users)
    with_known = _has_known_positive(questions)

    def block_of(start: int, stop: int) -> tuple[Candidates, int]:
        asked = questions.select(np.arange(start, min(stop, len(questions))))
        return _block(signals, asked, depth, with_known)

    first, items = block_of(0, 1)  # it shows how many items there are
    step = max(1, _BLOCK_NUMBERS // items)
    blocks = range(1, len(questions), step)
    several = -(-len(blocks) // _PARTS)

    def stack_blocks(part: int) -> Candidates:
        return stack([block_of(start, start + step)[0] for start in blocks[part : part + several]])

    return stack([first, *parallel_map(stack_blocks, range(0, len(blocks), max(1, several)))])


def _has_known_positive(questions: Questions) -> bool:
    histories, positives = questions.histories, questions.positives
    size = 1 + max(int(histories.items.max(initial=0)), int(positives.indices.max(initial=0)))
    there = histories.items != UNKNOWN
    known = histories.owners[there] * size + histories.items[there]
    wanted = np.repeat(np.arange(len(questions)), positives.counts) * size + positives.indices
    return bool(np.isin(wanted, known).any())


def _block(
    signals: Mapping[str, Signal], questions: Questions, depth: int, with_known: bool
) -> tuple[Candidates, int]:
    """The candidates of some questions, and how many items there are."""
    histories, positives = questions.histories, questions.positives
    scored = {name: signal.score(histories) for name, signal in signals.items()}
    shape = next(iter(scored.values())).shape
    is_known, is_positive = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    there = histories.items != UNKNOWN
    is_known[histories.owners[there], histories.items[there]] = True
    is_positive[np.repeat(np.arange(shape[0]), positives.counts), positives.indices] = True
    chosen = np.zeros(shape, np.bool_)
    for scores in scored.values():
        scores /= deviations(scores)[:, None]
        _mark_best(np.where(is_known, 0.0, scores), depth, chosen)
        if with_known:
            _mark_best(np.where(is_known, scores, 0.0), depth, chosen)
    counts = chosen.sum(axis=1)
    rows, columns = np.nonzero(chosen)
    places = places_in_rows(counts)
    is_candidate = np.arange(counts.max(initial=0)) < counts[:, None]

    def pick(values: NDArray[Any], empty: Any) -> NDArray[Any]:
        filled = np.full(is_candidate.shape, empty, values.dtype)
        filled[rows, places] = values[rows, columns]
        return filled

    found = Candidates(
        {name: pick(scores, 0.0).astype(np.float32) for name, scores in scored.items()},
        is_candidate,
        pick(is_known, False),
        pick(is_positive, False),
        positives.counts,
        questions.users,
    )
    return found, shape[1]


def _mark_best(scores: Floats, depth: int, chosen: NDArray[np.bool_]) -> None:
    """Mark each row's best scores above 0 in ``chosen``, in place."""
    best, _ = best_of_rows(scores, depth)
    rows, places = np.nonzero(best >= 0)
    chosen[rows, best[rows, places]] = True


def stack(blocks: Sequence[Candidates]) -> Candidates:
    """The candidates of several blocks of questions, one after another; all have the same signals."""
    width = max(block.is_candidate.shape[1] for block in blocks)

    def stack(parts: list[NDArray[Any]], empty: Any) -> NDArray[Any]:
        wide = [np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=empty) for part in parts]
        return np.concatenate(wide)

    return Candidates(
        {name: stack([block.scores[name] for block in blocks], 0.0) for name in blocks[0].scores},
        stack([block.is_candidate for block in blocks], False),
        stack([block.is_known for block in blocks], False),
        stack([block.is_positive for block in blocks], False),
        np.concatenate([block.positives for block in blocks]),
        np.concatenate([block.users for block in blocks]),
    )


def _ranges(
    indptr: NDArray[np.int64], values: NDArray[Any], places: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    lengths = indptr[places + 1] - indptr[places]
    bounds = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    taken = np.arange(bounds[-1]) + np.repeat(indptr[places] - bounds[:-1], lengths)
    return bounds, values[taken]
