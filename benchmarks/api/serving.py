"""GET /v1/users/{id}/recommendations against a bare FastAPI route that returns a constant of the same size.

Both on uvicorn with one worker, asked by wrk over 32 connections. Ours reads each user's state from Redis,
filters and names the items; the bare route has the same path and returns a dictionary.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from os import environ
from pathlib import Path
from random import Random
from typing import NamedTuple
from urllib.request import urlopen

import psutil
import redis

from benchmarks.context import BenchContext, Ratio, alternating, median_ratio
from contracts.stored import keyspace, records
from stack.machine.ports import LOOPBACK, free_port

USERS, _ITEMS, _KNOWN, _LIST = 500, 4000, 100, 100
_ROUNDS, _SECONDS, CONNECTIONS = 3, 5, 32
_PATH = "/v1/users/u1/recommendations"


def run(context: BenchContext) -> list[Ratio]:
    """Requests a second of both, and the 99th percentiles (bare / ours, so that more is better)."""
    needs_wrk()
    write_state(context.redis_url)
    with serving_process(context) as ours, _bare(context, ours) as bare:
        latencies: dict[str, list[float]] = {ours: [], bare: []}
        costs: dict[str, list[float]] = {ours: [], bare: []}
        measured = alternating(
            [
                lambda: requests_a_second(context, ours, latencies, costs),
                lambda: requests_a_second(context, bare, latencies, costs),
            ],
            _ROUNDS,
        )
    note = f"bare FastAPI route, uvicorn, one worker, wrk with {CONNECTIONS} connections"
    rate = median_ratio(*measured)
    ours_p99, bare_p99 = sorted(latencies[ours])[_ROUNDS // 2], sorted(latencies[bare])[_ROUNDS // 2]
    return [
        Ratio(
            name="recommendations",
            ours=_middle(measured[0]),
            peer=_middle(measured[1]),
            ratio=rate,
            unit="requests/s",
            target=0.6,
            note=note,
        ),
        Ratio(
            name="recommendations, p99",
            ours=ours_p99,
            peer=bare_p99,
            ratio=bare_p99 / ours_p99,
            unit="µs",
            target=0.5,
            note=note,
        ),
        # On a busy machine, requests a second vary much more than CPU time per request.
        Ratio(
            name="recommendations, CPU a request",
            ours=_middle(costs[ours]),
            peer=_middle(costs[bare]),
            ratio=_middle(costs[bare]) / _middle(costs[ours]),
            unit="µs",
            target=None,
            note="the same two processes",
        ),
    ]


def needs_wrk() -> None:
    """Raise SystemExit where wrk is not installed."""
    if shutil.which("wrk") is None:
        raise SystemExit("this benchmark asks with wrk: install it (Debian: apt-get install wrk)")


def _middle(figures: list[float]) -> float:
    return sorted(figures)[len(figures) // 2]


def write_state(url: str) -> None:
    """A model, popular items, and users with a history and a folded-in list."""
    random, client = Random(42), redis.Redis.from_url(url)
    client.flushdb()
    items = [str(item) for item in range(_ITEMS)]
    client.set(keyspace.model_items("v1"), records.encode_ids(items))
    client.set(keyspace.CURRENT_MODEL, "v1")
    client.zadd(keyspace.POPULAR, {item: float(_ITEMS - place) for place, item in enumerate(items)})
    for item in items:
        entry = json.dumps({"kind": "item", "id": item, "title": f"Title of {item}"})
        client.hset(keyspace.CATALOG_ITEMS, item, records.encode_catalog(1, entry))
    scores = [1 - place / _LIST for place in range(_LIST)]
    for user in (f"u{number}" for number in range(USERS)):
        history = {
            item: records.encode_entry(records.HistoryEntry("rating", 1, str(uuid.UUID(int=at)), 4.0))
            for at, item in enumerate(random.sample(items, _KNOWN))
        }
        client.hset(keyspace.history(user, 1), mapping=history)  # type: ignore[arg-type]
        ranked = random.sample(range(_ITEMS), _LIST)
        client.hset(keyspace.top_n(0, "v1"), user, records.encode_ranked(ranked, scores))
        fresh = records.FreshList(
            version="v1",
            read_at=1,
            offsets={0: 1, 1: 1, 2: 1, 3: 1},
            indexes=tuple(ranked),
            scores=tuple(scores),
        )
        client.set(keyspace.fresh(user, 1), records.encode_fresh(fresh))
    client.close()


@contextmanager
def serving_process(context: BenchContext, **settings: object) -> Iterator[str]:
    """The API as ``python -m serving`` runs it; its address."""
    port = free_port()
    values = {"redis_url": context.redis_url, "redis_timeout_seconds": 2, "api_port": port} | settings
    environment = {name.upper(): str(value) for name, value in values.items()}
    with _process(context, "api", [sys.executable, "-m", "serving"], environment, port) as url:
        yield url


@contextmanager
def _bare(context: BenchContext, ours: str) -> Iterator[str]:
    with urlopen(ours + _PATH) as answer:
        body = json.loads(answer.read())
    (context.work_dir / "bare_route.py").write_text(
        "from fastapi import FastAPI\n"
        f"app, body = FastAPI(), {body!r}\n"
        '@app.get("/v1/users/{user_id}/recommendations")\n'
        "async def recommendations(user_id: str) -> dict:\n    return body\n"
    )
    port = free_port()
    uvicorn = [sys.executable, "-m", "uvicorn", "--app-dir", str(context.work_dir), "bare_route:app"]
    options = ["--port", str(port), "--no-access-log", "--log-level", "warning"]
    with _process(context, "bare", [*uvicorn, *options], {}, port) as url:
        yield url


@contextmanager
def _process(
    context: BenchContext, name: str, command: list[str], settings: dict[str, str], port: int
) -> Iterator[str]:
    url = f"http://{LOOPBACK}:{port}"
    log = context.work_dir / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env={**environ, **settings}, stdout=output, stderr=output)
    try:
        _wait(url, process, log)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + 60
    while True:
        try:
            with urlopen(url + _PATH, timeout=1):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > ends:
                raise SystemExit(f"{url} did not answer\n{log.read_text()}") from None
            time.sleep(0.1)


def requests_a_second(
    context: BenchContext,
    url: str,
    latencies: dict[str, list[float]],
    costs: dict[str, list[float]],
    run_seconds: float = _SECONDS,
) -> float:
    """Requests a second; the 99th percentile and the CPU of a request (µs) go to ``latencies``, ``costs``."""
    script = context.work_dir / "users.lua"
    script.write_text(
        f'request = function() return wrk.format("GET", "/v1/users/u" .. math.random(0, {USERS - 1}) '
        '.. "/recommendations") end\n'
    )
    seconds, server = max(1, round(run_seconds * context.scale)), listening(url)
    before = sum(server.cpu_times()[:2])
    load = wrk(url, script, CONNECTIONS, seconds)
    latencies[url].append(load.p99)
    costs[url].append((sum(server.cpu_times()[:2]) - before) / (load.rate * seconds) * 1e6)
    return load.rate


def listening(url: str) -> psutil.Process:
    """The child process that listens on the address's port."""
    port = int(url.rsplit(":", 1)[1])
    return next(
        child
        for child in psutil.Process().children()
        for each in child.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port
    )


class Load(NamedTuple):
    """The figures of one run of wrk."""

    rate: float  # requests a second
    p99: float  # µs


def wrk(url: str, script: Path, connections: int, seconds: int) -> Load:
    """Run wrk with one thread in a closed loop. Raises SystemExit where an answer is no success."""
    text = script.read_text()
    if "done =" not in text:
        text += 'done = function(_, latency) io.write("p99 ", latency:percentile(99), "\\n") end\n'
        script.write_text(text)
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script)]
    shown = subprocess.run(["wrk", *options, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in shown:
        raise SystemExit(f"{url} answered with errors\n{shown}")
    p99 = float(re.findall(r"p99 ([\d.]+)", shown)[0])
    return Load(float(re.findall(r"Requests/sec:\s+([\d.]+)", shown)[0]), p99)
