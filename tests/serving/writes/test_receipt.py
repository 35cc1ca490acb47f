from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.writes.receipt import MAX_RECEIPT_LENGTH, ErasureReceipt, decode_receipt, encode_receipt

NUMBERS = st.integers(0, 2**63 - 1)


@given(st.builds(ErasureReceipt, NUMBERS, st.integers(0, 10_000), NUMBERS))
def test_an_encoded_receipt_is_decoded_unchanged_and_fits_a_path(receipt: ErasureReceipt) -> None:
    text = encode_receipt(receipt)
    assert decode_receipt(text) == receipt
    assert len(text) <= MAX_RECEIPT_LENGTH
    assert text.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=200) | st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")))
def test_other_text_is_not_read_as_a_receipt(text: str) -> None:
    with suppress(ValueError):
        assert encode_receipt(decode_receipt(text)) == text


@pytest.mark.parametrize("text", ["WzEsMCwtMV0", "WzEsMF0", "WzEsMCwxLDFd", "eyJhIjoxfQ", "W10", "A" * 129])
def test_numbers_that_are_never_issued_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a receipt"):
        decode_receipt(text)
