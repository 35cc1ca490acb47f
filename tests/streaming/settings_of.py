"""Settings of a service of which only Redis is asked."""

from __future__ import annotations

from contracts.settings import StreamingSettings


def settings_at(redis_url: str) -> StreamingSettings:
    """With defaults but for where Redis is."""
    return StreamingSettings.model_validate({"redis_url": redis_url})
