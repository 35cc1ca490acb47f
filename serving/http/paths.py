"""The paths for which the usual checks make an exception."""

from __future__ import annotations

# Probes and metrics are answered under any load, because they report it.
ALWAYS_TAKEN = frozenset({"/livez", "/healthz", "/readyz", "/metrics"})
# This answer ends only when its client goes.
PAGE_STREAM = "/page/stream"
