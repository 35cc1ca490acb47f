"""`python -m streaming`: Spark's JVM, and beside its start everything else.

The JVM needs a second and a half until Spark can begin. The import of the other modules and the looks at
Redis and Kafka need as long, on another core.
"""

from __future__ import annotations

import sys

from clients.json_logs import log_json_lines
from contracts.settings import StreamingSettings
from streaming.runtime.session import start_jvm_beside


def main() -> int:
    """Run the service until its end. Returns its exit code."""
    log_json_lines()
    settings = StreamingSettings()
    start_jvm_beside(settings)
    from streaming.service import serve  # imported beside the start of the JVM

    return serve(settings)


if __name__ == "__main__":
    sys.exit(main())
