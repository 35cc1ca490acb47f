from __future__ import annotations

import asyncio

from serving.redis.model_cache import Model, ModelCache


class Loader:
    def __init__(self) -> None:
        self.loads: list[str] = []
        self.fail = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, version: str) -> Model:
        self.loads.append(version)
        await self.gate.wait()
        if self.fail:
            raise OSError("gone")
        return Model(version, [version], [])


def test_many_requests_load_a_version_once() -> None:
    async def scenario() -> None:
        loader = Loader()
        cache = ModelCache(loader, patience=1.0)
        models = await asyncio.gather(*(cache.get("v1") for _ in range(20)))
        assert {model.version for model in models if model} == {"v1"}
        assert loader.loads == ["v1"]

    asyncio.run(scenario())


def test_while_a_version_loads_the_version_before_is_used() -> None:
    async def scenario() -> None:
        loader = Loader()
        cache = ModelCache(loader, patience=0.01)
        await cache.get("v1")
        loader.gate.clear()
        during = await cache.get("v2")
        assert during is not None
        assert during.version == "v1"
        loader.gate.set()
        await asyncio.sleep(0)
        after = await cache.get("v2")
        assert after is not None
        assert after.version == "v2"
        assert loader.loads == ["v1", "v2"]

    asyncio.run(scenario())


def test_a_failed_load_is_tried_again_by_the_next_request() -> None:
    async def scenario() -> None:
        loader = Loader()
        cache = ModelCache(loader, patience=1.0)
        loader.fail = True
        assert await cache.get("v1") is None
        loader.fail = False
        assert await cache.get("v1") == Model("v1", ["v1"], [])

    asyncio.run(scenario())


def test_a_rollback_needs_no_load_and_without_a_pointer_there_is_no_model() -> None:
    async def scenario() -> None:
        loader = Loader()
        cache = ModelCache(loader, patience=1.0)
        for version in ("v1", "v2", "v1"):
            await cache.get(version)
        assert loader.loads == ["v1", "v2"]
        assert await cache.get(None) is None

    asyncio.run(scenario())


def test_an_index_beyond_the_training_is_a_new_item_or_no_item() -> None:
    model = Model("v1", ["a", "b"], ["c"])
    assert [model.item_at(index) for index in range(4)] == ["a", "b", "c", None]
