"""Java 17 or 21: found on this machine, or a private one installed into the cache."""

from __future__ import annotations

import glob
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import jdk

from stack.machine.cache import cache_dir
from stack.machine.errors import StackError

ACCEPTED = (17, 21)
USUAL_FOLDERS = (
    "/usr/lib/jvm/*",
    "/usr/java/*",
    "/opt/java/*",
    "/opt/jdk*",
    "/Library/Java/JavaVirtualMachines/*/Contents/Home",
    "/opt/homebrew/opt/openjdk*",
    "/usr/local/opt/openjdk*",
    "~/.sdkman/candidates/java/*",
    "~/.jdk/*",
    "~/.jre/*",
)
CURE = (
    "install Java 17 or 21 (Debian or Ubuntu: `sudo apt-get install openjdk-17-jre-headless`; "
    "macOS: `brew install openjdk@17`) or point JAVA_HOME at one"
)
_ASK_SECONDS = 30


class Java(NamedTuple):
    """A Java that runs on this machine."""

    home: Path
    major: int
    version: str

    @property
    def executable(self) -> Path:
        """The `java` command."""
        return self.home / "bin" / "java"


def ask(executable: Path) -> Java | None:
    """The Java that a command reports to be; None where it does not run, as macOS's stub without a Java."""
    command = [str(executable), "-XshowSettings:properties", "-version"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_ASK_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    properties = dict(re.findall(r"^\s+(java\.\S+) = (.*)$", answer.stderr, re.MULTILINE))
    try:
        major = int(properties["java.specification.version"].split(".")[-1])
        return Java(Path(properties["java.home"]), major, properties["java.version"])
    except (KeyError, ValueError):
        return None


def candidates(cache: Path, folders: Sequence[str] = USUAL_FOLDERS) -> Iterator[Path]:
    """Every `java` to try: JAVA_HOME's, PATH's, the cache's, those in the usual folders."""
    home = os.environ.get("JAVA_HOME")
    if home:
        yield Path(home) / "bin" / "java"
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path)
    for pattern in (str(cache / "java" / "*"), *folders):
        for folder in sorted(glob.glob(os.path.expanduser(pattern))):
            for inside in ("bin/java", "Contents/Home/bin/java"):
                if os.access(os.path.join(folder, inside), os.X_OK):
                    yield Path(folder, inside)


def find_java(cache: Path | None = None, folders: Sequence[str] = USUAL_FOLDERS) -> Java | None:
    """The first Java of an accepted version; None where there is none."""
    asked: set[Path] = set()
    for executable in candidates(cache or cache_dir(), folders):
        resolved = executable.resolve()
        if resolved in asked:
            continue
        asked.add(resolved)
        java = ask(executable)
        if java and java.major in ACCEPTED:
            return java
    return None


def install_java(cache: Path) -> Java:
    """Install a private JRE into the cache, by the install-jdk package.

    Raises StackError where the download fails, with the commands that install one by hand.
    """
    (cache / "java").mkdir(parents=True, exist_ok=True)
    before = socket.getdefaulttimeout()
    # A firewall that drops packets must not block the set-up for ever.
    socket.setdefaulttimeout(_ASK_SECONDS)
    try:
        with tempfile.TemporaryDirectory(dir=cache) as partial:
            unpacked = Path(jdk.install(str(ACCEPTED[0]), jre=True, path=partial))
            target = cache / "java" / unpacked.name
            if not target.exists():
                unpacked.rename(target)
    except (jdk.JdkError, OSError, ValueError) as error:
        raise StackError(
            f"No Java 17 or 21 here, and fetching one failed ({_root_of(error)}): {CURE}"
        ) from error
    finally:
        socket.setdefaulttimeout(before)
    java = find_java(cache)
    if java is None:
        raise StackError(f"The Java fetched into {target} does not run on this machine: {CURE}")
    return java


def ensure_java(say: Callable[[str], None], cache: Path | None = None) -> Java:
    """A Java that works: one on this machine, else one installed into the cache. Raises StackError."""
    where = cache or cache_dir()
    java = find_java(where)
    if java is None:
        say("No Java 17 or 21 found: fetching a private one (about 45 MB) ...")
        java = install_java(where)
    return java


def require_java() -> Java:
    """A Java that works, without a download. Raises StackError with the cure."""
    java = find_java()
    if java is None:
        raise StackError(f"No Java 17 or 21 found: {CURE}; `headwater setup` fetches a private one")
    return java


def _root_of(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__
