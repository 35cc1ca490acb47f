"""The blend of signals beside its parts and simple rivals, on a folder of ratings.

    python -m benchmarks.studies.blended_ranking --ratings DIR [--lists FOLDER] [--next-item]

Per user: each user's newest fifth is the test, the newest fifth of the rest is what weights are chosen on
(training.data.split.per_user_temporal), and for few users the newest fifths before it; the chosen signals are
fitted again on all before the test. Next item: the protocol of docs/decisions/0004-recency.md, chosen on the
ratings from 60 to 80 % and from 40 to 60 % of the log, reported on the last 20 %, short lists filled by
popularity. Positives are ratings of 4 and more; known items are left out. With --lists, the split and every
list are written for an evaluator of its own.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from algorithms.blending.blend import Blend
from algorithms.blending.choice import MAX_QUESTIONS, Choice, Slice, choose
from algorithms.blending.questions import Questions, later_questions, next_item_questions
from algorithms.blending.signal_options import fit_offered
from algorithms.blending.weights import Candidate
from algorithms.bootstrap import Figure
from algorithms.metrics import ndcg_at_k
from algorithms.signals.factors import Factors
from algorithms.signals.history import Histories, from_events, grade_ratings
from algorithms.top_n import best_of_rows
from benchmarks.studies.ranking_models import POSITIVE, Array, K
from benchmarks.studies.tuned_peers import newest
from contracts.settings import TrainingSettings
from training.evaluation import rival_lists
from training.evaluation.held_out import MeasuredHistories
from training.fit.als import ranking
from training.in_memory.als import both_sides, full_items

_SETTINGS = TrainingSettings()
_RESAMPLES = 2000
_SLICES = 3
_BLOCK = 256


class Log(NamedTuple):
    """Ratings in the order of the file, with dense numbers of users and items; ``times`` in ms."""

    users: Array
    items: Array
    ratings: Array
    times: Array
    user_ids: list[str]
    item_ids: list[str]

    def histories(self, places: Array) -> Histories:
        """The log of the chosen ratings."""
        ratings = self.ratings[places]
        table = sorted(_SETTINGS.rating_strengths.items())
        strengths = np.array([value for _, value in table])
        reached = np.searchsorted([key for key, _ in table], ratings, side="right") - 1
        return from_events(
            self.users[places],
            self.items[places],
            self.times[places],
            user_count=len(self.user_ids),
            grades=grade_ratings(ratings),
            strengths=strengths[np.maximum(reached, 0)],
            weights=ratings,  # popularity is raters x mean rating
        )


def read_log(path: Path) -> Log:
    """A MovieLens ratings.csv."""
    rows = np.loadtxt(path, delimiter=",", skiprows=1)
    user_ids, users = np.unique(rows[:, 0].astype(np.int64), return_inverse=True)
    item_ids, items = np.unique(rows[:, 1].astype(np.int64), return_inverse=True)
    times = (rows[:, 3] * 1000).astype(np.int64)
    return Log(users, items, rows[:, 2], times, [*map(str, user_ids)], [*map(str, item_ids)])


def fit_factors(histories: Histories, items: int) -> Factors:
    """Implicit ALS with the default settings."""
    owners, problem = histories.owners.astype(np.int32), ranking(_SETTINGS)
    sides = both_sides(owners, histories.items, histories.strengths, len(histories), items)
    return Factors(full_items(sides, problem, seed=0), problem.reg_param, problem.alpha)


def blends(choice: Choice) -> dict[str, Blend]:
    """The lists that the table compares."""
    fixed = {
        "popularity": {"popularity": 1.0},
        "EASE": {"item_to_item/0": 1.0},
        "EASE faded": {"item_to_item/15": 1.0},
        "ALS of today": {"factors": 1.0},
        "T": {"transitions/4": 1.0},
        "T next": {"transitions_next/1": 1.0},
        "E+T": {"item_to_item/15": 1.0, "transitions/4": 0.7},
        "E+T+A": {"item_to_item/15": 1.0, "transitions/4": 0.7, "factors": 0.2},
    }
    return {name: Blend(weights, weights) for name, weights in fixed.items()} | {"chosen": choice.blend}


def rank(blend: Blend, offered: Sequence[Candidate], questions: Questions, n: int) -> Array:
    """The lists of each question; a user without a history has none."""
    signals = {each.name: each.signal for each in offered}
    return blend.rank(signals, questions.histories, n)[0]


def popular_lists(offered: Sequence[Candidate], questions: Questions, n: int) -> Array:
    """The items that were most popular at the moment of each question; users need no history."""
    popularity = next(each.signal for each in offered if each.name == "popularity")
    lists = []
    for start in range(0, len(questions), _BLOCK):
        histories = questions.histories.rows(start, min(start + _BLOCK, len(questions)))
        scores = popularity.score(histories)
        scores[histories.owners, histories.items] = -np.inf
        lists.append(best_of_rows(scores, n)[0])
    return np.concatenate(lists)


def by_user(questions: Questions, values: Array) -> Array:
    """The sum and the number of questions of each user, to draw whole users."""
    asked = questions.positives.counts > 0
    place = np.unique(questions.users[asked], return_inverse=True)[1]
    return np.column_stack([np.bincount(place, values[asked]), np.bincount(place)])


def interval(sums: Array, seed: int = 0) -> Figure:
    """The mean over questions; its interval is a bootstrap over users."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(sums), (_RESAMPLES, len(sums)))
    totals = sums[drawn].sum(axis=1)
    low, high = np.percentile(totals[:, 0] / totals[:, 1], [2.5, 97.5])
    return Figure(float(sums[:, 0].sum() / sums[:, 1].sum()), float(low), float(high))


