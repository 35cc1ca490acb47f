from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark import SparkContext
from pyspark.sql import SparkSession

from clients.spark_session import as_properties

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


def test_java_reads_any_key_and_value_unchanged(spark: SparkSession) -> None:
    java = spark._jvm.java  # type: ignore[union-attr]

    @settings(max_examples=60)
    @given(st.dictionaries(_TEXTS, _TEXTS, max_size=3))
    def check(conf: dict[str, str]) -> None:
        read = java.util.Properties()
        read.load(java.io.StringReader(as_properties(conf)))
        assert {key: read.getProperty(key) for key in conf} == conf

    check()
