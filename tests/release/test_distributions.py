from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from release import distributions, first_run
from release.source_tree import copy_to, package_files
from release.steps import ReleaseError, run


@pytest.mark.slow
def test_a_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    built_from = ("pyproject.toml", "README.md", "LICENSE", *package_files())
    copy_to(tmp_path / "source", map(Path, built_from))
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)],
        cwd=tmp_path / "source",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert distributions.missing_files(wheel) == set()
    with zipfile.ZipFile(wheel) as archive, zipfile.ZipFile(tmp_path / "less.whl", "w") as less:
        for name in archive.namelist():
            if name != "serving/page/static/index.html":
                less.writestr(name, b"")
    assert distributions.missing_files(tmp_path / "less.whl") == {"serving/page/static/index.html"}


def test_the_demo_of_the_wheel_does_not_import_from_this_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "somewhere")
    found = first_run.demo_environment()
    assert "PYTHONPATH" not in found
    assert Path(found["HEADWATER_CACHE"]).is_absolute()


def test_a_demo_that_serves_no_model_fails_the_release() -> None:
    with pytest.raises(ReleaseError, match="served no model"):
        first_run.check({"model_version": None})
    first_run.check({"model_version": "v1"})


def test_a_step_that_fails_or_hangs_or_is_missing_ends_with_a_sentence() -> None:
    with pytest.raises(ReleaseError, match="It broke: the reason stands above"):
        run([sys.executable, "-c", "raise SystemExit(3)"], "It broke")
    with pytest.raises(ReleaseError, match="It broke: it did not end within"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], "It broke", seconds=0.1)
    with pytest.raises(ReleaseError, match="no-such-command is not installed"):
        run(["no-such-command"], "It broke")
