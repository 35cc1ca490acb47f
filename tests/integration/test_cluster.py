"""For users who outgrow one machine: a real standalone cluster of two workers runs the same code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pyspark
import pytest

from clients.spark_session import class_data_options, connector_jars, session_conf
from contracts.settings import SparkSettings
from stack.machine.jars import jars_dir
from stack.machine.java import require_java
from stack.machine.ports import LOOPBACK, free_port

PACKAGE = Path(pyspark.__file__).parent
START_SECONDS = 120


def launch(environment: dict[str, str], log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a daemon of the cluster, as pyspark's own scripts do."""
    command = [str(PACKAGE / "bin" / "spark-class"), *arguments]
    with log.open("wb") as output:
        return subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )


def alive_workers(web_port: int) -> int:
    try:
        with urlopen(f"http://{LOOPBACK}:{web_port}/json/", timeout=5) as answer:
            return answer.read().decode().count('"ALIVE"') - 1  # the master's own status is one
    except OSError:
        return 0


@pytest.fixture
def cluster(jars: None, tmp_path: Path) -> Iterator[str]:
    port, web_port = free_port(), free_port()
    environment = {
        **os.environ,
        "JAVA_HOME": str(require_java().home),
        "SPARK_HOME": str(PACKAGE),
        "SPARK_LOCAL_IP": LOOPBACK,
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_WORKER_DIR": str(tmp_path / "work"),
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": class_data_options(os.environ["SPARK_CLASS_DATA"]),
    }
    # The archive of Spark's classes fits the driver's classpath only. One worker gives its executor the jars
    # from the driver, as on a user's cluster.
    fitting = environment | {"SPARK_DIST_CLASSPATH": ":".join(connector_jars(str(jars_dir("spark"))))}
    address = f"spark://{LOOPBACK}:{port}"
    master = ["--host", LOOPBACK, "--port", str(port), "--webui-port", str(web_port)]
    worker = ["--host", LOOPBACK, "--cores", "4", "--memory", "1g", "--webui-port", "0", address]
    daemons = [launch(fitting, tmp_path / "master.log", "org.apache.spark.deploy.master.Master", *master)]
    for n, own in enumerate((fitting, environment)):
        log = tmp_path / f"worker{n}.log"
        daemons.append(launch(own, log, "org.apache.spark.deploy.worker.Worker", *worker))
    deadline = time.monotonic() + START_SECONDS
    while alive_workers(web_port) < 2:
        logs = "\n".join(log.read_text()[-1500:] for log in tmp_path.glob("*.log"))
        assert time.monotonic() < deadline, logs
        time.sleep(0.5)
    yield address
    for daemon in daemons:
        os.killpg(daemon.pid, signal.SIGTERM)
        daemon.wait(30)


def test_the_dataflow_and_a_round_run_on_two_workers(
    cluster: str, fresh_topics: str, redis_url: str, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "JAVA_HOME": str(require_java().home),
        "SPARK_MASTER": cluster,
        "SPARK_LOCAL_IP": LOOPBACK,
        "SPARK_JARS_DIR": str(jars_dir("spark")),
        "SPARK_CONF": json.dumps(
            {
                "spark.executor.memory": "512m",
                "spark.cores.max": "8",
                # The driver's, since these executors run on its machine.
                "spark.executor.extraJavaOptions": session_conf(
                    SparkSettings(spark_jars_dir=str(jars_dir("spark")))
                )["spark.driver.extraJavaOptions"],
            }
        ),
        "KAFKA_BOOTSTRAP_SERVERS": fresh_topics,
        "REDIS_URL": redis_url,
        "LAKE_URI": f"file://{tmp_path}/lake",
        "MODELS_URI": f"file://{tmp_path}/models",
        "CHECKPOINTS_URI": f"file://{tmp_path}/checkpoints",
        "TRAIN_MIN_EVENTS": "10",
    }
    script = Path(__file__).with_name("cluster_job.py")
    done = subprocess.run(
        [sys.executable, str(script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert "executors: 2" in done.stdout
    assert "lake: 600" in done.stdout
    assert "raters: 600" in done.stdout
    assert "outcome: published" in done.stdout
    assert "lists: 30" in done.stdout
