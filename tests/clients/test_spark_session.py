from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark import SparkContext
from pyspark.sql import SparkSession

from clients.spark_session import as_properties, connector_jars, start_jvm
from contracts.settings import SparkSettings
from stack.machine.jars import jars_dir

_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc")
def test_the_list_of_processes_shows_no_setting_of_spark(spark: SparkSession) -> None:
    """SPARK_CONF may hold the key of a bucket."""
    process = SparkContext._gateway.proc  # type: ignore[union-attr]
    arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode().split("\0")
    assert "pyspark-shell" in arguments
    assert "--conf" not in arguments
    warehouse = spark.conf.get("spark.sql.warehouse.dir")
    assert warehouse
    assert not [word for word in arguments if warehouse.removeprefix("file:") in word]
    # The heap is that of the settings, so the file was read; and it has been deleted.
    assert "-Xmx3g" in arguments
    file = arguments[arguments.index("--properties-file") + 1]
    assert not Path(file).exists()


def test_spark_has_its_own_classes_before_those_of_the_connectors(spark: SparkSession) -> None:
    """Added later (spark.jars), their classes would be in no class-data archive."""
    path = spark._jvm.java.lang.System.getProperty("java.class.path").split(":")  # type: ignore[union-attr]
    connectors = connector_jars(str(jars_dir("spark")))
    first = path.index(connectors[0])
    assert path[first : first + len(connectors)] == connectors
    assert not [jar for jar in path[first:] if "/pyspark/jars/" in jar]
    assert spark.conf.get("spark.jars", "") == ""
    assert "SPARK_DIST_CLASSPATH" not in os.environ


def test_a_second_thread_waits_for_the_jvm_that_another_one_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[str] = []

    def launch(conf: Mapping[str, str], classpath: str) -> None:
        launched.append(conf["spark.app.name"])
        time.sleep(0.1)
        monkeypatch.setattr(SparkContext, "_gateway", object())

    monkeypatch.setattr(SparkContext, "_gateway", None)
    monkeypatch.setattr("clients.spark_session._launch", launch)
    settings = SparkSettings(spark_jars_dir=str(jars_dir("spark")))
    first = threading.Thread(target=start_jvm, args=("early", settings))
    first.start()
    start_jvm("late", settings)
    assert SparkContext._gateway is not None
    first.join()
    assert len(launched) == 1


def test_java_reads_any_key_and_value_unchanged(spark: SparkSession) -> None:
    java = spark._jvm.java  # type: ignore[union-attr]

    @settings(max_examples=60)
    @given(st.dictionaries(_TEXTS, _TEXTS, max_size=3))
    def check(conf: dict[str, str]) -> None:
        read = java.util.Properties()
        read.load(java.io.StringReader(as_properties(conf)))
        assert {key: read.getProperty(key) for key in conf} == conf

    check()
