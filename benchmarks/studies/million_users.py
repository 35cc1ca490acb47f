"""Top-100 lists for a million users x 100,000 items: the kernel timed on a sample, and what all would take.

python -m benchmarks.studies.million_users [--sample 1920] [--cores 16]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from threadpoolctl import threadpool_limits

from algorithms.top_n import BLOCK_USERS, top_n
from contracts.stored.memory import World, version_bytes

USERS, ITEMS, KNOWN, N = 1_000_000, 100_000, 100, 100


def users_a_second(rank: int, sample: int) -> float:
    """Users a second of one core, with synthetic factors and 100 known items for each user."""
    rng = np.random.default_rng(0)
    users, items = (rng.standard_normal((rows, rank)).astype(np.float32) for rows in (sample, ITEMS))
    known = rng.integers(0, ITEMS, sample * KNOWN).astype(np.int32)
    indptr = np.arange(sample + 1, dtype=np.int64) * KNOWN
    top_n(users[:BLOCK_USERS], items, indptr[: BLOCK_USERS + 1], known, N)
    started = time.perf_counter()
    top_n(users, items, indptr, known, N)
    return sample / (time.perf_counter() - started)


def main() -> None:
    """Print for each rank: users a second, core hours, minutes on a cluster, and the bytes to move."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", type=int, default=30 * BLOCK_USERS)
    parser.add_argument("--cores", type=int, default=16)
    options = parser.parse_args()
    with threadpool_limits(1):
        for rank in (16, 64, 128):
            rate = users_a_second(rank, options.sample)
            hours = USERS / rate / 3600
            world = World(users=USERS, items=ITEMS, interactions=USERS * KNOWN, n=N, rank=rank)
            print(
                f"rank {rank}: {rate:,.0f} users/s and core, {hours:.2f} core hours, "
                f"{60 * hours / options.cores:.1f} minutes on {options.cores} cores; known pairs shuffled "
                f"{USERS * KNOWN * 32 / 1e9:.1f} GB, item factors broadcast {ITEMS * rank * 4 / 1e6:.0f} MB, "
                f"Redis {version_bytes(world) / 1e9:.2f} GB"
            )


if __name__ == "__main__":
    main()
