"""How often the statistics of experiments err, by simulation.

    python -m benchmarks.studies.experiment_errors [--runs 1000] [--looks 1000]

Experiments without a difference (A/A) are looked at a thousand times each: a test that is valid under peeking
rejects in at most 5 % of them at any look. Others have a planted lift of the stated size.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from benchmarks.studies.clicking_users import looks_at_returning_users, looks_of_an_arm
from experiments.statistics.comparison import MIN_UNITS, any_time, fixed_horizon
from experiments.statistics.power import plan
from experiments.statistics.ratio import ArmValue, arm_value, ratio_sums
from experiments.statistics.sample_ratio import sample_ratio

ALPHA, BLOCK = 0.05, 100


def main() -> None:
    """Print one line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--looks", type=int, default=1000)
    asked = parser.parse_args()
    rng = np.random.default_rng(20)
    for what, share in figures(rng, asked.runs, asked.looks):
        print(f"{what:<78} {share:7.1%}")


def figures(rng: np.random.Generator, runs: int, looks: int) -> Iterator[tuple[str, float]]:
    """What is counted, and the share of runs in which it happened."""
    for effect in (0.05, 0.2):
        found = [errors_of_a_block(rng, looks, effect) for _ in range(max(1, runs // BLOCK))]
        peeked, valid, at_end = np.mean(found, axis=0)
        name = f"A/A, {looks} looks, minimum effect {effect:.0%}"
        yield f"{name}: the fixed-horizon test rejects at any look", peeked
        yield f"{name}: the test valid under peeking rejects at any look", valid
        yield f"{name}: the fixed-horizon test rejects at the end", at_end
    returning = [returning_errors(rng, looks // 5) for _ in range(max(1, runs // BLOCK))]
    yield f"A/A, {looks // 5} looks at users who come back: valid test rejects", float(np.mean(returning))
    fixed, sequential = found_lifts(rng, runs)
    yield "a lift of the stated size, planned for 80 % power: fixed-horizon test finds it", fixed
    yield "the same with three times the users: the valid test finds it", sequential
    yield "a fair split raises the alarm at any of 200 looks", split_alarms(rng, runs // 5, 0.5)
    yield "a split of 48 to 52 raises the alarm within 20,000 users", split_alarms(rng, runs // 5, 0.48)


def errors_of_a_block(rng: np.random.Generator, looks: int, effect: float) -> tuple[float, float, float]:
    """Shares of A/A runs: rejected when peeked at, by the valid test, by the fixed test at the end."""
    control, arm = (looks_of_an_arm(rng, BLOCK, looks, 10) for _ in range(2))
    fixed, valid = fixed_horizon(control, arm), any_time(control, arm, effect)
    peeked = (fixed.p_value[:, MIN_UNITS // 10 :] < ALPHA).any(axis=1).mean()
    return (
        float(peeked),
        float((valid.p_value < ALPHA).any(axis=1).mean()),
        float((fixed.p_value[:, -1] < ALPHA).mean()),
    )


def returning_errors(rng: np.random.Generator, looks: int) -> float:
    """The share of A/A runs of users who come back that the valid test rejects at any look."""
    control, arm = (looks_at_returning_users(rng, BLOCK, looks, 200) for _ in range(2))
    return float((any_time(control, arm, 0.1).p_value < ALPHA).any(axis=1).mean())


def found_lifts(rng: np.random.Generator, runs: int) -> tuple[float, float]:
    """The shares of runs with a planted lift in which it is found: at the planned end, and by any look."""
    mean, effect = 2.0, 0.2
    needed = plan(mean, mean, 0, 1.0, effect).needed_units or 0
    control, arm = (_sample(rng, runs, needed, mean, more) for more in (0.0, mean * effect))
    fixed = float((fixed_horizon(control, arm).p_value < ALPHA).mean())
    control, arm = (_sample(rng, runs, 3 * needed, mean, more) for more in (0.0, mean * effect))
    return fixed, float((any_time(control, arm, effect).p_value < ALPHA).mean())


def _sample(rng: np.random.Generator, runs: int, users: int, mean: float, more: float) -> ArmValue:
    return arm_value(ratio_sums(rng.exponential(mean, (runs, users)) + more))


def split_alarms(rng: np.random.Generator, runs: int, share: float) -> float:
    """The share of runs in which the check of the split raises the alarm at any look."""
    alarms = 0
    for _ in range(runs):
        counts = rng.multinomial(100, [share, 1 - share], size=200).cumsum(axis=0)
        alarms += any(sample_ratio(row, [1, 1]).alarm for row in counts.tolist())
    return alarms / runs


if __name__ == "__main__":
    main()
