"""The process from which Spark forks its Python workers, with the packages imported that every worker needs.

A worker that is forked from it starts in a moment; one that imports them itself takes 0.7 seconds of a core,
and the live query starts one for each partition. What starts threads as it is imported (pyarrow, pandas) is
left to the workers: threads do not survive a fork.
"""

from __future__ import annotations

import importlib

from pyspark.daemon import manager

PRELOADED = ("pyspark.worker", "numpy", "redis", "kafka", "contracts.settings", "contracts.events")


def main() -> None:
    """Import, then serve as pyspark's own daemon does."""
    for name in PRELOADED:
        importlib.import_module(name)
    manager()


if __name__ == "__main__":
    main()
