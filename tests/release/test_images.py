from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from release import images
from release.source_tree import packages
from release.steps import ROOT, ReleaseError


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have run."""
    ran: list[list[str]] = []

    def run(command: Sequence[str | Path], failure: str) -> None:
        ran.append([str(word) for word in command])

    monkeypatch.setattr(images, "run", run)
    for name in images._MIRRORS:
        monkeypatch.delenv(name, raising=False)
    return ran


def which_finds(*names: str) -> object:
    return lambda name: f"/usr/bin/{name}" if name in names else None


def test_the_container_engine_builds_the_images_if_it_answers_and_else_buildah_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("release.images.shutil.which", which_finds("docker", "buildah"))
    monkeypatch.setattr(images, "_docker_answers", lambda: True)
    assert images.find_builder() == ("docker", "build")
    monkeypatch.setattr(images, "_docker_answers", lambda: False)
    assert images.find_builder() == ("buildah", "bud", "--layers")
    monkeypatch.setattr("release.images.shutil.which", which_finds("docker"))
    assert images.find_builder() is None


def test_a_machine_without_both_is_an_error_with_the_cure(
    monkeypatch: pytest.MonkeyPatch, commands: list[list[str]]
) -> None:
    monkeypatch.setattr(images, "find_builder", lambda: None)
    assert not images.build_images("1.0.0")
    assert commands == []
    with pytest.raises(ReleaseError, match=r"No images were built.*Start Docker or install buildah"):
        images.main()


def test_every_service_gets_an_image_and_the_mirrors_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, commands: list[list[str]]
) -> None:
    monkeypatch.setattr(images, "find_builder", lambda: ("docker", "build"))
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:secret@mirror/simple")
    assert images.build_images("1.0.0")
    assert [command[command.index("--target") + 1] for command in commands] == list(images.IMAGES)
    assert all(f"headwater-{command[3]}:1.0.0" in command for command in commands)
    for command in commands:
        assert command[-3:] == ["--build-arg", "PIP_INDEX_URL", str(ROOT)]  # no value: others see the command


def test_the_builder_gets_every_package_of_the_wheel() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert packages() <= kept
