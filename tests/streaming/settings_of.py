"""Settings of a service that only uses Redis."""

from __future__ import annotations

from contracts.settings import StreamingSettings


def settings_at(redis_url: str) -> StreamingSettings:
    """The defaults, with this address of Redis."""
    return StreamingSettings.model_validate({"redis_url": redis_url})
