from __future__ import annotations

from urllib.parse import urlparse
from xml.etree import ElementTree

import pytest

from contracts.settings import StreamingSettings
from streaming.pipeline import QUERY_VERSIONS
from streaming.session import streaming_conf

MANAGER = "spark.sql.streaming.checkpointFileManagerClass"


@pytest.mark.parametrize(
    ("uri", "is_local"), [("data/checkpoints", True), ("file:///data", True), ("s3a://bucket/c", False)]
)
def test_only_local_checkpoints_are_written_by_the_plain_file_manager(uri: str, is_local: bool) -> None:
    assert (MANAGER in streaming_conf(StreamingSettings(checkpoints_uri=uri))) == is_local


def test_every_query_has_a_pool_and_the_online_one_goes_first() -> None:
    file = urlparse(streaming_conf(StreamingSettings())["spark.scheduler.allocation.file"]).path
    pools = {pool.attrib["name"]: pool for pool in ElementTree.parse(file).getroot()}
    assert set(pools) == {*QUERY_VERSIONS, "catch_up"}
    shares = {name: int(pool.findtext("minShare") or 0) for name, pool in pools.items()}
    assert [name for name, share in shares.items() if share] == ["online"]


def test_the_users_own_configuration_has_the_last_word() -> None:
    settings = StreamingSettings(spark_conf={"spark.scheduler.mode": "FIFO"})
    assert streaming_conf(settings)["spark.scheduler.mode"] == "FIFO"
