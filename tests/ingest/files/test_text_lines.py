from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.files.rejected_lines import SourceError
from ingest.files.text_lines import first_line, modified_ms, numbered_lines, split, stem


def test_lines_keep_their_numbers_across_blank_ones_and_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfa,b\r\n\n1,2\n3,4")
    assert list(numbered_lines(path)) == [(1, "a,b"), (3, "1,2"), (4, "3,4")]


def test_a_gzipped_file_reads_like_a_plain_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a\nb\n"))
    assert list(numbered_lines(path)) == [(1, "a"), (2, "b")]
    assert stem(path) == "a.csv"


def test_a_damaged_archive_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a\nb\n" * 1000)[:30])
    with pytest.raises(SourceError, match="cannot be read"):
        list(numbered_lines(path))
    path.write_bytes(b"no archive")
    with pytest.raises(SourceError, match="cannot be read"):
        list(numbered_lines(path))


def test_undecodable_bytes_stay_in_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"ok\n\xff\xfe\nok\n")
    assert [line for _, line in numbered_lines(path)] == ["ok", "\udcff\udcfe", "ok"]


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError, match="is empty: there is nothing to ingest"):
        first_line(path)


@given(st.lists(st.text(st.characters(exclude_characters='",\r\n')), min_size=1, max_size=6))
def test_plain_fields_split_as_they_were_joined(fields: list[str]) -> None:
    assert split(",".join(fields), ",") == fields


def test_quotes_hold_separators_and_an_unclosed_one_is_named() -> None:
    assert split('1,"Heat, The ""Big"" One",x', ",") == ["1", 'Heat, The "Big" One', "x"]
    assert split('1\t"a\tb', "\t") == ["1", '"a', "b"]
    with pytest.raises(ValueError, match="broken quotes"):
        split('1,"31,2.5', ",")


def test_the_modification_time_is_in_milliseconds(tmp_path: Path) -> None:
    assert modified_ms(tmp_path) == tmp_path.stat().st_mtime_ns // 1_000_000
