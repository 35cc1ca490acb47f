"""Where each query keeps its checkpoint."""

from __future__ import annotations

from contracts.settings import StreamingSettings

# A query whose state or source changes in a way that Spark refuses gets a new version: its old checkpoint
# counts as lost, and `headwater repair` carries it on from the lake.
QUERY_VERSIONS = {"lake": 1, "item_activity": 1}


def checkpoint(settings: StreamingSettings, query: str) -> str:
    """The folder of a query's checkpoint; it carries the query's version."""
    return f"{settings.checkpoints_uri.rstrip('/')}/{query}-v{QUERY_VERSIONS[query]}"
