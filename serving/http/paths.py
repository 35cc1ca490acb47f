"""Paths with exceptions from the usual checks."""

from __future__ import annotations

# Probes and metrics are answered whatever the load: they say that it is high.
ALWAYS_TAKEN = frozenset({"/livez", "/healthz", "/readyz", "/metrics"})
# An answer that ends only when its client goes.
PAGE_STREAM = "/page/stream"
