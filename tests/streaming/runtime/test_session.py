from __future__ import annotations

import os
from urllib.parse import urlparse
from xml.etree import ElementTree

import pytest
from pyspark.sql import SparkSession

from contracts.settings import StreamingSettings
from streaming.runtime.checkpoint_folders import QUERY_VERSIONS
from streaming.runtime.session import streaming_conf, task_slots, with_slots

MANAGER = "spark.sql.streaming.checkpointFileManagerClass"


@pytest.mark.parametrize(
    ("uri", "is_local"), [("data/checkpoints", True), ("file:///data", True), ("s3a://bucket/c", False)]
)
def test_only_local_checkpoints_use_the_simple_file_manager(uri: str, is_local: bool) -> None:
    assert (MANAGER in streaming_conf(StreamingSettings(checkpoints_uri=uri))) == is_local


def test_every_query_has_a_pool_and_the_online_one_goes_first() -> None:
    file = urlparse(streaming_conf(StreamingSettings())["spark.scheduler.allocation.file"]).path
    pools = {pool.attrib["name"]: pool for pool in ElementTree.parse(file).getroot()}
    assert set(pools) == {*QUERY_VERSIONS, "online", "catch_up"}
    shares = {name: int(pool.findtext("minShare") or 0) for name, pool in pools.items()}
    assert [name for name, share in shares.items() if share] == ["online"]


def test_the_users_configuration_overrides_ours() -> None:
    settings = StreamingSettings(spark_conf={"spark.scheduler.mode": "FIFO"})
    assert streaming_conf(settings)["spark.scheduler.mode"] == "FIFO"


@pytest.mark.parametrize(
    ("master", "expected"),
    [("local[2]", "local[7]"), ("local", "local[6]"), ("spark://a:7077", "spark://a:7077")],
)
def test_a_local_master_gets_one_more_slot_for_each_partition(master: str, expected: str) -> None:
    assert with_slots(master, 5) == expected
    assert with_slots("local[*]", 5) == f"local[{(os.cpu_count() or 1) + 5}]"


def test_the_number_of_task_slots_is_read_from_the_master(spark: SparkSession) -> None:
    assert spark.sparkContext.master == f"local[{task_slots(spark)}]"
