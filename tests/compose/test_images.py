"""The images that the Dockerfile builds hold what their services need, in the tested versions."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stack.machine.jars import locked_jars
from tests.compose.compose_files import DOCKERFILE, OURS, REHEARSAL, ROOT, SERVICES, stage


def whole_stage(name: str) -> str:
    """The instructions of a stage and of all stages that it begins with or copies from."""
    base, text = stage(name)
    names = [base, *re.findall(r"--from=(\S+)", text)]
    return text + "".join(whole_stage(other) for other in names if ":" not in other)


@pytest.mark.parametrize("service", OURS)
def test_each_service_has_a_build_target_that_runs_an_existing_module_as_a_user(service: str) -> None:
    target = SERVICES[service]["build"]["target"]
    assert [SERVICES[name]["build"]["target"] for name in OURS].count(target) == 1
    base, text = stage(target)
    assert "USER headwater" in text + stage(base)[1]
    command = re.search(r"^CMD (.*)$", text, re.MULTILINE)
    assert command is not None
    module = re.search(r'python(?: |", ")-m(?: |", ")(\w+)', command[1])
    name = module[1] if module else "stack.cli"  # `headwater`
    assert module or re.search('"headwater", "(ingest|experiments)"', command[1])
    assert importlib.util.find_spec(f"{name}.__main__" if module else name)


def test_the_jars_are_in_the_image_where_spark_looks_for_them() -> None:
    for target in ("streaming", "training"):
        text = whole_stage(target)
        for folder, setting in (("spark", "SPARK_JARS_DIR"), ("s3", "SPARK_S3_JARS_DIR")):
            (copied,) = set(re.findall(rf"COPY --from=jars /jars/{folder} (\S+)", text))
            (told,) = set(re.findall(rf"{setting}=(\S+)", text))
            assert copied == told
        assert text.count("COPY --from=jars") == 2
    assert {"spark", "s3"} < {jar.folder for jar in locked_jars()}


def test_the_files_copied_for_the_jars_are_all_that_fetching_needs(tmp_path: Path) -> None:
    _, text = stage("jars")
    for sources, target in re.findall(r"^COPY (?!--from)(.*) (\S+)$", text, re.MULTILINE):
        (tmp_path / target).mkdir(parents=True, exist_ok=True)
        for source in sources.split():
            shutil.copy(ROOT / source, tmp_path / target)
    code = "import stack; from stack.machine.jars import ensure_jars, locked_jars\n"
    code += "print(len(locked_jars()), stack.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(len(locked_jars())), str(tmp_path / "stack" / "__init__.py")]


def test_only_images_of_spark_services_hold_spark_and_java() -> None:
    for target in ("serving", "ingest", "experiments"):
        text = whole_stage(target)
        assert f"COPY locks/images/{target}.txt" in text
        assert "pyspark" not in (ROOT / "locks" / "images" / f"{target}.txt").read_text()
        assert not re.search("pyspark|openjdk|streaming|training", text)


def test_packages_are_installed_by_hash() -> None:
    installs = re.findall(r"pip install (.*)", DOCKERFILE)
    assert installs
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)


def test_the_images_have_the_versions_that_the_tests_ran_with() -> None:
    def pins(text: str) -> set[str]:
        return set(re.findall(r"^(\S+==\S+)", text, re.MULTILINE))

    tested = pins((ROOT / "locks" / "dev.txt").read_text())
    locks = list((ROOT / "locks" / "images").glob("*.txt"))
    assert len(locks) == 5
    for lock in locks:
        assert pins(lock.read_text()) <= tested, lock.name


def test_every_file_that_the_build_copies_exists_and_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = " ".join(re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)).split()
    assert "streaming" in copied or "." in copied
    for source in copied:
        assert (ROOT / source).exists()
        folders = {source, *map(str, Path(source).parents)}
        assert source == "." or folders & kept


def test_the_modules_copied_one_by_one_can_import_all_that_they_need() -> None:
    sources = [
        source
        for words in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
        for source in words.split()
    ]
    modules = [source for source in sources if source.endswith(".py") and "class_data" not in source]
    assert modules
    for module in modules:
        for name in re.findall(r"^(?:from|import) (\S+)", (ROOT / module).read_text(), re.MULTILINE):
            imported = f"{name.replace('.', '/')}.py"
            if (ROOT / imported).exists():
                assert imported in modules, f"{module} imports {name}, which the build does not copy"


def test_every_image_is_pinned_and_the_rehearsal_has_a_replacement_for_it() -> None:
    bases = {base for base in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) if ":" in base}
    bought = {service["image"] for service in SERVICES.values() if "image" in service}
    assert bases
    assert all(re.search(r":v?\d", image) for image in bases | bought)
    stand_ins = set(re.findall(r"^ *stand_in (\S+:\S+) ", REHEARSAL, re.MULTILINE))
    # Debian has no Grafana: the rehearsal leaves it out, and says so.
    assert bases | bought == stand_ins | {SERVICES["grafana"]["image"]}


def test_the_image_of_the_broker_is_the_version_that_is_locked() -> None:
    broker = next(jar for jar in locked_jars() if jar.artifact == "kafka-server")
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{broker.version}"


def test_the_wheel_has_every_file_of_the_packages() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    packages = re.findall(r'"(\w+)\*"', text.split("[tool.setuptools.packages.find]")[1].split("[")[1])
    data = text.split("[tool.setuptools.package-data]")[1].split("\n\n")[0]
    patterns = dict(re.findall(r'^"([\w.*]+)" = \[(.*)\]$', data, re.MULTILINE))
    everywhere = re.findall(r'"([^"]+)"', patterns.pop("*"))
    of_one_package = {
        file
        for package, listed in patterns.items()
        for pattern in re.findall(r'"([^"]+)"', listed)
        for file in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    files = [
        file
        for package in packages
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and file not in of_one_package
    ]
    assert len(packages) == 10
    assert {file for file in files if not (file.parent / "__init__.py").exists()} == set()
    taken = ["*.py", *everywhere]
    assert {file for file in files if not any(file.match(pattern) for pattern in taken)} == set()
