"""Small text files at any URI that Spark's Hadoop client reaches (local disk, s3a)."""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession


def _path(spark: SparkSession, uri: str) -> tuple[Any, Any]:
    assert spark._jvm is not None
    path = spark._jvm.org.apache.hadoop.fs.Path(uri)
    return path.getFileSystem(spark._jsc.hadoopConfiguration()), path


def write_text(spark: SparkSession, uri: str, text: str) -> None:
    """Write a file whole, replacing an old one."""
    filesystem, path = _path(spark, uri)
    stream = filesystem.create(path, True)
    stream.write(text.encode())
    stream.close()


def read_text(spark: SparkSession, uri: str) -> str:
    """Raises FileNotFoundError where there is no such file."""
    filesystem, path = _path(spark, uri)
    if not filesystem.exists(path):
        raise FileNotFoundError(f"No file {uri}: is MODELS_URI right?")
    assert spark._jvm is not None
    stream = filesystem.open(path)
    try:
        return str(spark._jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))
    finally:
        stream.close()


def list_folders(spark: SparkSession, uri: str) -> list[str]:
    """The names of a folder's folders, sorted; none where there is no such folder."""
    filesystem, path = _path(spark, uri)
    if not filesystem.exists(path):
        return []
    return sorted(str(f.getPath().getName()) for f in filesystem.listStatus(path) if f.isDirectory())


def delete_folder(spark: SparkSession, uri: str) -> None:
    """Delete a folder and all that is in it; nothing happens where there is none."""
    filesystem, path = _path(spark, uri)
    filesystem.delete(path, True)
