"""How often a drift detector raises a false alarm on steady streams, and how late it finds planted drifts.

    python -m benchmarks.studies.drift_delays [--blocks 20000]

Two tables for docs/decisions/0023-experiments.md. Detectors take blocks of events, in units of the first
blocks' deviation, as training/drift/detector.py does; a block is 48 events.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from river import drift

from benchmarks.studies.drifting_streams import Array, bursts, plant_drift
from training.drift.detector import BASELINE, BLOCK, DELTA
from training.drift.shortfall import Shortfall

DETECTORS: dict[str, Callable[[], Any]] = {
    f"ADWIN, delta {DELTA} (used)": partial(drift.ADWIN, delta=DELTA, clock=1),
    "ADWIN, delta 0.05": partial(drift.ADWIN, delta=0.05, clock=1),
    "PageHinkley, delta 0.5, threshold 10": partial(
        drift.PageHinkley, min_instances=5, delta=0.5, threshold=10.0, alpha=1.0
    ),
    "PageHinkley, delta 0.5, threshold 20": partial(
        drift.PageHinkley, min_instances=5, delta=0.5, threshold=20.0, alpha=1.0
    ),
    "KSWIN, alpha 1e-5": partial(drift.KSWIN, alpha=1e-5, window_size=60, stat_size=20, seed=1),
}
LEVELS = ((0.5, 0.35), (0.1, 0.05), (0.7, 0.8))
RUNS, DRIFT_BLOCKS = 10, 300
EXPECTED = (0.05, 0.1, 0.3, 0.5)
SHARES = (1.0, 0.9, 0.75, 0.6, 0.5, 0.25)
VERSION_BLOCKS = 400


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--blocks", type=int, default=20_000, help="steady blocks for the false alarms")
    asked = parser.parse_args()
    print("| detector | false alarms a million events | abrupt | gradual | recurring | missed |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, make in DETECTORS.items():
        false = sum(_steady_alarms(make, level, asked.blocks // len(LEVELS)) for level, _ in LEVELS)
        delays = {kind: _delays(make, kind) for kind in ("abrupt", "gradual", "recurring")}
        cells = [_median(each) for each in delays.values()]
        missed = sum(int(np.isnan(each).sum()) for each in delays.values())
        runs = sum(map(len, delays.values()))
        rate = false / (asked.blocks * BLOCK) * 1e6
        print(f"| {name} | {rate:.1f} | {' | '.join(cells)} | {missed} of {runs} |")
    _print_shortfalls(asked.blocks)


def _print_shortfalls(blocks: int) -> None:
    """How the check against the gate's expectation does, for versions that are as good as expected or worse.

    A version is looked at for VERSION_BLOCKS; the reached share holds from its first event on.
    """
    print("\n| live hit rate, beside the expected one | versions with an alarm | median events until it |")
    print("|---|---:|---:|")
    versions = max(1, blocks // VERSION_BLOCKS // len(EXPECTED))
    for share in SHARES:
        found = [_shortfall_delay(each, share, seed) for each in EXPECTED for seed in range(versions)]
        late = [delay for delay in found if delay is not None]
        print(
            f"| {share:.0%} | {len(late)} of {len(found)} | {f'{np.median(late):,.0f}' if late else 'none'} |"
        )


def _shortfall_delay(expected: float, share: float, seed: int) -> int | None:
    """Events until the alarm; None without one."""
    check = Shortfall(expected)
    values = bursts(np.random.default_rng(seed), np.full(VERSION_BLOCKS * BLOCK, expected * share))
    for end in range(BLOCK, len(values) + 1, BLOCK):
        if check.takes(values[end - BLOCK : end]):
            return end
    return None


def _median(delays: Array) -> str:
    known = delays[~np.isnan(delays)]
    return f"{np.median(known) * BLOCK:,.0f}" if len(known) else "none"


def _steady_alarms(make: Callable[[], Any], level: float, blocks: int) -> int:
    rng = np.random.default_rng(41)
    return len(_alarms(make, bursts(rng, np.full(blocks * BLOCK, level))))


def _delays(make: Callable[[], Any], kind: str) -> Array:
    """Blocks from the drift's beginning to the first alarm after it; NaN where there is none."""
    found = []
    for before, after in LEVELS:
        for seed in range(RUNS):
            rng = np.random.default_rng(100 + seed)
            events = plant_drift(kind, before, after, DRIFT_BLOCKS * BLOCK)
            late = [each for each in _alarms(make, bursts(rng, events)) if each >= DRIFT_BLOCKS]
            found.append(late[0] - DRIFT_BLOCKS + 1.0 if late else np.nan)
    return np.asarray(found)


def _alarms(make: Callable[[], Any], values: Array) -> list[int]:
    levels = values.reshape(-1, BLOCK).mean(axis=1)
    found, start, detector = [], 0, make()
    for place in range(len(levels)):
        if place < start + BASELINE:
            continue
        baseline = levels[start : start + BASELINE]
        deviation = max(float(baseline.std(ddof=1)), 1e-3)
        detector.update((float(levels[place]) - float(baseline.mean())) / deviation)
        if detector.drift_detected:
            found.append(place)
            start, detector = place + 1, make()
    return found


if __name__ == "__main__":
    main()
