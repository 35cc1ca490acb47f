"""Fetches jars by the Ivy inside pyspark, without Maven and without the user's ~/.m2 and ~/.ivy2."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

from stack.machine.errors import StackError
from stack.machine.java import require_java

Progress = Callable[[int, int, str], None]  # jars done, jars in all, the newest one's name
Coordinates = tuple[str, str, str, str]  # folder, group, artifact, version
# A mirror of the public repository, where that one is out of reach.
MIRROR_VARIABLE = "HEADWATER_MAVEN_REPOSITORY"


def ivy_jar() -> Path:
    """The Ivy inside pyspark. Raises StackError where pyspark is not installed."""
    spec = importlib.util.find_spec("pyspark")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    jars = sorted(Path(folders[0], "jars").glob("ivy-*.jar")) if folders else []
    if not jars:
        raise StackError("pyspark is not installed: run `make setup`, or `pip install 'headwater[stack]'`")
    return jars[-1]


def settings_xml(cache: Path, mirror: str | None) -> str:
    """Ivy's settings: one resolver, the public Maven repository. Poms are not read; our list is complete."""
    root = f" root={quoteattr(mirror)}" if mirror else ""
    return (
        '<ivysettings><settings defaultResolver="maven"/>'
        f"<caches defaultCacheDir={quoteattr(str(cache))}/>"
        f'<resolvers><ibiblio name="maven" m2compatible="true" usepoms="false"{root}/></resolvers>'
        "</ivysettings>"
    )


def module_xml(wanted: Sequence[Coordinates]) -> str:
    """Ivy's list of the wanted jars, with one configuration for each folder."""
    folders = sorted({folder for folder, *_ in wanted})
    confs = "".join(f"<conf name={quoteattr(folder)}/>" for folder in folders)
    dependencies = "".join(
        f"<dependency org={quoteattr(group)} name={quoteattr(artifact)} rev={quoteattr(version)} "
        f'conf="{folder}->default" transitive="false"/>'
        for folder, group, artifact, version in wanted
    )
    return (
        '<ivy-module version="2.0"><info organisation="headwater" module="jars"/>'
        f"<configurations>{confs}</configurations><dependencies>{dependencies}</dependencies></ivy-module>"
    )


def fetch(wanted: Sequence[Coordinates], cache: Path, target: Path, progress: Progress) -> None:
    """Fetch each jar to target/<folder>/<artifact>-<version>.jar; a jar that cannot be fetched is left out.

    Raises StackError where Ivy itself does not run.
    """
    (target / "settings.xml").write_text(settings_xml(cache, os.environ.get(MIRROR_VARIABLE)))
    (target / "ivy.xml").write_text(module_xml(wanted))
    command = [str(require_java().executable), *proxy_options(), "-jar", str(ivy_jar())]
    command += ["-settings", str(target / "settings.xml"), "-ivy", str(target / "ivy.xml"), "-types", "jar"]
    command += ["-retrieve", f"{target}/[conf]/[artifact]-[revision].[ext]"]
    done, log = 0, []
    progress(0, len(wanted), "")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as ivy:
        assert ivy.stdout is not None
        for line in ivy.stdout:
            log.append(line)
            if "[SUCCESSFUL ]" in line:
                done += 1
                progress(done, len(wanted), line.split("!")[-1].split()[0])
    if ivy.returncode:
        why = next((line.strip() for line in log if "ERROR" in line or "not found" in line), log[-1].strip())
        raise StackError(
            f"Fetching {len(wanted)} jars failed ({why}): connect to the network and run "
            f"`headwater setup` again; behind a mirror, set {MIRROR_VARIABLE}"
        )


def proxy_options() -> list[str]:
    """HTTPS_PROXY as Java's properties, because Java does not read the variable."""
    proxy = urlsplit(os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy") or "")
    if not proxy.hostname:
        return []
    return [f"-Dhttps.proxyHost={proxy.hostname}", f"-Dhttps.proxyPort={proxy.port or 443}"]
