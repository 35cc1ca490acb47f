from __future__ import annotations

import pytest

from ingest.files.rejected_lines import SourceError
from ingest.meaning.options import parse_separator


@pytest.mark.parametrize(
    ("typed", "separator"),
    [(";", ";"), ("tab", "\t"), ("\\t", "\t"), ("\\x01", "\x01"), ("||", "||"), (" - ", " - ")],
)
def test_a_separator_is_used_as_typed(typed: str, separator: str) -> None:
    assert parse_separator(typed) == separator


@pytest.mark.parametrize("typed", ["", "\n", '"', "a\rb"])
def test_a_separator_that_cannot_separate_fields_is_refused(typed: str) -> None:
    with pytest.raises(SourceError, match="--separator"):
        parse_separator(typed)
