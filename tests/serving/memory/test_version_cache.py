from __future__ import annotations

import asyncio

from serving.memory.version_cache import VersionCache


def test_concurrent_callers_share_one_load_and_a_failed_load_is_repeated() -> None:
    async def scenario() -> None:
        cache, begun = VersionCache[str]("the thing"), 0

        async def load() -> str | None:
            nonlocal begun
            begun += 1
            await asyncio.sleep(0)
            if begun == 1:
                raise OSError("no")
            return f"load {begun}"

        assert await asyncio.gather(*(cache.get("v1", load) for _ in range(3))) == [None] * 3
        assert await asyncio.gather(*(cache.get("v1", load) for _ in range(3))) == ["load 2"] * 3
        assert await cache.get("v2", load) == "load 3"

    asyncio.run(scenario())