def print_table(questions: Questions, lists: Mapping[str, Array], champion: str) -> dict[str, Array]:
    """NDCG@10 of each, and the paired difference of the champion to it."""
    gains = {
        name: by_user(questions, ndcg_at_k(found, questions.positives, K)) for name, found in lists.items()
    }
    print(f"{len(questions)} questions; NDCG@{K} [95 % interval]   {champion} minus it")
    for name, sums in gains.items():
        figure = interval(sums)
        difference = interval(np.column_stack([gains[champion][:, 0] - sums[:, 0], sums[:, 1]]))
        print(f"  {name:14s} {_text(figure)}   {_text(difference)}")
    return gains


def _text(figure: Figure) -> str:
    return f"{figure.mean:+.4f} [{figure.low:+.4f}, {figure.high:+.4f}]"


def print_choice(choice: Choice) -> None:
    """Print the chosen weights, and the figures that chose them."""
    for name, horizon in (("hot", choice.hot), ("cold", choice.cold)):
        weights = {signal: round(weight, 3) for signal, weight in horizon.weights.items()}
        print(f"  {name}: {weights}   {horizon.why}")
        for step in horizon.steps:
            print(f"      {step.name} at {step.weight:.2f}: {_text(step.gain)}")
        if horizon.ndcg:
            best = sorted(horizon.alone.items(), key=lambda pair: -pair[1])[:6]
            print(f"      {_text(horizon.ndcg)}; alone: " + ", ".join(f"{n} {v:.4f}" for n, v in best))


def item_knn(asked: Histories, learnt: Histories, items: int, known_too: bool = False) -> Array:
    """The item-kNN of the evaluation, with its defaults; ``known_too``: its lists hold known items, too."""
    past = _measured_histories(asked)
    left_out = past.where(np.zeros(len(past.items), np.bool_)) if known_too else past
    return rival_lists.item_knn(past, items, K, left_out, _measured_histories(learnt))


def _measured_histories(histories: Histories) -> MeasuredHistories:
    histories = histories.where(histories.is_newest_of_item)
    order = np.lexsort((histories.items, histories.owners))
    return MeasuredHistories(
        indptr=histories.indptr,
        items=histories.items[order],
        strengths=histories.strengths[order],
        ratings=np.full(len(order), np.nan),
        liked=histories.strengths[order] > 0,
        times=histories.times_ms[order],
    )


def per_user(log: Log, folder: Path | None) -> None:
    """One question for each user: all of the newest fifth at once."""
    everything = np.arange(len(log.users))
    test = newest(log.users, log.items, log.times)
    past = everything[~test]
    started = time.perf_counter()
    choice = choose(slices_of(log, past))
    print(f"chosen in {time.perf_counter() - started:.1f} s, fits of all settings included")
    print_choice(choice)
    started = time.perf_counter()
    names = {name for blend in blends(choice).values() for name in blend.names}
    offered = offered_of(log, past, None, names)
    questions = later_of(log, past, everything[test])
    print(f"fitted again in {time.perf_counter() - started:.1f} s")
    lists = {name: rank(blend, offered, questions, K) for name, blend in blends(choice).items()}
    lists["item-kNN"] = item_knn(questions.histories, questions.histories, len(log.item_ids))
    print_table(questions, lists, "chosen")
    if folder is not None:
        write(log, past, everything[test], lists, folder)


