"""An operator's rules for all answers: kept in Redis, changed by PUT /v1/rules, in force within a second."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from contracts import keyspace
from serving.bounds import JsonId
from serving.store import Store

_MAX_ITEMS, _MAX_BOOSTS = 10_000, 100
Items = Annotated[tuple[JsonId, ...], Field(max_length=_MAX_ITEMS)]
Category = Annotated[str, Field(max_length=128)]


class Rules(BaseModel):
    """What an operator asks of every answer. Nothing by default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    deny: Items = Field(default=(), description="Items that are never recommended")
    allow: Items = Field(default=(), description="When not empty, only these are recommended")
    editorial: Items = Field(default=(), description="For those of whom little is known, in order")
    boosts: Annotated[dict[Category, Annotated[float, Field(ge=0, le=10)]], Field(max_length=_MAX_BOOSTS)] = (
        Field(default_factory=dict, description="Category -> factor on an item's rank; below 1 it sinks")
    )


NO_RULES = Rules()


class RulesInForce:
    """The process' copy, as fresh as its last refresh."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.now = NO_RULES
        self.denied: frozenset[str] = frozenset()
        self.allowed: frozenset[str] = frozenset()

    async def refresh(self) -> None:
        """Read them anew. Raises StoreError and keeps what it has."""
        (raw,) = await self._store.ask(("GET", keyspace.SERVING_RULES))
        self._use(Rules.model_validate_json(raw) if raw else NO_RULES)

    async def replace(self, rules: Rules) -> None:
        """Write them. Raises StoreError."""
        text = rules.model_dump_json()
        await self._store.ask_alone(("SET", keyspace.SERVING_RULES, text))
        self._use(rules)

    def _use(self, rules: Rules) -> None:
        if rules != self.now:
            self.now = rules
            self.denied, self.allowed = frozenset(rules.deny), frozenset(rules.allow)
