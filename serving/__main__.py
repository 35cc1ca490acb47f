"""``python -m serving``: the API until SIGTERM or SIGINT, configured by environment variables."""

from __future__ import annotations

import gc
import os
import tempfile
from contextlib import ExitStack

import uvicorn

from contracts.settings import ServingSettings
from serving.app import create_app
from serving.routes.hot_route import Api
from serving.routes.shedding import Shedding
from serving.telemetry.logs import log_to_stderr
from serving.telemetry.metrics import FOLDER_VARIABLE

GRACE_SECONDS = 5


def build_app() -> Api:
    """Build the app of one process from environment variables."""
    log_to_stderr()
    # An answer makes many small objects and no cycles, and by default Python would collect every few
    # requests.
    gc.set_threshold(50_000, 20, 50)
    app = create_app(ServingSettings())
    gc.freeze()  # objects that exist now stay, so the collector need not visit them
    return app


def main() -> None:
    """Serve."""
    log_to_stderr()
    settings = ServingSettings()
    with ExitStack() as until_the_end:
        if settings.api_workers > 1:  # prometheus_client reads it when a worker imports it
            folder = tempfile.TemporaryDirectory(prefix="headwater-metrics-")
            os.environ[FOLDER_VARIABLE] = until_the_end.enter_context(folder)
        uvicorn.run(
            "serving.__main__:build_app",
            factory=True,
            workers=settings.api_workers,
            http=Shedding,
            host=settings.api_host,
            port=settings.api_port,
            log_config=None,
            access_log=False,  # paths hold user ids; /metrics counts requests
            server_header=False,
            proxy_headers=False,  # nothing here depends on the client's address
            timeout_graceful_shutdown=GRACE_SECONDS,
        )


if __name__ == "__main__":
    main()
