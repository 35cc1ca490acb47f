"""The service from its checks to its end: the queries, until SIGTERM or until one of them ends."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType

from pyspark.sql import SparkSession

from clients.event_producer import BrokerUnavailableError
from clients.topic_admin import prepare_topics, topic_ends, topic_ids
from contracts.exit_codes import NEEDS_OPERATOR
from contracts.redis_memory import eviction_fault
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.topics import TopicFault, TopicIds, created_again
from streaming.lake.margin import LakeMargin
from streaming.lake.progress import beat, publish_applied
from streaming.lake.sink import create_tables
from streaming.lake.writer import TAKEN as LAKE_TAKEN
from streaming.online.driver import Online
from streaming.pipeline import Pipeline, build_pipeline, let_online_catch_up
from streaming.records.known_schemas import known_schemas, mapping_fault
from streaming.records.schema_registry import SchemaRegistryError
from streaming.recovery.faults import (
    CheckpointFaultError,
    checkpoint_faults,
    lake_faults,
    online_faults,
    refusal,
)
from streaming.recovery.rebuild import prepare_state
from streaming.recovery.topic_ids import disown_offsets, keep_topic_ids
from streaming.runtime.session import streaming_session
from streaming.runtime.time_limit import end_in_time
from streaming.state.applied_offsets import read_applied
from streaming.state.client import connect, connect_briefly
from streaming.state.keys import is_there, newer_state
from streaming.state.lease import REFUSAL, Lease
from streaming.state.patience import Patience
from streaming.state.wholeness import redis_memory

log = logging.getLogger("headwater.streaming")
_LOOK_SECONDS = 0.5
_BROKER_SECONDS = 60.0  # how long to wait, as the broker may be starting too


def serve(settings: StreamingSettings) -> int:
    """Start the queries and wait. Exit code 1: a query ended by itself; NEEDS_OPERATOR: none may start."""
    for noisy in ("py4j", "kafka"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    stopping = _set_by_signals()
    redis = connect(settings.redis_url.get_secret_value())
    if refused := (
        mapping_fault(settings.event_mapping_file)
        or eviction_fault(redis_memory(redis))
        or newer_state(redis)
    ):
        log.error("not started: %s", refused)
        return NEEDS_OPERATOR
    try:
        prepared = prepare_topics(settings, _BROKER_SECONDS)
        partitions = len(topic_ends(settings))
        known_schemas(settings)  # whether the registry answers
        faults = online_faults(settings, prepared.ids)
    except (BrokerUnavailableError, SchemaRegistryError) as error:
        log.error("%s", error)
        return 1
    if not _may_start_with(prepared.faults):
        return NEEDS_OPERATOR
    if faults:
        disown_offsets(settings, prepared.ids)
        log.error("%s", refusal(faults))
        return NEEDS_OPERATOR
    is_restart = is_there(redis) and bool(read_applied(redis, keyspace.APPLIED_ONLINE))
    spark = streaming_session(settings, partitions)
    if stopping.is_set():
        spark.stop()
        return 0

    def prepare_lake() -> None:
        _prepare_lake(spark, settings, prepared.ids)
        if not is_restart:
            _prepare_state(spark, settings, stopping)
        keep_topic_ids(spark, settings, prepared.ids)

    try:
        if is_restart:
            return _run(spark, settings, stopping, prepared.ids, prepare_lake)
        prepare_lake()
        return _run(spark, settings, stopping, prepared.ids)
    except CheckpointFaultError as error:
        log.error("%s", error)
        return NEEDS_OPERATOR
    except BrokerUnavailableError as error:
        log.error("%s", error)
        return 1


def _run(
    spark: SparkSession,
    settings: StreamingSettings,
    stopping: threading.Event,
    ids: TopicIds,
    prepare_lake: Callable[[], None] | None = None,
) -> int:
    """Run the queries. Returns the exit code. Raises CheckpointFaultError.

    ``ids`` are those of the topics at the start. At a restart the lists come first: ``prepare_lake`` is
    called when the online query has caught up.
    """
    lease = Lease(connect_briefly(settings.redis_url.get_secret_value()))
    if not lease.take(stopping.wait):
        if stopping.is_set():
            return 0
        log.error("not started: %s", REFUSAL)
        return NEEDS_OPERATOR

    def wait(seconds: float) -> bool:
        beat(settings)
        return not lease.keep() or stopping.wait(seconds)

    def before_lake(online: Online) -> bool:
        if prepare_lake is None:
            return True
        may_start = let_online_catch_up(online, wait) and prepare_with_kafka(prepare_lake, wait)
        return may_start and not stopping.is_set()

    pipeline = build_pipeline(spark, settings, lambda: lease.epoch, before_lake)
    log.info("running: online, %s", ", ".join(query.name for query in pipeline.queries))
    margin = LakeMargin(settings)
    while not stopping.wait(0.5):
        margin.report_if_due(publish_applied(pipeline.queries, settings))
        beat(settings)
        if not lease.keep():
            log.error("ended: %s", REFUSAL)
            return NEEDS_OPERATOR
        present = pipeline.online.topic_ids
        if reason := pipeline.end_reason():
            log.error("%s", reason)
            present = _topic_ids_now(settings)  # Spark may have been the first to notice
        if created_again(ids, present):
            _stop(pipeline, spark, lease)
            return _check_new_topics(spark, settings, present)
        if reason:
            return _exit_code(reason, lease)
    _stop(pipeline, spark, lease)
    spark.stop()
    return 0


def prepare_with_kafka(prepare: Callable[[], None], wait: Callable[[float], bool]) -> bool:
    """Prepare the lake; while Kafka does not answer, wait for it, since the online query does so too.

    False where ``wait``, which waits for some seconds, says that the service is to stop.
    """
    while True:
        try:
            prepare()
            return True
        except BrokerUnavailableError as error:
            log.warning("the lake waits: %s", error)
            if wait(_LOOK_SECONDS):
                return False


def _stop(pipeline: Pipeline, spark: SparkSession, lease: Lease) -> None:
    # A batch that is interrupted now is repeated at the next start; py4j would log that as an exception.
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    pipeline.stop(spark)
    lease.release()


def _topic_ids_now(settings: StreamingSettings) -> TopicIds:
    """The topics' ids; {} where Kafka does not answer."""
    with suppress(BrokerUnavailableError):
        return topic_ids(settings)
    return {}


