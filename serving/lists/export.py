"""Writes every user's list to one file, as the API would answer it now."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TextIO

from clients.whole_file import replace_whole
from contracts.settings import ServingSettings
from serving.answer.recommender import Recommender
from serving.memory.process_memory import empty_memory
from serving.memory.rules import RulesInForce
from serving.memory.state_health import ABSENT
from serving.question.list_options import ListOptions
from serving.redis.reads.model import current_version
from serving.redis.reads.user import user_ids
from serving.redis.store import Store, StoreError
from serving.telemetry.metrics import Metrics

CONCURRENT = 32
# An export may wait longer than an answer, because no stale list must get into the file.
PATIENCE_SECONDS = 10.0
Report = Callable[[int, int], None]


async def export_recommendations(settings: ServingSettings, path: Path, n: int, report: Report) -> int:
    """Write ``{"user_id", "items"}`` for every user, sorted by user; returns how many.

    It calls ``report(done, total)`` now and then. The file appears whole or not at all.
    Raises StoreError when Redis fails meanwhile.
    """
    store = Store(settings, PATIENCE_SECONDS, Metrics())
    try:
        memory, rules = empty_memory(settings, store), RulesInForce(store)
        for copy in (memory.popular_list, memory.trending_lists, rules):
            await copy.refresh()
        await store.warm_up()
        recommender = Recommender(memory, rules)
        version = await current_version(store)
        users = sorted({user_id async for user_id in user_ids(store, version)})
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_whole(path) as part, part.open("w", encoding="utf-8") as file:
            await _write(file, _answers(recommender, users, n), len(users), report)
    finally:
        await store.close()
    return len(users)


async def _write(file: TextIO, lines: AsyncIterator[list[str]], total: int, report: Report) -> None:
    done = 0
    report(done, total)
    async for chunk in lines:
        file.writelines(chunk)
        done += len(chunk)
        report(done, total)


async def _answers(recommender: Recommender, users: Sequence[str], n: int) -> AsyncIterator[list[str]]:
    async def line(user_id: str) -> str:
        answer = await recommender.recommend(user_id, ListOptions(n))
        if not recommender.holds_state:
            raise StoreError(f"{ABSENT}; then export again")
        if answer.stale:
            raise StoreError(f"Redis did not answer for every user; it has {PATIENCE_SECONDS:g} s for each")
        return json.dumps({"user_id": user_id, "items": [item["item_id"] for item in answer.items]}) + "\n"

    for start in range(0, len(users), CONCURRENT):
        yield list(await asyncio.gather(*map(line, users[start : start + CONCURRENT])))
