"""What the tests of streaming share."""

from __future__ import annotations

import pytest

from streaming import fresh_lists
from streaming.online_model import OnlineModels


@pytest.fixture(autouse=True)
def no_model_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process keeps the model of a version; here every test publishes another one under the same name."""
    monkeypatch.setattr(fresh_lists, "_models", OnlineModels())