def _check_new_topics(spark: SparkSession, settings: StreamingSettings, ids: TopicIds) -> int:
    """The exit code after a topic was deleted and created again of which nothing had been read.

    A new start goes on with the new topic. Raises CheckpointFaultError where the queries' progress is of the
    earlier one.
    """
    try:
        faults = checkpoint_faults(spark, settings, ids)
    except BrokerUnavailableError as error:
        log.error("%s", error)
        return 1
    if faults:
        disown_offsets(settings, ids)
        raise CheckpointFaultError(refusal(faults, "ended"))
    log.warning("a topic was created again, of which nothing had been read: it is read from a new start on")
    return 1


def _prepare_lake(spark: SparkSession, settings: StreamingSettings, ids: TopicIds) -> None:
    """Create its tables. Raises CheckpointFaultError where a query may not continue from its checkpoint."""
    create_tables(spark, settings.lake_uri)
    if faults := lake_faults(spark, settings, ids):
        raise CheckpointFaultError(refusal(faults))


def _prepare_state(spark: SparkSession, settings: StreamingSettings, stopping: threading.Event) -> None:
    """Prepare it, with patience where Redis is full or away; until it is done or the service is to stop."""
    patience = Patience(stopping.wait)
    while not stopping.is_set():
        try:
            prepare_state(spark, settings)
            return
        except Exception as error:
            if not patience.wait(error):
                raise


def _exit_code(reason: str, lease: Lease) -> int:
    """The exit code after a query has ended. That of a replaced service keeps it from being restarted."""
    return 1 if lease.keep(now=True) and LAKE_TAKEN not in reason else NEEDS_OPERATOR


def _set_by_signals() -> threading.Event:
    """A threading.Event that SIGTERM or SIGINT sets; from then on the process has a time limit."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if not stopping.is_set():
            end_in_time()
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping


def _may_start_with(faults: Sequence[TopicFault]) -> bool:
    """Log each fault of a topic. Returns whether none of them prevents the start."""
    for fault in faults:
        log.log(logging.ERROR if fault.is_grave else logging.WARNING, "%s", fault)
    if any(fault.is_grave for fault in faults):
        log.error("not started: correct the topics first (`headwater doctor` checks them)")
        return False
    return True
