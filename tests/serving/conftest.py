"""The API in this process, over a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import hypothesis
import pytest
from pydantic import SecretStr

from contracts.settings import ServingSettings
from serving.app import create_app

Client = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
# Wall-clock limits say nothing on a machine that other work keeps busy.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")
NOBODY = "127.0.0.1:1"


@asynccontextmanager
async def _client(
    redis_url: str = f"redis://{NOBODY}/0", **changes: object
) -> AsyncIterator[httpx.AsyncClient]:
    defaults: dict[str, object] = {
        "redis_url": SecretStr(redis_url),
        "kafka_bootstrap_servers": NOBODY,
        "kafka_timeout_seconds": 1.0,
        "popular_refresh_seconds": 0.05,
        # The machine that runs the tests may be busy; the fault tests use the default.
        "redis_timeout_seconds": 1.0,
    }
    app = create_app(ServingSettings.model_validate(defaults | changes))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            yield client


@pytest.fixture
def api() -> Client:
    """``async with api(redis_url) as client``: the app, running, and a client to it."""
    return _client
