"""Fetch the page's libraries again: ``python -m serving.page.vendor`` (needs npm; the page itself does not).

Each file is an unchanged file of its package, and must have the SHA-256 that is given here.
"""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "static" / "vendor"


class VendoredFile(NamedTuple):
    """A file of a package, and where the page has it."""

    package: str  # name@version
    path: str  # within the package
    name: str  # within FOLDER
    sha256: str


class ChangedFileError(ValueError):
    """A fetched file is not the one that was reviewed; the text names both checksums."""


# htm's standalone file is Preact and htm as one ES module: no eval, so the strict policy allows it.
HTM, PREACT, UPLOT = "htm@3.1.1", "preact@11.2.0", "uplot@1.6.32"
FILES = (
    VendoredFile(
        package=HTM,
        path="preact/standalone.module.js",
        name="preact-htm.js",
        sha256="72284e8e9079c87817145df1110f74e8a2aa040b2fc384922e18dfcb46fc1fd7",
    ),
    VendoredFile(
        package=HTM,
        path="LICENSE",
        name="LICENSE-htm.txt",
        sha256="740725f7252e750af735d0028cc534970772f513331e9f68150fede8fb3ce00f",
    ),
    VendoredFile(
        package=PREACT,
        path="LICENSE",
        name="LICENSE-preact.txt",
        sha256="1fe6958409c8c257a70c587a18b6f7f412b179b456630790d30b2ec9a8e4b7d4",
    ),
    VendoredFile(
        package=UPLOT,
        path="dist/uPlot.esm.js",
        name="uplot.js",
        sha256="5dd9b3281aa64b461b42d9945f6adb2649d346502b12281a9ae0d46599a80eba",
    ),
    VendoredFile(
        package=UPLOT,
        path="dist/uPlot.min.css",
        name="uplot.css",
        sha256="df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    ),
    VendoredFile(
        package=UPLOT,
        path="LICENSE",
        name="LICENSE-uplot.txt",
        sha256="8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
    ),
)


def check_content(file: VendoredFile, content: bytes) -> bytes:
    """Returns the content. Raises ChangedFileError where its SHA-256 is not that of the file."""
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise ChangedFileError(
            f"{file.package}/{file.path} has the SHA-256 {found}, not {file.sha256}: read what changed, "
            "then write the new checksum into serving/page/vendor.py"
        )
    return content


def fetch(package: str, folder: Path) -> Path:
    """The package's archive, downloaded by npm. Raises CalledProcessError."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), package]
    name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
    return folder / name


def main() -> None:
    """Fetch, check and write every file."""
    with tempfile.TemporaryDirectory() as name:
        archives = {package: fetch(package, Path(name)) for package in (HTM, PREACT, UPLOT)}
        for file in FILES:
            with tarfile.open(archives[file.package]) as archive:
                member = archive.extractfile(f"package/{file.path}")
                assert member is not None, f"{file.package} has no file {file.path}"
                (FOLDER / file.name).write_bytes(check_content(file, member.read()))


if __name__ == "__main__":
    main()
