"""Items by a part of their title, among the popular ones that this process knows; titles by id."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from serving.memory.popular_list import PAGE_SIZE
from serving.memory.process_memory import ProcessMemory

MAX_FOUND = 50


class FoundItem(BaseModel):
    """An item with what the catalogue says of it."""

    item_id: str
    title: str | None
    categories: list[str]


class FoundItems(BaseModel):
    """The most popular items that match, and how many items were looked at."""

    items: list[FoundItem]
    looked_at: int


def search(memory: ProcessMemory, text: str) -> FoundItems:
    """The most popular items whose title or id holds a text, in any case."""
    wanted = text.casefold()
    entries = memory.popular_list.head(PAGE_SIZE)
    found: list[FoundItem] = []
    for entry in entries:
        if wanted in (entry.title or "").casefold() or wanted in entry.item_id.casefold():
            categories = sorted(memory.catalogue.get(entry.item_id).categories)
            found.append(FoundItem(item_id=entry.item_id, title=entry.title, categories=categories))
            if len(found) == MAX_FOUND:
                break
    return FoundItems(items=found, looked_at=len(entries))


async def titles(memory: ProcessMemory, item_ids: Sequence[str]) -> dict[str, str | None]:
    """The titles of items: a history holds ids only."""
    await memory.catalogue.load(item_ids)
    return {item_id: memory.catalogue.get(item_id).title for item_id in item_ids}
