from __future__ import annotations

import json
import time

import pytest
from pydantic import ValidationError

from contracts.erasure import ErasureRequest


def test_a_request_names_the_user_the_moment_and_a_receipt() -> None:
    one, two = ErasureRequest(user_id="ü"), ErasureRequest(user_id="ü")
    record = json.loads(one.to_json())
    assert record == {"user_id": "ü", "receipt": one.receipt, "requested_at": one.requested_at}
    assert abs(one.requested_at - time.time() * 1000) < 60_000
    assert one.receipt != two.receipt
    assert one.key == "ü".encode()


@pytest.mark.parametrize("user_id", ["", "a\nb", "x" * 129])
def test_a_bad_user_is_refused(user_id: str) -> None:
    with pytest.raises(ValidationError):
        ErasureRequest(user_id=user_id)
