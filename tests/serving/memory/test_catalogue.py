from __future__ import annotations

import asyncio
import json
from typing import cast

import pytest

from contracts.stored.records import encode_catalog
from serving.memory import catalogue as catalogues
from serving.memory.catalogue import FRESH_SECONDS, Catalogue
from serving.question.item_facts import UNKNOWN_ITEM
from serving.redis.batches import Command
from serving.redis.state_mark import StateMark
from serving.redis.store import Store, StoreError


class Shelf:
    """Stands in for the store."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.down = False
        self.edition = 1
        self.state = StateMark()
        self.state.is_there = True

    async def ask(self, command: Command) -> list[list[bytes | None]]:
        if self.down:
            raise StoreError("down")
        self.asked.append([str(item) for item in command[2:]])
        return [[None if item == "unknown" else self.entry(item) for item in self.asked[-1]]]

    def entry(self, item: str) -> bytes:
        return encode_catalog(1, json.dumps({"title": f"{item} {self.edition}"}))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def catalogue_over(shelf: Shelf, clock: Clock) -> Catalogue:
    return Catalogue(cast(Store, shelf), clock)


def load(catalogue: Catalogue, *items: str) -> list[str | None]:
    asyncio.run(catalogue.load(items))
    return [catalogue.get(item).title for item in items]


def test_redis_is_asked_for_an_item_once_while_it_is_fresh() -> None:
    shelf, clock = Shelf(), Clock()
    catalogue = catalogue_over(shelf, clock)
    assert load(catalogue, "a", "unknown") == ["a 1", None]
    assert load(catalogue, "unknown", "b", "a") == [None, "b 1", "a 1"]
    assert shelf.asked == [["a", "unknown"], ["b"]]
    shelf.edition = 2
    clock.now = FRESH_SECONDS + 1
    assert load(catalogue, "a") == ["a 2"]


def test_without_redis_old_facts_are_used() -> None:
    shelf, clock = Shelf(), Clock()
    catalogue = catalogue_over(shelf, clock)
    load(catalogue, "a")
    shelf.down = True
    clock.now = FRESH_SECONDS + 1
    assert load(catalogue, "a", "b") == ["a 1", None]


def test_after_a_loss_of_the_state_old_facts_are_kept_and_asked_for_again() -> None:
    shelf, clock = Shelf(), Clock()
    catalogue = catalogue_over(shelf, clock)
    load(catalogue, "a")
    shelf.state.is_there = False
    clock.now = FRESH_SECONDS + 1
    shelf.entry = lambda _: None  # type: ignore[method-assign,assignment,return-value]
    assert load(catalogue, "a") == load(catalogue, "a") == ["a 1"]
    assert shelf.asked == [["a"]] * 3
    shelf.state.is_there = True
    assert load(catalogue, "a") == [None]


def test_an_item_that_was_never_loaded_is_unknown() -> None:
    assert catalogue_over(Shelf(), Clock()).get("a") is UNKNOWN_ITEM


def test_the_cache_is_bounded_and_loads_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogues, "MAX_ITEMS", 3000)
    shelf = Shelf()
    catalogue = catalogue_over(shelf, Clock())
    load(catalogue, *map(str, range(3500)))
    assert len(catalogue._facts) == 3000
    assert max(map(len, shelf.asked)) <= 1000
