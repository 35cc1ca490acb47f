"""A typed client of the API, for programs with and without asyncio; it needs `headwater[client]`.

with Client("http://localhost:8000") as client:
    token = client.send_events([Event("rating", "ann", "i7", value=4.5)]).token
    print(client.recommendations("ann", n=10, after=token).items)
"""

from headwater.client.answers import (
    Accepted,
    CatalogAccepted,
    Erasure,
    History,
    PopularItems,
    RankedItems,
    Recommendations,
    RejectedEvent,
    SimilarItems,
)
from headwater.client.async_client import AsyncClient
from headwater.client.batches import EventBatches, LostEventsError
from headwater.client.event import Event
from headwater.client.problem import ProblemError, UnreachableError
from headwater.client.retries import Retries
from headwater.client.sync_client import Client

__all__ = [
    "Accepted",
    "AsyncClient",
    "CatalogAccepted",
    "Client",
    "Erasure",
    "Event",
    "EventBatches",
    "History",
    "LostEventsError",
    "PopularItems",
    "ProblemError",
    "RankedItems",
    "Recommendations",
    "RejectedEvent",
    "Retries",
    "SimilarItems",
    "UnreachableError",
]
