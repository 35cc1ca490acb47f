from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _checks_as_production_compiles_them(request: pytest.FixtureRequest) -> None:
    """The checks of an event are one generated method, too large for some limits of Spark and of the JVM."""
    if "spark" in request.fixturenames:
        request.getfixturevalue("compiled_plans")
