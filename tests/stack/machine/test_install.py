from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from stack.machine import install

ROOT = Path(__file__).resolve().parents[3]
LOCKS = sorted((ROOT / "locks").glob("*.txt"))
LOCK = """\
py4j==0.10.9 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
uv==1.2.3 ; python_version >= '3.10' \\
    --hash=sha256:cc
"""


def _pins(text: str) -> set[tuple[str, str]]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^;\s\\]+)", text, re.MULTILINE)
    return {(re.sub(r"[-_.]+", "-", name).lower(), version) for name, version in found}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.stem))
def test_a_lock_holds_only_versions_of_the_constraints(lock: Path) -> None:
    assert _pins(lock.read_text()) <= _pins((ROOT / "constraints.txt").read_text())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.stem))
def test_every_locked_package_has_a_hash_and_no_lock_names_an_index(lock: Path) -> None:
    text = lock.read_text()
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)
    assert len(entries) > 50
    assert [entry for entry in entries if entry.strip() and "--hash=sha256:" not in entry] == []
    assert "://" not in text
    assert "index" not in text


def test_the_lock_of_the_tests_has_the_same_versions_as_the_lock_for_running() -> None:
    run, dev = (_pins((ROOT / "locks" / f"{name}.txt").read_text()) for name in ("run", "dev"))
    assert run < dev


def test_every_lock_has_uv_and_the_packages_that_fetch_the_jars() -> None:
    for lock in LOCKS:
        assert install.FIRST | {"uv", "setuptools"} <= {name for name, _ in _pins(lock.read_text())}


def test_entries_of_a_lock_are_read_by_name_with_all_their_lines() -> None:
    assert install.packages(LOCK, {"py4j"}.__contains__) == "".join(LOCK.splitlines(keepends=True)[:3])
    assert install.packages(LOCK, "uv".__eq__) == "".join(LOCK.splitlines(keepends=True)[3:])


def test_the_error_of_a_failed_command_says_where_to_look(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(install.InstallError, match="could not be installed: the reason stands above"):
        install.run([sys.executable, "-c", "raise SystemExit('no route')"], "Spark could not be installed")
    assert "no route" in capfd.readouterr().err


def test_the_installer_only_needs_the_standard_library() -> None:
    script = ROOT / "stack" / "machine" / "install.py"
    ended = subprocess.run(
        [sys.executable, "-I", "-S", str(script), "nothing"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr == "usage: install.py dev|run\n"


@pytest.mark.parametrize("text", ["", "[]", '{"Spark": "long"}', None])
def test_without_a_file_the_seconds_are_none(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "SECONDS_FILE", tmp_path / "seconds.json")
    if text is not None:
        install.SECONDS_FILE.write_text(text)
    assert install.read_seconds() == {}
    install.SECONDS_FILE.write_text('{"Spark": 31.5}')
    assert install.read_seconds() == {"Spark": 31.5}
