"""`headwater plan`: predicts how much memory Redis needs for a number of users, items and events."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from contracts.settings import ServingSettings, TrainingSettings
from contracts.stored.memory import World, plan_bytes


def plan(
    users: Annotated[int, typer.Option(min=0)],
    items: Annotated[int, typer.Option(min=0)],
    n: Annotated[int, typer.Option(min=1, help="items of a list (TOP_N)")] = 100,
    interactions: Annotated[
        int, typer.Option(min=0, help="distinct pairs of user and item; 0: 100 a user")
    ] = 0,
    days: Annotated[float, typer.Option(min=0, help="the time over which they are spread")] = 365.0,
    repeats: Annotated[
        float, typer.Option(min=0, help="events after the first of its type, by user and item, in the mean")
    ] = 0.0,
    user_size: Annotated[int, typer.Option(min=1, max=512, help="bytes of a user's id")] = 8,
    item_size: Annotated[int, typer.Option(min=1, max=512, help="bytes of an item's id")] = 8,
    fresh: Annotated[float, typer.Option(min=0, max=1, help="share of users with a fresh list")] = 1.0,
    described: Annotated[float, typer.Option(min=0, max=1, help="share of users with metadata")] = 1.0,
    segments: Annotated[int, typer.Option(min=0, help="segments of users by their metadata")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="print bytes as JSON")] = False,
) -> None:
    """Predict how much memory Redis needs, by the settings and the size of the world."""
    training, serving = TrainingSettings(), ServingSettings()  # the API's hold those of the state
    world = World(
        users=users,
        items=items,
        interactions=interactions or users * min(100, items),
        n=n,
        rank=training.als_rank,
        signal_matrices=World.signal_matrices if training.ranking == "blend" else 0,
        shards=serving.redis_shards,
        days=days,
        user_size=user_size,
        item_size=item_size,
        history_cap=serving.history_cap,
        repeats=repeats,
        earlier_events=serving.earlier_events,
        half_lives=serving.trend_half_lives,
        together_window=serving.together_window,
        together_degree=serving.together_degree,
        fresh_users=fresh if serving.fold_in else 0.0,
        described_users=described,
        segments=segments if described and training.segment_attributes else 0,
        shown=serving.shown_items if serving.shown_seconds else 0,
        # One more while the next version is written.
        versions=training.keep_versions + 1,
    )
    typer.echo(_as_json(world) if as_json else _as_table(world, training.redis_memory_budget))


def _as_json(world: World) -> str:
    kinds = plan_bytes(world)
    return json.dumps({"bytes": kinds, "total": sum(kinds.values())}, indent=2)


def _as_table(world: World, budget: int) -> str:
    kinds = plan_bytes(world)
    total = sum(kinds.values())
    rows = [*kinds.items(), ("in all", total)]
    size = f"{world.users:,} users, {world.items:,} items, {world.interactions:,} interactions"
    lines = [f"Redis for {size}, lists of {world.n}:"]
    lines += [f"{name:<32}{bytes_ / 1e6:>14,.1f} MB" for name, bytes_ in rows]
    if budget and total > budget:
        lines.append(f"That is more than REDIS_MEMORY_BUDGET ({budget / 1e6:,.1f} MB).")
    return "\n".join(lines)
