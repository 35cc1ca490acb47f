"""Translates the settings of S3 into the configuration of Spark and the options of deltalake and Arrow.

Spark's hold keys. They reach its JVM by a file (clients/spark_session.py), and its log lines hide them.
"""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from contracts.settings import S3Settings

# Of Amazon, where none is said. Other stores take any.
_USUAL_REGION = "us-east-1"


def for_spark(settings: S3Settings) -> dict[str, str]:
    """The configuration of Hadoop's S3A client by Spark's keys, and how Delta writes its log there."""
    options = {
        "fs.s3a.endpoint": settings.s3_endpoint,
        "fs.s3a.endpoint.region": _region(settings),
        "fs.s3a.path.style.access": str(settings.s3_path_style).lower(),
        "fs.s3a.aws.credentials.provider": settings.s3_credentials_provider,
        "fs.s3a.access.key": settings.s3_access_key_id,
        "fs.s3a.secret.key": _plain(settings.s3_secret_access_key),
        "fs.s3a.session.token": _plain(settings.s3_session_token),
    }
    return {
        **{f"spark.hadoop.{name}": value for name, value in options.items() if value},
        # A table has one writing process at a time (streaming/lake/writer.py), which is all that this needs.
        "spark.delta.logStore.s3a.impl": "io.delta.storage.S3SingleDriverLogStore",
    }


def for_deltalake(settings: S3Settings) -> dict[str, str]:
    """The options of a table's storage. Without keys, deltalake takes those of its environment."""
    options = {
        "aws_endpoint_url": settings.s3_endpoint,
        "aws_allow_http": "true" if settings.s3_endpoint.startswith("http://") else "",
        "aws_region": _region(settings),
        "aws_virtual_hosted_style_request": str(not settings.s3_path_style).lower(),
        "aws_access_key_id": settings.s3_access_key_id,
        "aws_secret_access_key": _plain(settings.s3_secret_access_key),
        "aws_session_token": _plain(settings.s3_session_token),
    }
    return {name: value for name, value in options.items() if value}


def for_arrow(settings: S3Settings) -> dict[str, Any]:
    """The arguments of Arrow's client. Without keys, it takes those of its environment or of the machine."""
    scheme, _, address = settings.s3_endpoint.rpartition("://")
    options = {
        "endpoint_override": address,
        "scheme": scheme,
        "region": _region(settings),
        # With an endpoint, Arrow writes the bucket into the path unless it is told otherwise.
        "force_virtual_addressing": bool(settings.s3_endpoint) and not settings.s3_path_style,
        "access_key": settings.s3_access_key_id,
        "secret_key": _plain(settings.s3_secret_access_key),
        "session_token": _plain(settings.s3_session_token),
    }
    return {name: value for name, value in options.items() if value}


def _region(settings: S3Settings) -> str:
    return settings.s3_region or (_USUAL_REGION if settings.s3_endpoint else "")


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
