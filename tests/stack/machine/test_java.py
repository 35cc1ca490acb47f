from __future__ import annotations

from pathlib import Path

import jdk
import pytest

from stack.machine import java
from stack.machine.errors import StackError


def _pretends(folder: Path, version: str) -> Path:
    """A home whose `java` reports this version, whatever the folder's name is."""
    command = folder / "bin" / "java"
    command.parent.mkdir(parents=True)
    said = {"java.home": folder, "java.specification.version": version, "java.version": f"{version}.0.1"}
    lines = [f"echo '    {name} = {value}' >&2" for name, value in said.items()]
    command.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    command.chmod(0o755)
    return folder


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without Java: nothing on PATH, no JAVA_HOME."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/usr/bin/nowhere")
    return tmp_path


def test_on_a_machine_without_java_none_is_found(bare: Path) -> None:
    assert java.find_java(bare, folders=()) is None


@pytest.mark.parametrize("version", ["17", "21"])
def test_java_17_and_21_are_found_in_the_usual_folders(bare: Path, version: str) -> None:
    home = _pretends(bare / "some-jvm", version)
    found = java.find_java(bare, folders=(str(bare / "some-*"),))
    assert found == java.Java(home, int(version), f"{version}.0.1")


@pytest.mark.parametrize("version", ["1.8", "11", "24"])
def test_a_folder_named_17_that_holds_another_java_is_rejected(bare: Path, version: str) -> None:
    _pretends(bare / "java-17", version)
    assert java.find_java(bare, folders=(str(bare / "java-17"),)) is None


def test_java_home_is_preferred(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(_pretends(bare / "mine", "21")))
    _pretends(bare / "java" / "private", "17")
    found = java.find_java(bare, folders=())
    assert found is not None
    assert found.home == bare / "mine"


def test_a_java_that_does_not_run_is_not_used(bare: Path) -> None:
    stub = bare / "java"
    stub.write_text("#!/bin/sh\nexit 1\n")
    stub.chmod(0o755)
    assert java.ask(stub) is None


def test_if_no_java_can_be_fetched_one_sentence_says_what_to_install(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object, **__: object) -> str:
        raise jdk.JdkError("no route to host")

    monkeypatch.setattr(jdk, "install", no_network)
    monkeypatch.setattr(java, "USUAL_FOLDERS", ())
    with pytest.raises(StackError) as caught:
        java.install_java(bare)
    message = str(caught.value)
    assert "\n" not in message
    assert "no route to host" in message
    assert "apt-get install openjdk-17-jre-headless" in message
    assert "brew install openjdk@17" in message


def test_a_fetched_java_is_moved_into_the_cache_in_one_step(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpacks(version: str, *, jre: bool, path: str) -> str:
        assert (version, jre) == ("17", True)
        return str(_pretends(Path(path) / "jdk-17.0.1-jre", "17"))

    monkeypatch.setattr(jdk, "install", unpacks)
    assert java.install_java(bare).major == 17
    assert (bare / "java" / "jdk-17.0.1-jre" / "bin" / "java").is_file()
    assert sorted(path.name for path in bare.iterdir()) == ["java"]
