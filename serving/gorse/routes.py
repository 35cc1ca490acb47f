"""The routes that Gorse's clients call: feedback, items, users and a user's list.

A write answers 200 once Kafka has acknowledged it; it is read again once streaming has applied it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request

from contracts.catalog import CatalogKind, erasure_entries
from contracts.events import Interaction
from contracts.settings import ServingSettings
from contracts.stored import keyspace
from contracts.topics import CATALOG, INTERACTIONS, Topic
from serving.admission.early_checks import CheckedRoute
from serving.answer.recommender import Recommender
from serving.gorse import shapes
from serving.gorse.shapes import Feedback, Item, ItemChanges, Score, Success, User, UserChanges
from serving.http.access import access
from serving.http.problems import ProblemError
from serving.lists.similar_items import similar_items_answer
from serving.lists.user_list import UserList
from serving.memory.process_memory import ProcessMemory
from serving.question.bounds import Offset, PathId, length_bounds
from serving.question.list_options import ListOptions
from serving.redis.reads.user import read_history
from serving.redis.store import Store
from serving.routes.catalog import current_fields
from serving.routes.events import append_to_log
from serving.writes.event_log import Entry, EventLog

Version = Annotated[str, Header(alias="X-API-Version")]
Ranked = list[str] | list[Score]
_WITH_SCORES = "2"
_KEYS: dict[CatalogKind, str] = {"item": keyspace.CATALOG_ITEMS, "user": keyspace.CATALOG_USERS}


def routes(
    settings: ServingSettings,
    event_log: EventLog,
    user_list: UserList,
    recommender: Recommender,
    memory: ProcessMemory,
) -> tuple[APIRouter, ...]:
    """All routes of Gorse where GORSE_ROUTES is set, else none."""
    if not settings.gorse_routes:
        return ()
    store = memory.store
    writes = _Writes(store, event_log)
    known = settings.gorse_feedback_types
    return (
        _feedback(settings, store, writes, known),
        _entries(settings, writes),
        _lists(settings, user_list, recommender, memory),
    )


def _check_count(rows: Sequence[object], most: int) -> None:
    """Raises ProblemError 422 where one request has more than ``most`` rows."""
    if len(rows) > most:
        raise ProblemError(
            422, f"At most {most} are taken at once; send the others in a request of their own"
        )


class _Writes:
    """Appends to Kafka, and reads the entry in force before a change of it."""

    def __init__(self, store: Store, event_log: EventLog) -> None:
        self._store = store
        self._event_log = event_log

    async def append(self, entries: Sequence[Entry], topic: Topic) -> Success:
        if entries:
            await append_to_log(self._event_log, entries, topic)
        return Success(RowAffected=len(entries))

    async def current(self, kind: CatalogKind, entry_id: str) -> dict[str, Any]:
        return await current_fields(self._store, _KEYS[kind], entry_id)

    async def put(self, kind: CatalogKind, entries: Sequence[tuple[str, dict[str, Any]]]) -> Success:
        nothing: dict[str, Any] = {"title": None, "categories": (), "attributes": {}}
        made = [shapes.entry_of(kind, entry_id, nothing, told) for entry_id, told in entries]
        return await self.append(made, CATALOG)

    async def patch(self, kind: CatalogKind, entry_id: str, told: dict[str, Any]) -> Success:
        return await self.append(
            [shapes.entry_of(kind, entry_id, await self.current(kind, entry_id), told)], CATALOG
        )


def _feedback(settings: ServingSettings, store: Store, writes: _Writes, known: dict[str, str]) -> APIRouter:
    router = APIRouter(route_class=CheckedRoute, tags=["gorse"])
    readers, writers = access(settings, "read"), access(settings, "write")

    @router.post("/api/feedback", dependencies=writers)
    @router.put("/api/feedback", dependencies=writers)
    async def insert_feedback(feedbacks: list[Feedback]) -> Success:
        """Take all, or none where one is not valid."""
        _check_count(feedbacks, settings.max_events_per_request)
        events = [shapes.event_of(each, place, known) for place, each in enumerate(feedbacks)]
        return await writes.append(events, INTERACTIONS)

    async def history_of(user_id: str, only: str | None) -> list[dict[str, Any]]:
        wanted = None if only is None else shapes.event_type_of(only, known)
        return [
            shapes.feedback_json(only or entry.event_type, user_id, item_id, entry.value, entry.event_time)
            for item_id, entry in await read_history(store, user_id)
            if wanted in (None, entry.event_type)
        ]

    @router.get("/api/user/{user_id}/feedback", dependencies=readers)
    async def list_feedback(user_id: PathId) -> list[dict[str, Any]]:
        """What the user did and what still counts, newest first, by our own types."""
        return await history_of(user_id, None)

    @router.get("/api/user/{user_id}/feedback/{feedback_type}", dependencies=readers)
    async def list_feedback_of_type(user_id: PathId, feedback_type: str) -> list[dict[str, Any]]:
        """The same of one type."""
        return await history_of(user_id, feedback_type)

    async def retract(user_id: str, item_id: str, only: str | None) -> Success:
        found = {
            each["FeedbackType"] for each in await history_of(user_id, None) if each["ItemId"] == item_id
        }
        wanted = None if only is None else shapes.event_type_of(only, known)
        if not found or (wanted is not None and wanted not in found):
            return Success(RowAffected=0)
        if wanted is not None and found != {wanted}:
            others = ", ".join(sorted(found - {wanted}))
            raise ProblemError(
                409,
                f"The user did more with this item ({others}), and only all of it can be taken back: "
                "DELETE /api/feedback/USER/ITEM does that",
            )
        event = Interaction(event_type="retract", user_id=user_id, item_id=item_id)
        await writes.append([event], INTERACTIONS)
        return Success(RowAffected=len(found))

    @router.delete("/api/feedback/{user_id}/{item_id}", dependencies=writers)
    async def delete_all_feedback(user_id: PathId, item_id: PathId) -> Success:
        """Take back all that a user did with an item."""
        return await retract(user_id, item_id, None)

    @router.delete("/api/feedback/{feedback_type}/{user_id}/{item_id}", dependencies=writers)
    async def delete_feedback(feedback_type: str, user_id: PathId, item_id: PathId) -> Success:
        """The same of one type; 409 where the user did something else with the item too."""
        return await retract(user_id, item_id, feedback_type)

    return router


def _entries(settings: ServingSettings, writes: _Writes) -> APIRouter:
    router = APIRouter(route_class=CheckedRoute, tags=["gorse"])
    readers, writers = access(settings, "read"), access(settings, "write")

    @router.post("/api/item", dependencies=writers)
    async def insert_item(item: Item) -> Success:
        """Replace an item."""
        return await writes.put("item", [(item.ItemId, item.model_dump())])

    @router.post("/api/items", dependencies=writers)
    async def insert_items(items: list[Item]) -> Success:
        """Replace items."""
        _check_count(items, settings.max_events_per_request)
        return await writes.put("item", [(item.ItemId, item.model_dump()) for item in items])

    @router.get("/api/item/{item_id}", dependencies=readers)
    async def get_item(item_id: PathId) -> dict[str, Any]:
        """An item as the catalogue has it."""
        return shapes.item_json(item_id, await writes.current("item", item_id))

    @router.patch("/api/item/{item_id}", dependencies=writers)
    async def update_item(item_id: PathId, changes: ItemChanges) -> Success:
        """Change what is not null."""
        return await writes.patch("item", item_id, changes.model_dump())

    @router.delete("/api/item/{item_id}", dependencies=writers)
    async def delete_item(item_id: PathId) -> Success:
        """Stop recommending an item: it is hidden, and what users did with it stays."""
        return await writes.patch("item", item_id, {"IsHidden": True})

    @router.post("/api/user", dependencies=writers)
    async def insert_user(user: User) -> Success:
        """Replace what is known of a user."""
        return await writes.put("user", [(user.UserId, user.model_dump())])

    @router.post("/api/users", dependencies=writers)
    async def insert_users(users: list[User]) -> Success:
        """Replace what is known of users."""
        _check_count(users, settings.max_events_per_request)
        return await writes.put("user", [(user.UserId, user.model_dump()) for user in users])

    @router.get("/api/user/{user_id}", dependencies=readers)
    async def get_user(user_id: PathId) -> dict[str, Any]:
        """What the catalogue knows of a user."""
        return shapes.user_json(user_id, await writes.current("user", user_id))

    @router.patch("/api/user/{user_id}", dependencies=writers)
    async def update_user(user_id: PathId, changes: UserChanges) -> Success:
        """Change what is not null."""
        return await writes.patch("user", user_id, changes.model_dump())

    @router.delete("/api/user/{user_id}", dependencies=access(settings, "admin"))
    async def delete_user(user_id: PathId) -> Success:
        """Forget a user, as DELETE /v1/users/{id} does."""
        for entry in erasure_entries(user_id, time.time_ns() // 1_000_000):
            await writes.append([entry], CATALOG)
        return Success(RowAffected=1)

    return router


def _lists(
    settings: ServingSettings, user_list: UserList, recommender: Recommender, memory: ProcessMemory
) -> APIRouter:
    router = APIRouter(route_class=CheckedRoute, tags=["gorse"], dependencies=access(settings, "read"))
    bounds = length_bounds(settings)

    @router.get("/api/recommend/{user_id}")
    @router.get("/api/recommend/{user_id}/")
    async def recommend(
        request: Request, user_id: PathId, n: int = bounds, offset: Offset = 0, version: Version = ""
    ) -> Ranked:
        """A user's list, best first: ids, or with X-API-Version 2 ids and scores."""
        return await list_of(request, user_id, {"n": n, "offset": offset}, version)

    @router.get("/api/recommend/{user_id}/{category}")
    async def recommend_in_category(
        request: Request,
        user_id: PathId,
        category: str,
        n: int = bounds,
        offset: Offset = 0,
        version: Version = "",
    ) -> Ranked:
        """The same of one category."""
        if '"' in category:
            raise ProblemError(422, "A category with a quote cannot be asked for here")
        filtered = {"n": n, "offset": offset, "filter": f'category = "{category}"'}
        return await list_of(request, user_id, filtered, version)

    @router.get("/api/item/{item_id}/neighbors")
    async def neighbors(item_id: PathId, n: int = bounds, offset: Offset = 0) -> list[Score]:
        """An item's neighbours with their scores, best first; none where nothing is known of the item."""
        answer = await similar_items_answer(recommender, memory, item_id, ListOptions(n=n, offset=offset))
        return [Score(Id=item["item_id"], Score=item["score"]) for item in answer.items] if answer else []

    async def list_of(request: Request, user_id: str, query: dict[str, Any], version: str) -> Ranked:
        items = await user_list.scored_items(request, user_id, query)
        if version == _WITH_SCORES:
            return [Score(Id=item_id, Score=score) for item_id, score in items]
        return [item_id for item_id, _ in items]

    return router
