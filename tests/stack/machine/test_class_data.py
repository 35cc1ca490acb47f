from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyspark
import pytest

from clients.spark_session import connector_jars
from stack.machine.class_data import OFF, archive_path, ensure_archive, usable_archive
from stack.machine.jars import jars_dir
from stack.machine.java import Java, ensure_java

JAVA = Java(Path("/java"), 17, "17.0.1")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADWATER_CACHE", str(tmp_path))
    monkeypatch.delenv(OFF, raising=False)
    return tmp_path / "class-data"


@pytest.fixture
def workload(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Run a program instead of Spark's workload; it finds the archive's path in ``archive``."""

    def replace(code: str) -> None:
        def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
            program = [sys.executable, "-c", f"import sys; archive = sys.argv[1]; {code}", command[-1]]
            return real(program, **options)  # type: ignore[call-overload, no-any-return]

        real = subprocess.run
        monkeypatch.setattr("stack.machine.class_data.subprocess.run", run)

    return replace


def test_an_archive_is_valid_for_one_java_and_the_present_jars(cache: Path, tmp_path: Path) -> None:
    jar = tmp_path / "jars" / "a.jar"
    jar.parent.mkdir()
    jar.write_bytes(b"a")
    first = archive_path(JAVA, [jar.parent])
    assert first.parent == cache
    assert archive_path(JAVA, [jar.parent]) == first
    linked = tmp_path / "linked"
    linked.symlink_to(jar.parent)
    assert archive_path(JAVA, [linked]) == first
    assert archive_path(JAVA._replace(version="17.0.2"), [jar.parent]) != first
    os.utime(jar, (1, 1))  # the JVM compares sizes and times, too
    assert archive_path(JAVA, [jar.parent]) != first


def test_an_archive_is_created_once_and_the_oldest_ones_are_deleted(
    cache: Path, workload: Callable[[str], None]
) -> None:
    cache.mkdir()
    for age in (1, 2, 3):
        (cache / f"spark-{age}.jsa").touch()
        os.utime(cache / f"spark-{age}.jsa", (age, age))
    workload("open(archive, 'w').write('classes')")
    said: list[str] = []
    assert usable_archive(JAVA) is None
    path = ensure_archive(JAVA, said.append)
    assert path is not None
    assert path.read_text() == "classes"
    assert usable_archive(JAVA) == path
    assert sorted(cache.glob("spark-*")) == sorted([cache / "spark-3.jsa", path])
    workload("sys.exit('it is not made again')")
    assert ensure_archive(JAVA, said.append) == path
    assert len(said) == 1


@pytest.mark.parametrize(
    "code", ["open(archive, 'w').write('half'); sys.exit('the disk is full')", "sys.stderr.write('nothing')"]
)
def test_a_failed_archive_leaves_no_file_and_is_not_an_error(
    cache: Path, workload: Callable[[str], None], code: str
) -> None:
    workload(code)
    said: list[str] = []
    assert ensure_archive(JAVA, said.append) is None
    assert "the disk is full" in said[-1] or "nothing" in said[-1]
    assert list(cache.iterdir()) == [cache / ".lock"]


def test_a_variable_turns_archives_off(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir()
    archive_path(JAVA).touch()
    monkeypatch.setenv(OFF, "1")
    assert usable_archive(JAVA) is None
    assert ensure_archive(JAVA, pytest.fail) is None


@pytest.mark.parametrize(
    ("main", "words"),
    [
        ("org.apache.spark.deploy.SparkSubmit", ["--version"]),
        (
            "org.apache.kafka.clients.consumer.ConsumerConfig",
            [],
        ),  # of the connectors
    ],
)
def test_a_jvm_of_spark_maps_the_archive(jars: None, main: str, words: list[str]) -> None:
    java = ensure_java(lambda _: None)
    path = usable_archive(java)
    assert path is not None
    command = [str(java.executable), "-Xshare:on", f"-XX:SharedArchiveFile={path}", "-Xlog:class+load"]
    spark = Path(pyspark.__file__).resolve().parent
    own = [f"{spark / 'conf'}", f"{spark / 'jars' / 'slf4j-api-2.0.17.jar'}", f"{spark / 'jars' / '*'}"]
    classpath = ":".join([*own, *connector_jars(str(jars_dir("spark")))])
    done = subprocess.run(
        [*command, "-cp", classpath, main, *words], capture_output=True, text=True, check=False
    )
    assert f"{main} source: shared objects file (top)" in done.stdout, done.stdout
