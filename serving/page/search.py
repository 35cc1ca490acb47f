"""Searches the whole catalogue for items by a part of their title, and looks items up by id."""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from serving.answer.recommender import Recommender
from serving.answer.strategies.popular import SOURCE
from serving.answer.strategies.strategy import list_strategy
from serving.memory.process_memory import ProcessMemory
from serving.page.titles import Titles
from serving.question.item_facts import ItemFacts

MAX_FOUND = 50


class ShownFacts(BaseModel):
    """What the page shows of an item beside its id."""

    title: str | None
    categories: list[str]
    year: str | None


class FoundItem(ShownFacts):
    """An item that a search found."""

    item_id: str
    attributes: dict[str, str]


class FoundItems(BaseModel):
    """The items that match best, and how many items were looked at."""

    items: list[FoundItem]
    looked_at: int


async def search(recommender: Recommender, memory: ProcessMemory, titles: Titles, text: str) -> FoundItems:
    """Items whose title or id contains a text, in any case.

    Those that begin with it come first, then popular ones. Items that no list may show are not found.
    """
    ids = [item_id for item_id, _ in memory.popular_list.head()]
    searched = {item: f"{memory.catalogue.get(item).title or ''}\n{item}".casefold() for item in ids}
    searched |= await titles.by_item()
    places = {item_id: place for place, item_id in enumerate(ids)}
    found = [(item_id, 0.0) for item_id in best(searched, places, text.casefold())]
    shown_items = await recommender.list_for_all(list_strategy(found, SOURCE), MAX_FOUND)
    items = [_found_item(each.item_id, memory) for each in shown_items]
    return FoundItems(items=items, looked_at=len(searched))


def best(searched: Mapping[str, str], places: Mapping[str, int], wanted: str) -> list[str]:
    """The ids of MAX_FOUND items whose text contains ``wanted``; ``places``: popular item -> its rank."""

    def order(pair: tuple[str, str]) -> tuple[int, int, str]:
        item_id, text = pair
        begins = 0 if text.startswith(wanted) else 1 if f" {wanted}" in text else 2
        return begins if wanted else 0, places.get(item_id, len(places)), text

    holding = (pair for pair in searched.items() if wanted in pair[1])
    return [item_id for item_id, _ in heapq.nsmallest(MAX_FOUND, holding, key=order)]


async def facts(memory: ProcessMemory, item_ids: Sequence[str]) -> dict[str, ShownFacts]:
    """What the catalogue says about items, because lists and histories have ids and titles only."""
    await memory.catalogue.load(item_ids)
    return {item_id: shown_facts(memory.catalogue.get(item_id)) for item_id in item_ids}


def _found_item(item_id: str, memory: ProcessMemory) -> FoundItem:
    known = memory.catalogue.get(item_id)
    return FoundItem(item_id=item_id, attributes=dict(known.attributes), **shown_facts(known).model_dump())


def shown_facts(known: ItemFacts) -> ShownFacts:
    """The facts as the page shows them."""
    return ShownFacts(title=known.title, categories=sorted(known.categories), year=year_of(known))


def year_of(known: ItemFacts) -> str | None:
    """The year of an item: the attribute of that name, else the year of ``published_at``."""
    text = known.attributes.get("year") or known.attributes.get("published_at", "")
    found = re.match(r"\d{4}(?!\d)", text)
    return found[0] if found else None
