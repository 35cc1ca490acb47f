from __future__ import annotations

import asyncio
import json
from typing import cast

from contracts.records import encode_catalog
from serving.store import Commands, Store, StoreError
from serving.titles import FRESH_SECONDS, MAX_TITLES, Titles


class Catalogue:
    """Stands in for the store."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.down = False
        self.edition = 1

    def hmget(self, _: str, item_ids: list[str]) -> None:
        if self.down:
            raise StoreError("down")
        self.asked.append(list(item_ids))

    async def ask(self, add: Commands) -> list[list[bytes | None]]:
        add(self)  # type: ignore[arg-type]
        return [[None if item == "untitled" else self.entry(item) for item in self.asked[-1]]]

    def entry(self, item: str) -> bytes:
        return encode_catalog(1, json.dumps({"title": f"{item} {self.edition}"}))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def titles_over(catalogue: Catalogue, clock: Clock) -> Titles:
    return Titles(cast(Store, catalogue), clock)


def test_a_title_is_asked_for_once_while_it_is_fresh() -> None:
    catalogue, clock = Catalogue(), Clock()
    titles = titles_over(catalogue, clock)
    assert asyncio.run(titles.of(["a", "untitled"])) == ["a 1", None]
    assert asyncio.run(titles.of(["untitled", "b", "a"])) == [None, "b 1", "a 1"]
    assert catalogue.asked == [["a", "untitled"], ["b"]]
    catalogue.edition = 2
    clock.now = FRESH_SECONDS + 1
    assert asyncio.run(titles.of(["a"])) == ["a 2"]


def test_an_old_title_is_better_than_none() -> None:
    catalogue, clock = Catalogue(), Clock()
    titles = titles_over(catalogue, clock)
    asyncio.run(titles.of(["a"]))
    catalogue.down = True
    clock.now = FRESH_SECONDS + 1
    assert asyncio.run(titles.of(["a", "b"])) == ["a 1", None]


def test_from_memory_asks_for_nothing() -> None:
    catalogue = Catalogue()
    assert asyncio.run(titles_over(catalogue, Clock()).of(["a"], from_memory=True)) == [None]
    assert catalogue.asked == []


def test_the_cache_is_bounded_and_asks_in_pages() -> None:
    catalogue = Catalogue()
    titles = titles_over(catalogue, Clock())
    asyncio.run(titles.of([str(i) for i in range(MAX_TITLES + 500)]))
    assert len(titles._titles) == MAX_TITLES
    assert max(map(len, catalogue.asked)) <= 1000
