from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.writes.write_token import MAX_TOKEN_LENGTH, decode_token, encode_token


@given(st.dictionaries(st.integers(0, 10_000), st.integers(0, 2**63 - 1), max_size=20))
def test_a_token_gives_back_its_offsets(offsets: dict[int, int]) -> None:
    assert decode_token(encode_token(offsets)) == offsets


@given(st.text(max_size=60))
def test_any_text_is_read_as_offsets_or_raises_a_valueerror(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(decode_token(text), dict)


@pytest.mark.parametrize(
    "text",
    ["!", "bm90IGpzb24", "W10", "e30K!", "eyIwIjoxLjV9", "eyJhIjoxfQ", "é", "A" * (MAX_TOKEN_LENGTH + 1)],
)
def test_invalid_tokens_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a token"):
        decode_token(text)
