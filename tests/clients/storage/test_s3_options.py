from __future__ import annotations

import re

import pytest
from pydantic import SecretStr, ValidationError

from clients.kafka_options import HIDDEN_OPTIONS
from clients.spark_session import session_conf
from clients.storage.s3_options import for_arrow, for_deltalake, for_spark
from contracts.settings import LakeSettings, S3Settings, SparkSettings

OTHER_STORE = S3Settings(
    s3_endpoint="http://store.example:9000",
    s3_path_style=True,
    s3_access_key_id="reader",
    s3_secret_access_key=SecretStr("hunter2"),
    s3_session_token=SecretStr("hunter3"),
)


def test_another_store_than_amazons_is_reached_by_its_address_path_style_and_keys() -> None:
    spark = for_spark(OTHER_STORE)
    assert spark["spark.hadoop.fs.s3a.endpoint"] == "http://store.example:9000"
    assert spark["spark.hadoop.fs.s3a.path.style.access"] == "true"
    assert spark["spark.hadoop.fs.s3a.endpoint.region"] == "us-east-1"
    assert spark["spark.hadoop.fs.s3a.access.key"] == "reader"
    assert spark["spark.hadoop.fs.s3a.secret.key"] == "hunter2"
    assert spark["spark.hadoop.fs.s3a.session.token"] == "hunter3"
    assert for_deltalake(OTHER_STORE) == {
        "aws_endpoint_url": "http://store.example:9000",
        "aws_allow_http": "true",
        "aws_region": "us-east-1",
        "aws_virtual_hosted_style_request": "false",
        "aws_access_key_id": "reader",
        "aws_secret_access_key": "hunter2",
        "aws_session_token": "hunter3",
    }
    assert for_arrow(OTHER_STORE) == {
        "endpoint_override": "store.example:9000",
        "scheme": "http",
        "region": "us-east-1",
        "access_key": "reader",
        "secret_key": "hunter2",
        "session_token": "hunter3",
    }


def test_arrow_puts_the_bucket_into_the_hosts_name_where_no_path_style_is_set() -> None:
    settings = S3Settings(s3_endpoint="https://store.example")
    assert for_arrow(settings)["force_virtual_addressing"] is True
    assert for_arrow(S3Settings(s3_region="eu-central-1")) == {"region": "eu-central-1"}


def test_amazon_with_the_machines_role_needs_a_region_at_most() -> None:
    settings = S3Settings(s3_region="eu-central-1", s3_credentials_provider="org.example.Provider")
    assert {name for name in for_spark(settings) if "key" in name or "endpoint" in name} == {
        "spark.hadoop.fs.s3a.endpoint.region"
    }
    assert for_spark(settings)["spark.hadoop.fs.s3a.aws.credentials.provider"] == "org.example.Provider"
    assert for_deltalake(settings) == {
        "aws_region": "eu-central-1",
        "aws_virtual_hosted_style_request": "true",
    }


def test_nothing_shows_the_keys() -> None:
    assert "hunter" not in repr(OTHER_STORE)
    secret = [name for name, value in for_spark(OTHER_STORE).items() if "hunter" in value]
    assert len(secret) == 2
    assert all(re.search(HIDDEN_OPTIONS, name) for name in secret)


def test_spark_gets_the_jars_and_the_configuration_only_where_something_lies_in_s3(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folders = [tmp_path_factory.mktemp(name) for name in ("spark", "s3")]
    for folder in folders:
        (folder / "one.jar").touch()
    settings = SparkSettings(
        spark_master="spark://somewhere:7077",
        spark_jars_dir=str(folders[0]),
        spark_s3_jars_dir=str(folders[1]),
        s3_endpoint="http://h",
    )
    here, there = (
        session_conf(settings),
        session_conf(settings.model_copy(update={"models_uri": "s3a://b/m"})),
    )
    assert here["spark.jars"] == str(folders[0] / "one.jar")
    assert not [name for name in here if "s3a" in name]
    assert there["spark.jars"] == f"{folders[0] / 'one.jar'},{folders[1] / 'one.jar'}"
    assert there["spark.hadoop.fs.s3a.endpoint"] == "http://h"
    assert there["spark.delta.logStore.s3a.impl"].endswith("S3SingleDriverLogStore")
    (folders[1] / "one.jar").unlink()
    with pytest.raises(FileNotFoundError, match="SPARK_S3_JARS_DIR"):
        session_conf(settings.model_copy(update={"lake_uri": "s3a://b/l"}))


@pytest.mark.parametrize(
    ("fields", "cure"),
    [
        ({"s3_access_key_id": "reader"}, "set both or neither"),
        ({"s3_secret_access_key": "hunter2"}, "set both or neither"),
        ({"s3_session_token": "hunter2"}, "needs S3_ACCESS_KEY_ID"),
        ({"lake_uri": "s3://bucket/lake"}, "write s3a://"),
    ],
)
def test_settings_that_would_not_work_are_refused_with_their_cure(fields: dict[str, str], cure: str) -> None:
    with pytest.raises(ValidationError, match=cure) as refused:
        LakeSettings.model_validate(fields)
    assert "hunter" not in str(refused.value)
