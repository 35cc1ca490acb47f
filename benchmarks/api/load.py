"""One API process under twice the load that it can carry: what it answers, and how it recovers.

First the peak: a closed loop of 32 connections. Then many connections that each ask at random moments,
however long an answer takes (wrk's ``delay``), so that twice the peak is asked for; what is over gets a 503.
Afterwards: how long until the API answers as fast as before, and how much memory it had taken.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from benchmarks.api.serving import listening, serving_process, write_state, wrk
from benchmarks.context import BenchContext, Ratio

# Connections spend time on waiting, so more requests are planned than twice the peak.
_CONNECTIONS, _SECONDS, _OVER = 4000, 30, 2.2
_RECOVERY_SECONDS = 5.0
_PATH = "/v1/users/u7/recommendations"


def run(context: BenchContext) -> list[Ratio]:
    """Goodput beside the peak, recovery beside five seconds, memory beside that at rest."""
    write_state(context.redis_url)
    with serving_process(context) as url:
        peak = wrk(url, _script(context, "peak", ""), 32, max(2, round(10 * context.scale))).rate
        process = listening(url)
        at_rest, before = process.memory_info().rss / 1e6, _latency(url)
        delay = _CONNECTIONS / (_OVER * peak) * 1000
        # Random pauses; otherwise connections that opened together would all ask together.
        script = f"delay = function() return math.random(0, {2 * delay:.0f}) end\n"
        offered, goodput = _overload(context, url, script)
        recovery = _recovery(url, before)
        grown = process.memory_info().rss / 1e6
    note = f"offered {offered / peak:.1f}× the peak of a closed loop of 32 connections"
    return [
        Ratio(
            name="goodput at twice the load",
            ours=goodput,
            peer=peak,
            ratio=goodput / peak,
            unit="answers/s",
            target=0.8,
            note=note,
        ),
        Ratio(
            name="recovery after it",
            ours=recovery,
            peer=_RECOVERY_SECONDS,
            ratio=_RECOVERY_SECONDS / max(recovery, 0.01),
            unit="s",
            target=1.0,
            note="five seconds, until the median answer takes no more than twice as long as before",
        ),
        Ratio(
            name="memory after it",
            ours=grown,
            peer=at_rest,
            ratio=at_rest / grown,
            unit="MB",
            target=0.5,
            note="the same process at its peak",
        ),
    ]


def _script(context: BenchContext, name: str, more: str) -> Path:
    path = context.work_dir / f"{name}.lua"
    path.write_text(f"wrk.path = '{_PATH}'\n{more}")
    return path


def _overload(context: BenchContext, url: str, script: str) -> tuple[float, float]:
    """Requests a second that got any answer, and those that got a list."""
    seconds = max(3, round(_SECONDS * context.scale))
    options = ["-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "-s", str(_script(context, "over", script))]
    shown = subprocess.run(["wrk", *options, url], capture_output=True, text=True, check=True).stdout
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", shown)
    total, took = _numbers(r"(\d+) requests in ([\d.]+)s", shown)
    return total / took, (total - (int(refused[1]) if refused else 0)) / took


def _numbers(pattern: str, text: str) -> Sequence[float]:
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(f"wrk did not say {pattern}:\n{text}")
    return [float(each) for each in found.groups()]


def _latency(url: str) -> float:
    """The median seconds of twenty answers, one after another."""
    seconds = []
    for _ in range(20):
        started = time.monotonic()
        with urlopen(url + _PATH, timeout=5) as answer:
            answer.read()
        seconds.append(time.monotonic() - started)
    return median(seconds)


def _recovery(url: str, before: float) -> float:
    """Seconds until answers are as fast as before the load; an error (503) means not yet."""
    started = time.monotonic()
    while time.monotonic() - started < 60:
        try:
            if _latency(url) <= 2 * before:
                break
        except OSError:
            time.sleep(0.05)
    return time.monotonic() - started
