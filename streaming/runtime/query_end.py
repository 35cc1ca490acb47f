"""Whether a streaming query has ended by itself."""

from __future__ import annotations

from typing import Any

from pyspark.sql.streaming.query import StreamingQuery


def end_reason(query: StreamingQuery) -> str | None:
    """Why the query has ended; None while it runs."""
    if not query.isActive:
        return f"query {query.name} ended: {query.exception() or 'no reason given'}"
    if not execution_thread(query).isAlive():
        # It died before it could say so (a StackOverflowError while it was ending, say).
        return f"query {query.name} ended: its thread is gone, though Spark calls it active"
    return None


def execution_thread(query: StreamingQuery) -> Any:
    """The JVM's thread that runs it."""
    return query._jsq.streamingQuery().queryExecutionThread()
