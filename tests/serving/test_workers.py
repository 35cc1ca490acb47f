"""Several processes on one port."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable

import httpx
import psutil
import pytest

from tests.serving.conftest import ServedApi, wait_for
from tests.serving.world import World

pytestmark = pytest.mark.servers
ASKED = 40


def count_answers(url: str) -> float:
    text = httpx.get(f"{url}/metrics").text
    counts = re.findall(r"headwater_api_answers_total\{.*\} (\S+)", text)
    assert len(re.findall(r"^headwater_api_model_age_seconds ", text, re.MULTILINE)) == 1
    return sum(map(float, counts))


def test_a_scrape_shows_the_figures_of_all_workers_and_keeps_those_of_a_dead_one(
    redis_url: str, start_api: Callable[..., ServedApi]
) -> None:
    World().write(redis_url)
    api = start_api(redis_url=redis_url, redis_timeout_seconds=2, api_workers=2)

    def workers() -> list[psutil.Process]:
        children = psutil.Process(api.process.pid).children()
        alive = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
        return [child for child in alive if "spawn_main" in " ".join(child.cmdline())]

    wait_for(lambda: len(workers()) == 2)
    for _ in range(ASKED):  # a connection each: the kernel deals them out
        assert httpx.get(f"{api.url}/v1/users/ann/recommendations").status_code == 200
    assert [count_answers(api.url) for _ in range(10)] == [ASKED] * 10
    dead = workers()[0]
    os.kill(dead.pid, signal.SIGKILL)
    wait_for(lambda: len(workers()) == 2 and dead.pid not in {each.pid for each in workers()})
    wait_for(lambda: httpx.get(f"{api.url}/livez").status_code == 200)
    assert count_answers(api.url) == ASKED
