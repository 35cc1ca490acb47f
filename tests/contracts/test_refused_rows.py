from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from contracts.refused_rows import RefusedRow, read_refused_rows, write_refused_rows

ROWS = st.lists(st.builds(RefusedRow, st.text(), st.integers(0), st.text(), st.text()), max_size=5)


@given(rows=ROWS)
def test_written_rows_are_read_back_unchanged(rows: list[RefusedRow], tmp_path_factory: object) -> None:
    path = Path(tmp_path_factory.mktemp("rows")) / "a" / "refused.jsonl"  # type: ignore[attr-defined]
    write_refused_rows(path, [row for row in rows if _is_text(row)])
    assert list(read_refused_rows(path)) == [row for row in rows if _is_text(row)]


def _is_text(row: RefusedRow) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for part in row if isinstance(part, str) for letter in part)


def test_a_missing_file_has_no_rows_and_other_lines_are_skipped(tmp_path: Path) -> None:
    assert list(read_refused_rows(tmp_path / "absent")) == []
    (tmp_path / "x").write_text('{"reason": "r"}\nnot JSON\n[1]\n')
    assert list(read_refused_rows(tmp_path / "x")) == []
