"""Spark's configuration for plans of a few rows.

To adapt such a plan, or to compile a class for each of its steps, takes longer than to run it: a round of
training takes 40% less CPU time without. Spark gives the same rows either way. Whole stacks (tests/stack),
the cluster (tests/integration/test_cluster.py) and `make nightly` run with production's configuration.
"""

from __future__ import annotations

SMALL_PLANS = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
