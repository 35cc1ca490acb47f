"""Downloads from a local HTTP server, which serves the files that a test puts into its folder."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ingest.sources.download import DATASETS, DownloadError, download

NAME = "ml-latest-small"
CONTENT = {f"{NAME}/ratings.csv": "userId,movieId,rating,timestamp\n", f"{NAME}/README.txt": "terms"}


class Quiet(SimpleHTTPRequestHandler):
    """Serves files; for certain names it announces ten bytes more than it sends."""

    def log_message(self, format: str, *args: Any) -> None:
        return

    def end_headers(self) -> None:
        super().end_headers()

    def send_header(self, keyword: str, value: str) -> None:
        broken = keyword == "Content-Length" and "ml-1m.zip" in self.path and not self.path.endswith("md5")
        super().send_header(keyword, str(int(value) + 10) if broken else value)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address under which it is served."""
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0),
        lambda *args: Quiet(*args, directory=str(folder)),  # type: ignore[arg-type]
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def _publish(folder: Path, name: str, content: dict[str, str] | bytes, md5: str | None = "right") -> bytes:
    raw = content if isinstance(content, bytes) else _zip(content)
    (folder / f"{name}.zip").write_bytes(raw)
    if md5 is not None:
        digest = hashlib.md5(raw).hexdigest() if md5 == "right" else md5
        (folder / f"{name}.zip.md5").write_text(f"MD5 ({name}.zip) = {digest}\n")
    return raw


def _zip(content: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for member, text in content.items():
            packed.writestr(member, text)
    return buffer.getvalue()


def _files_left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*")) if folder.exists() else []


def test_a_good_archive_is_unpacked_and_its_progress_reported(site: tuple[Path, str], tmp_path: Path) -> None:
    size, told = len(_publish(site[0], NAME, CONTENT)), []
    folder = download(NAME, tmp_path / "to", site[1], lambda done, total: told.append((done, total)))
    assert folder == tmp_path / "to" / NAME
    assert {p.name: p.read_text() for p in folder.iterdir()} == {
        "ratings.csv": CONTENT[f"{NAME}/ratings.csv"],
        "README.txt": "terms",
    }
    assert told[-1] == (size, size)
    assert _files_left(tmp_path / "to") == ["README.txt", NAME, "ratings.csv"]


@pytest.mark.parametrize("md5", ["0" * 32, None])
def test_a_wrong_checksum_leaves_no_file_behind(
    site: tuple[Path, str], tmp_path: Path, md5: str | None
) -> None:
    _publish(site[0], NAME, CONTENT, md5)
    with pytest.raises(DownloadError, match=r"has the (md5|sha256) \w+ instead of \w+: the file is damaged"):
        download(NAME, tmp_path / "to", site[1])
    assert _files_left(tmp_path / "to") == []


def test_a_transfer_that_breaks_off_is_an_error(site: tuple[Path, str], tmp_path: Path) -> None:
    _publish(site[0], "ml-1m", CONTENT)
    with pytest.raises(DownloadError, match=r"broke off after|cannot be fetched"):
        download("ml-1m", tmp_path / "to", site[1])
    assert _files_left(tmp_path / "to") == []


def test_the_error_for_a_missing_archive_names_the_address(site: tuple[Path, str], tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"ml-20m.zip cannot be fetched \(HTTP Error 404.*--base-url"):
        download("ml-20m", tmp_path / "to", site[1])


def test_the_error_for_a_missing_server_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"cannot be fetched .*: check the network, or name a mirror"):
        download(NAME, tmp_path / "to", "http://127.0.0.1:9/")


@pytest.mark.parametrize("member", ["../escaped.txt", "/tmp/escaped.txt", f"{NAME}/../../escaped.txt"])
def test_an_archive_with_paths_outside_of_its_folder_is_refused(
    site: tuple[Path, str], tmp_path: Path, member: str
) -> None:
    _publish(site[0], NAME, {f"{NAME}/ok.txt": "ok", member: "evil"})
    with pytest.raises(DownloadError, match="which leads out of its folder"):
        download(NAME, tmp_path / "to", site[1])
    assert _files_left(tmp_path / "to") == []
    assert not (tmp_path / "escaped.txt").exists()


def test_a_file_that_is_not_an_archive_is_an_error(site: tuple[Path, str], tmp_path: Path) -> None:
    _publish(site[0], NAME, b"<html>sorry</html>")
    with pytest.raises(DownloadError, match="is not a complete zip archive"):
        download(NAME, tmp_path / "to", site[1])


def test_a_data_set_that_exists_already_is_kept(site: tuple[Path, str], tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(DownloadError, match="exists already"):
        download(NAME, tmp_path, site[1])


def test_the_error_for_an_unknown_name_lists_the_known_names(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="choose one of ml-latest-small, ml-1m, ml-20m, ml-32m"):
        download("ml-1g", tmp_path, "http://127.0.0.1:9/")


def test_every_known_checksum_has_the_length_of_its_algorithm() -> None:
    for checksum in DATASETS.values():
        assert len(checksum.digest) == hashlib.new(checksum.algorithm).digest_size * 2
