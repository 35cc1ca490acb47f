"""`python -m streaming`: the queries, until SIGTERM or until one of them ends."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from types import FrameType

from clients.event_producer import BrokerUnavailableError
from clients.spark_session import spark_session
from clients.topic_admin import create_topics
from contracts.settings import StreamingSettings
from streaming.applied import Heartbeat, publish_applied
from streaming.pipeline import build_pipeline
from streaming.rebuild import prepare_state

log = logging.getLogger("headwater.streaming")


def main() -> int:
    """Start the queries and wait. Exit code 1 when a query ends by itself."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for noisy in ("py4j", "kafka"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    settings = StreamingSettings()
    conf = _STREAMING_CONF | settings.spark_conf
    spark = spark_session("headwater-streaming", settings.model_copy(update={"spark_conf": conf}))
    try:
        create_topics(settings.kafka_bootstrap_servers, timeout=_BROKER_SECONDS)
    except BrokerUnavailableError as error:
        log.error("%s", error)
        return 1
    prepare_state(spark, settings)
    pipeline = build_pipeline(spark, settings)
    log.info("running: %s", ", ".join(query.name for query in pipeline.queries))
    heartbeat = Heartbeat()
    while not stopping.wait(0.5):
        publish_applied(pipeline.queries, settings)
        heartbeat.beat(pipeline.queries, settings)
        if reason := pipeline.ended():
            log.error("%s", reason)
            return 1
    pipeline.stop()
    spark.stop()
    return 0


_BROKER_SECONDS = 60.0  # the broker may start beside us
_STREAMING_CONF = {
    # Queries share the cores; a large lake batch must not hold up the online one.
    "spark.scheduler.mode": "FAIR",
    # Plans of small batches are known beforehand; adapting them costs more than it gains.
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.streaming.stateStore.providerClass": (
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    ),
}


if __name__ == "__main__":
    sys.exit(main())
