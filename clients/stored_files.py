"""Small files at any URI that Spark's Hadoop client reads (a local path, file, s3a)."""

from __future__ import annotations

from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession


class StoredFiles:
    """Reads, writes, lists, moves and deletes files. A failure raises OSError with the URI."""

    def __init__(self, spark: SparkSession) -> None:
        assert spark._jvm is not None
        self._jvm, self._conf = spark._jvm, spark._jsc.hadoopConfiguration()

    def _at(self, uri: str) -> tuple[Any, Any]:
        path = self._jvm.org.apache.hadoop.fs.Path(uri)
        return path.getFileSystem(self._conf), path

    def exists(self, uri: str) -> bool:
        """Whether a file or folder exists."""
        system, path = self._at(uri)
        return bool(system.exists(path))

    def names(self, uri: str) -> list[str]:
        """The names in a folder; none if it does not exist."""
        system, path = self._at(uri)
        return (
            [str(entry.getPath().getName()) for entry in system.listStatus(path)] if self.exists(uri) else []
        )

    def folders(self, uri: str) -> list[str]:
        """The sorted names of the folders in a folder; none if it does not exist."""
        system, path = self._at(uri)
        if not system.exists(path):
            return []
        return sorted(str(e.getPath().getName()) for e in system.listStatus(path) if e.isDirectory())

    def read(self, uri: str) -> str:
        """A file's text; bytes that are not UTF-8 are replaced.

        Raises FileNotFoundError if it does not exist, OSError for a wrong checksum.
        """
        system, path = self._at(uri)
        if not system.exists(path):
            raise FileNotFoundError(f"No file {uri}")
        try:
            stream = system.open(path)
            try:
                return str(self._jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))
            finally:
                stream.close()
        except Py4JJavaError as error:
            raise OSError(f"{uri}: {error.java_exception.getMessage()}") from error

    def write(self, uri: str, text: str) -> None:
        """Create a file atomically. Raises OSError where it exists."""
        system, path = self._at(uri)
        beside = self._jvm.org.apache.hadoop.fs.Path(f"{uri}.part")
        stream = system.create(beside, True)
        stream.write(bytearray(text.encode()))
        stream.close()
        try:
            is_moved = system.rename(beside, path)
        except Py4JJavaError as error:  # S3 says by an error what other file systems answer
            raise OSError(f"{uri}: {error.java_exception.getMessage()}") from error
        if not is_moved:
            raise OSError(f"{uri} exists already")

    def replace(self, uri: str, text: str) -> None:
        """Write a file, replacing an existing one. A concurrent reader may see it half written."""
        system, path = self._at(uri)
        stream = system.create(path, True)
        stream.write(bytearray(text.encode()))
        stream.close()

    def move(self, uri: str, to: str) -> None:
        """Rename a file or a folder. Raises OSError if that fails."""
        system, path = self._at(uri)
        if not system.rename(path, self._jvm.org.apache.hadoop.fs.Path(to)):
            raise OSError(f"{uri} could not be moved to {to}")

    def delete(self, uri: str) -> None:
        """Delete a file, or a folder with its content. A path that does not exist is no error."""
        system, path = self._at(uri)
        system.delete(path, True)
