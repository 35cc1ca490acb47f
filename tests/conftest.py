"""Real servers for the tests that ask for them; every such test is marked `servers`."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pyspark
import pytest
from _pytest.nodeid import coerce_node_id
from kafka.admin import KafkaAdminClient
from pyspark.sql import SparkSession

from clients.spark_session import spark_session
from clients.topic_admin import create_topics
from contracts.settings import SparkSettings
from contracts.topics import TOPICS
from stack.machine import broker as broker_server
from stack.machine import redis_server
from stack.machine.class_data import ensure_archive
from stack.machine.jars import ensure_jars, jars_dir, locked_jars
from stack.machine.java import ensure_java
from stack.machine.ports import LOOPBACK, free_port
from stack.machine.start_plan import Plan
from stack.processes.process import ServiceProcess
from streaming.lake.sink import create_tables
from streaming.runtime.session import LOCAL_CHECKPOINTS
from tests.empty_lake import EmptyLake
from tests.redis_cluster import Cluster, running_cluster
from tests.secure_listeners import SecureListeners, add_listeners, new_listeners
from tests.small_plans import SMALL_PLANS

# Long, because a busy machine is no defect.
hypothesis.settings.register_profile(
    "headwater", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("headwater")
# While writing (`make test-fast`), fewer examples find most mistakes in a third of the time.
hypothesis.settings.register_profile("quick", hypothesis.settings.get_profile("headwater"), max_examples=20)

# A JVM of a test lives for seconds or minutes: the optimising compiler takes half of a start's CPU time and
# ends too late to be of use. Without that compiler a JVM reserves only 48 MB for compiled code. A Spark of
# hundreds of tests fills them, and then deletes code and compiles it again. Every JVM reads this variable;
# `make bench` and users do not set it.
os.environ.setdefault(
    "JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=240m"
)

SERVER_FIXTURES = frozenset(
    {
        *("redis_url", "redis_server_url", "redis_cluster", "own_redis"),
        *("broker", "fresh_topics", "jars", "spark", "start_api", "browser"),
    }
)
_START_SECONDS = 60.0
# Together they take about as long as the other tests with Spark do.
_WITH_ROUNDS = tuple(
    f"tests/{name}"
    for name in ("training/", "integration/test_training", "integration/test_blended", "integration/test_s3")
)


@pytest.fixture(scope="session", autouse=True)
def _stacks_of_this_session_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep commands from finding the stacks of other users of this machine, or of another worker."""
    os.environ["HEADWATER_RUNNING_DIR"] = str(tmp_path_factory.mktemp("running"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that use servers, so that `-m 'not servers'` starts none; order tests for the workers.

    Two workers have a Spark, one for training's tests and one for streaming's. The others take first the
    tests that start processes of their own; what all have left at the end is short.
    """
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if SERVER_FIXTURES & fixtures:
            item.add_marker(pytest.mark.servers)
        if "spark" in fixtures and hasattr(config, "workerinput"):
            # pytest-xdist finds a test's group by such a name. Its mark would do, but version 3.8 writes the
            # name to an attribute that pytest 9.2 no longer reads.
            group = "rounds" if item.nodeid.startswith(_WITH_ROUNDS) else "streams"
            item._id = coerce_node_id(f"{item.nodeid}@{group}")
    items.sort(key=_turn)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from searching all modules again and again."""
    gc.collect()
    gc.freeze()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their parameter: gzip's hold the current second, so workers' names would differ."""
    return argname if isinstance(val, bytes) else None


def _turn(item: pytest.Item) -> int:
    fixtures = set(getattr(item, "fixturenames", ()))
    return 0 if "spark" in fixtures else 1 if "jars" in fixtures else 2


def _start(plan: Plan, folder: Path, is_ready: Callable[[], bool]) -> ServiceProcess:
    env = {**os.environ, **plan.env}
    process = ServiceProcess.start(plan.name, plan.command, env, folder / "logs", folder / "run")
    deadline = time.monotonic() + _START_SECONDS
    while not is_ready():
        process.check()
        if time.monotonic() > deadline:
            process.stop()
            raise TimeoutError(
                f"{plan.name} did not answer within {_START_SECONDS:g} s\n{process.log_tail()}"
            )
        time.sleep(0.05)
    return process


@pytest.fixture(scope="session")
def jars() -> None:
    """Put Java, the jars and the archive of Spark's classes in place, once."""
    java = ensure_java(lambda _: None)
    ensure_jars(lambda *_: None, jars=locked_jars())
    # A JVM uses the archive only if its classpath is spelt the same, so a linked environment is resolved.
    os.environ.setdefault("SPARK_HOME", str(Path(pyspark.__file__).resolve().parent))
    os.environ["SPARK_CLASS_DATA"] = str(ensure_archive(java, print) or "")  # for every process of a test


@pytest.fixture(scope="session")
def redis_server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One Redis for the whole run; tests take `redis_url`, which empties it first."""
    folder = tmp_path_factory.mktemp("redis")
    port = free_port()
    process = _start(redis_server.redis_plan(folder / "data", port), folder, lambda: redis_server.ready(port))
    yield f"redis://{LOOPBACK}:{port}/0"
    process.stop()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests marked `redis_cluster_too` run on one Redis and on a Redis Cluster."""
    if "redis_url" in metafunc.fixturenames and (
        os.environ.get("HWALL") or metafunc.definition.get_closest_marker("redis_cluster_too")
    ):
        metafunc.parametrize("redis_url", ["one_redis", "redis_cluster"], indirect=True)


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One Redis Cluster for the whole run; a test that takes it empties it, or takes `redis_url`."""
    with running_cluster(tmp_path_factory.mktemp("redis-cluster")) as cluster:
        yield cluster


@pytest.fixture
def redis_url(redis_server_url: str, request: pytest.FixtureRequest) -> str:
    """An empty, real Redis: one server, in marked tests a cluster too."""
    if getattr(request, "param", "one_redis") == "redis_cluster":
        cluster: Cluster = request.getfixturevalue("redis_cluster")
        cluster.flush()
        return cluster.url
    port = int(redis_server_url.rsplit(":", 1)[1].split("/")[0])
    with socket.create_connection((LOOPBACK, port), 5) as connection:
        connection.sendall(b"FLUSHALL\r\n")
        assert connection.recv(16) == b"+OK\r\n"
    return redis_server_url


@pytest.fixture(scope="session")
def secure_listeners(tmp_path_factory: pytest.TempPathFactory) -> SecureListeners:
    """The broker's listeners with TLS; a test that takes this fixture takes `broker` as well."""
    return new_listeners(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def broker(
    jars: None, secure_listeners: SecureListeners, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The bootstrap address of a real broker, one for the whole run; tests create their own topics."""
    folder = tmp_path_factory.mktemp("broker")
    port = free_port()
    plan = broker_server.broker_plan(folder / "data", port, ensure_java(lambda _: None))
    add_listeners(folder / "data" / "server.properties", secure_listeners)
    process = _start(plan, folder, lambda: broker_server.ready(port))
    yield f"{LOOPBACK}:{port}"
    process.stop()


@pytest.fixture
def fresh_topics(broker: str) -> str:
    """The bootstrap address, with the contract's topics new and empty."""
    admin = KafkaAdminClient(bootstrap_servers=broker)
    old = sorted({topic.name for topic in TOPICS} & set(admin.list_topics()))
    if old:
        admin.delete_topics(old)
    deadline = time.monotonic() + _START_SECONDS
    while set(old) & set(admin.list_topics()):
        assert time.monotonic() < deadline, "the broker still lists deleted topics"
        time.sleep(0.1)
    admin.close()
    create_topics(broker)
    return broker


@pytest.fixture(scope="session")
def spark(jars: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """One real Spark for the whole run, with two cores and the connector's jars."""
    os.environ["JAVA_HOME"] = str(ensure_java(lambda _: None).home)
    warehouse = tmp_path_factory.mktemp("spark")
    settings = SparkSettings(
        spark_master="local[8]",
        spark_driver_memory="3g",  # for hundreds of tests
        spark_jars_dir=str(jars_dir("spark")),
        spark_s3_jars_dir=str(jars_dir("s3")),
        lake_uri="s3a://for-the-jars",  # where S3 is, tests/integration/test_s3.py says
        spark_shuffle_partitions=2,
        spark_conf={
            "spark.sql.warehouse.dir": str(warehouse),
            "spark.local.dir": str(warehouse),
            "spark.scheduler.mode": "FAIR",
            **SMALL_PLANS,
            **LOCAL_CHECKPOINTS,
        },
    )
    # Most objects of a test are garbage when it ends. With room for young objects, few of them are copied.
    session = spark_session("headwater-tests", settings, "-Xms3g -Xmn1500m")
    session.sparkContext.setCheckpointDir(str(warehouse / "checkpoints"))
    yield session
    session.stop()


@pytest.fixture(scope="session")
def empty_lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> EmptyLake:
    """Makes the lake's empty tables in a folder: a copy of those that `create_tables` made once."""
    template = tmp_path_factory.mktemp("empty-lake") / "lake"
    create_tables(spark, str(template))

    def copy(folder: str | Path) -> None:
        shutil.copytree(template, folder, dirs_exist_ok=True)

    return copy


@pytest.fixture
def compiled_plans(spark: SparkSession) -> Iterator[None]:
    """Let Spark compile plans, as in production, for tests of the code that it generates."""
    spark.conf.set("spark.sql.codegen.wholeStage", "true")
    spark.conf.set("spark.sql.codegen.factoryMode", "FALLBACK")
    yield
    for name, value in SMALL_PLANS.items():
        spark.conf.set(name, value)
