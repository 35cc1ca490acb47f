from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from clients.whole_file import sha256_of
from stack.machine.errors import StackError
from stack.machine.jars import Jar, damaged_or_missing, ensure_jars, locked_jars, needed_jars

CONTENT = b"PK" + b"jar" * 500


@pytest.fixture
def mirror(jars: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bytes], Jar]:
    """A Maven repository in a folder; a jar that is added gives its line for a lock file."""
    root = tmp_path / "mirror"
    monkeypatch.setenv("HEADWATER_MAVEN_REPOSITORY", root.as_uri() + "/")

    def add(artifact: str, content: bytes) -> Jar:
        path = root / "org" / "example" / artifact / "1.0" / f"{artifact}-1.0.jar"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return Jar("kafka", "org.example", artifact, "1.0", sha256_of(path), len(content))

    return add


def _quiet(done: int, total: int, jar: str) -> None: ...


def test_every_locked_jar_has_a_folder_and_a_digest() -> None:
    jars = locked_jars()
    assert {jar.folder for jar in jars} == {"kafka", "spark", "s3"}
    assert {jar.folder for jar in needed_jars(with_s3=False)} == {"kafka", "spark"}
    assert needed_jars(with_s3=True) == jars
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in jars)
    assert len({jar.path for jar in jars}) == len(jars)


def test_jars_are_fetched_once_and_need_no_network_afterwards(
    tmp_path: Path, mirror: Callable[[str, bytes], Jar], monkeypatch: pytest.MonkeyPatch
) -> None:
    jar, root, seen = mirror("one", CONTENT), tmp_path / "jars", []
    assert ensure_jars(lambda *progress: seen.append(progress), root, [jar]) == 1
    assert seen[0] == (0, 1, "")
    assert seen[-1][:2] == (1, 1)
    monkeypatch.setenv("HEADWATER_MAVEN_REPOSITORY", "file:///nowhere/")
    assert ensure_jars(_quiet, root, [jar]) == 0


@pytest.mark.parametrize("harm", ["truncated", "changed", "removed"])
def test_a_damaged_jar_is_found_and_repaired(
    harm: str, tmp_path: Path, mirror: Callable[[str, bytes], Jar]
) -> None:
    jar, whole, root = mirror("one", CONTENT), mirror("two", CONTENT + b"2"), tmp_path / "jars"
    ensure_jars(_quiet, root, [jar, whole])
    path = root / jar.path
    if harm == "removed":
        path.unlink()
    else:
        path.write_bytes(CONTENT[:-10] if harm == "truncated" else CONTENT[:-1] + b"?")
        os.utime(path, ns=(1, 1))
    assert damaged_or_missing([jar, whole], root) == [jar]
    assert ensure_jars(_quiet, root, [jar, whole]) == 1
    assert path.read_bytes() == CONTENT


def test_a_jar_with_another_digest_than_in_the_lock_is_refused(
    tmp_path: Path, mirror: Callable[[str, bytes], Jar]
) -> None:
    jar, root = mirror("one", CONTENT), tmp_path / "jars"
    wrong = jar._replace(sha256="0" * 64)
    with pytest.raises(StackError, match="sha256 is not the one"):
        ensure_jars(_quiet, root, [wrong])
    assert not (root / jar.path).exists()


def test_without_a_network_the_error_names_the_cure(
    tmp_path: Path, mirror: Callable[[str, bytes], Jar]
) -> None:
    absent = mirror("one", CONTENT)._replace(artifact="absent")
    with pytest.raises(StackError, match=r"connect to the network and run `headwater setup`"):
        ensure_jars(_quiet, tmp_path / "jars", [absent])
