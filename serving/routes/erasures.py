"""Reads and forgets what is stored about a user.

GET /v1/users/{user_id}/export, DELETE /v1/users/{user_id}, and the receipt that says how far the erasure has
come.
"""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Path, Response

from contracts.catalog import erasure_entries
from contracts.settings import ServingSettings
from contracts.topics import CATALOG
from serving.admission.early_checks import CheckedRoute
from serving.http.access import access
from serving.http.problems import ProblemError
from serving.question.bounds import PathId
from serving.redis.reads.stored_user import StoredUser, stored_user
from serving.redis.store import Store, StoreError
from serving.routes.events import append_to_log
from serving.writes.erasures import Erasure, describe_erasure, read_erasure
from serving.writes.event_log import EventLog
from serving.writes.receipt import MAX_RECEIPT_LENGTH, ErasureReceipt, decode_receipt

ReceiptText = Annotated[
    str, Path(min_length=1, max_length=MAX_RECEIPT_LENGTH, json_schema_extra={"format": "erasure-receipt"})
]


def routes(settings: ServingSettings, store: Store, event_log: EventLog) -> APIRouter:
    """The routes of export and erasure; all need the admin key where one is set."""
    router = APIRouter(route_class=CheckedRoute, tags=["users"], dependencies=access(settings, "admin"))

    @router.get("/v1/users/{user_id:id}/export")
    async def export_user(user_id: PathId) -> StoredUser:
        """All that Redis holds about a user, as an erasure takes it out, and where else something may be.

        Reads every item's list of users: seconds, with millions of items. `headwater users export` adds
        what the lake holds.
        """
        return await stored_user(store, user_id)

    @router.delete("/v1/users/{entry_id:last_id}", status_code=202)
    async def erase_user(entry_id: PathId, response: Response) -> Erasure:
        """Forget a user: history, lists, metadata, rows of the lake, the next model; counts go down.

        The user's events with an event time until ``requested_at`` no longer count anywhere, however often
        they are sent or replayed; later ones are accepted again. What remains until its retention
        ends is in docs/operations.md. 503 when Kafka does not acknowledge: then send it again.
        """
        requested_at = time.time_ns() // 1_000_000
        metadata, tombstone = erasure_entries(entry_id, requested_at)
        await append_to_log(event_log, [metadata], CATALOG)
        # Appended alone, because the receipt names its offset.
        offsets = await append_to_log(event_log, [tombstone], CATALOG)
        ((partition, offset),) = offsets.items()
        accepted = await _state_or_accepted(store, ErasureReceipt(requested_at, partition, offset))
        response.headers["Location"] = f"/v1/erasures/{accepted.receipt}"
        return accepted

    @router.get("/v1/erasures/{receipt}")
    async def erasure_state(receipt: ReceiptText) -> Erasure:
        """How far an erasure has come; ``complete`` once state, lake and all models are without the user."""
        try:
            found = decode_receipt(receipt)
        except ValueError as error:
            raise ProblemError(404, f"{error}: send the `receipt` of a DELETE as it came") from error
        return await read_erasure(store, found)

    return router


async def _state_or_accepted(store: Store, receipt: ErasureReceipt) -> Erasure:
    """What GET /v1/erasures says now; "accepted" where Redis does not answer."""
    try:
        return await read_erasure(store, receipt)
    except StoreError:
        return describe_erasure(receipt, 0, 0, [0])
