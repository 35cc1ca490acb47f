"""Latencies at a fixed rate of requests, below what a server can carry, and how sure a ratio of them is.

At saturation a percentile tells how long the queue is. At a fixed rate it tells what an answer takes, and
what is done beside it. Requests come from many connections at random moments: a slow answer holds back its
own connection only, so nearly all requests are sent when they would have been sent to a fast server.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

_CONNECTIONS = 256
_LUA = """
delay = function() return math.random(0, {longest_ms}) end
request = function() return wrk.format("GET", "/v1/users/u" .. math.random(0, {users} - 1)
  .. "/recommendations") end
done = function(summary, latency)
  for place = 1, #latency do
    local value, count = latency(place)
    io.write("took ", value, " ", count, "\\n")
  end
end
"""
Latencies = Counter[int]  # µs -> answers
_DRAWS = 1000


class Interval(NamedTuple):
    """Where a figure is with a certainty of 95 %."""

    low: float
    high: float


def ask_steadily(folder: Path, url: str, users: int, rate: float, seconds: int) -> Latencies:
    """Ask for users' lists. Raises SystemExit where an answer is no success or few requests were sent."""
    script = folder / "steady.lua"
    longest_ms = round(2000 * _CONNECTIONS / rate)  # pauses are half of it in the mean
    script.write_text(_LUA.format(longest_ms=longest_ms, users=users))
    options = ["-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "-s", str(script)]
    shown = subprocess.run(["wrk", *options, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in shown or "Socket errors" in shown:
        raise SystemExit(
            f"{url} failed at {rate:.0f} requests/s, which it should carry\n{_without_latencies(shown)}"
        )
    found = re.findall(r"^took (\d+) (\d+)$", shown, re.MULTILINE)
    latencies = Counter({int(value): int(count) for value, count in found})
    if latencies.total() < 0.8 * rate * seconds:
        raise SystemExit(f"{url} got only {latencies.total()} requests in {seconds} s: too busy a machine")
    return latencies


def _without_latencies(shown: str) -> str:
    return "\n".join(line for line in shown.splitlines() if not line.startswith("took "))


def percentile(rounds: Sequence[Latencies], share: float) -> int:
    """The latency (µs) that this share of all answers of all rounds did not exceed."""
    together = sum(rounds, Counter[int]())
    values = sorted(together)
    reached = np.cumsum([together[value] for value in values])
    return values[int(np.searchsorted(reached, share * reached[-1]))]


def ratios(peer: Sequence[Latencies], ours: Sequence[Latencies], share: float) -> list[float]:
    """Of the peer's percentile and ours, in each pair of rounds that ran one after another."""
    pairs = zip(peer, ours, strict=True)
    return [percentile([theirs], share) / percentile([our], share) for theirs, our in pairs]


def interval_of_median(figures: Sequence[float]) -> Interval:
    """Where the median is that many more rounds would have, by drawing the rounds with replacement."""
    drawn = np.random.default_rng(42).choice(figures, (_DRAWS, len(figures)))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    return Interval(float(low), float(high))