def slices_of(log: Log, past: Array) -> list[Slice]:
    """The newest fifth of each user, and while there are few users that of the rest, up to three times."""
    slices, asked = list[Slice](), 0
    while len(slices) < _SLICES and asked < MAX_QUESTIONS:
        is_chosen_on = newest(log.users[past], log.items[past], log.times[past])
        train, slice_rows = past[~is_chosen_on], past[is_chosen_on]
        slices.append(Slice(offered_of(log, train, slice_rows), later_of(log, train, slice_rows)))
        asked += int((slices[-1].questions.positives.counts > 0).sum())
        past = train
    return slices


def offered_of(
    log: Log, train: Array, later: Array | None, only: Collection[str] | None = None
) -> list[Candidate]:
    """All signals, fitted from some rows; later rows move them as in production."""
    histories, items = log.histories(train), len(log.item_ids)
    everything = None if later is None else log.histories(np.concatenate([train, later]))
    return fit_offered(
        histories, items, factors=fit_factors(histories, items), everything=everything, only=only
    )


def later_of(log: Log, train: Array, later: Array) -> Questions:
    """One question for each user: all that the user liked in the later rows."""
    after = log.histories(later)
    return later_questions(log.histories(train), after, after.grades >= 1.0)


def next_item(log: Log) -> None:
    """Print the table for questions about each later positive, asked with all earlier ratings of its user."""
    order = np.argsort(log.times, kind="stable")

    def ask(first: int, last: int, limit: int | None) -> Questions:
        rows = order[:last]
        # The weights hold the rows' places in time, which tell the targets from the others.
        is_target = (np.arange(last) >= first) & (log.ratings[rows] >= POSITIVE)
        columns = log.users[rows], log.items[rows], log.times[rows]
        marked = from_events(*columns, user_count=len(log.user_ids), weights=is_target.astype(np.float64))
        return next_item_questions(log.histories(rows), marked.weights > 0, limit=limit)

    def slice_of(start: float, stop: float) -> Slice:
        first, last = int(len(order) * start), int(len(order) * stop)
        return Slice(offered_of(log, order[:first], order[first:last]), ask(first, last, MAX_QUESTIONS))

    started = time.perf_counter()
    choice = choose([slice_of(0.6, 0.8), slice_of(0.4, 0.6)])
    print(f"chosen in {time.perf_counter() - started:.1f} s, fits of all settings included")
    print_choice(choice)
    first = int(len(order) * 0.8)
    names = {name for blend in blends(choice).values() for name in blend.names}
    offered = offered_of(log, order[:first], order[first:], names)
    questions = ask(first, len(order), None)
    lists = {name: rank(blend, offered, questions, K) for name, blend in blends(choice).items()}
    lists["popularity"] = popular_lists(offered, questions, K)
    lists = {name: fill(found, lists["popularity"]) for name, found in lists.items()}
    print_table(questions, lists, "chosen")


def fill(lists: Array, popular: Array) -> Array:
    """The lists, where a user without one gets the popular list of the moment, as in serving."""
    return np.asarray(rival_lists.fill_up(lists, popular))


def write(log: Log, train: Array, test: Array, lists: Mapping[str, Array], folder: Path) -> None:
    """Write the split as TSV and each set of lists as JSON lines."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("train.tsv", train), ("test.tsv", test)):
        with (folder / name).open("w") as file:
            file.write("user_id\titem_id\trating\n")
            for row in rows.tolist():
                user, item = log.user_ids[log.users[row]], log.item_ids[log.items[row]]
                file.write(f"{user}\t{item}\t{log.ratings[row]}\n")
    for name, found in lists.items():
        with (folder / f"{name.replace(' ', '_')}.jsonl").open("w") as file:
            for user, row in enumerate(found):
                items = [log.item_ids[item] for item in row if item >= 0]
                file.write(json.dumps({"user_id": log.user_ids[user], "items": items}) + "\n")


def main() -> None:
    """Read the command line, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ratings", type=Path, required=True, help="folder with a MovieLens ratings.csv")
    parser.add_argument("--lists", type=Path, help="where the split and the lists are written")
    parser.add_argument("--next-item", action="store_true", help="the next-item protocol instead")
    options = parser.parse_args()
    log = read_log(options.ratings / "ratings.csv")
    if options.next_item:
        next_item(log)
    else:
        per_user(log, options.lists)


if __name__ == "__main__":
    main()
