"""``python -m serving``: the API until SIGTERM or SIGINT, configured by environment variables."""

from __future__ import annotations

import gc

import uvicorn

from contracts.settings import ServingSettings
from serving.app import create_app
from serving.logs import log_to_stderr
from serving.shedding import shedding

GRACE_SECONDS = 5


def main() -> None:
    """Serve."""
    log_to_stderr()
    # An answer makes many small objects and no cycles: the default would look for garbage every few requests.
    gc.set_threshold(50_000, 20, 50)
    settings = ServingSettings()
    app = create_app(settings)
    uvicorn.run(
        app,
        http=shedding(settings.max_requests_at_once, app.metrics),
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,  # paths hold user ids; /metrics counts requests
        server_header=False,
        proxy_headers=False,  # nothing here goes by the client's address
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


if __name__ == "__main__":
    main()
