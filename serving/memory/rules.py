"""An operator's rules for all answers: kept in Redis, changed by PUT /v1/rules, in force within a second."""

from __future__ import annotations

from contracts.stored import keyspace
from serving.question.operator_rules import NO_RULES, Rules
from serving.redis.store import Store


class RulesInForce:
    """This process's copy, as fresh as its last refresh."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.now = NO_RULES
        self.denied: frozenset[str] = frozenset()
        self.allowed: frozenset[str] = frozenset()

    async def refresh(self) -> None:
        """Read them again. Raises StoreError and keeps what it has.

        Nobody deletes rules: where they are missing, Redis was emptied, and they are written again.
        """
        (raw,) = await self._store.ask(("GET", keyspace.SERVING_RULES))
        if raw:
            self._use(Rules.model_validate_json(raw))
        elif self.now != NO_RULES:
            await self._store.ask_alone(("SET", keyspace.SERVING_RULES, self.now.model_dump_json(), "NX"))

    async def replace(self, rules: Rules) -> None:
        """Write them. Raises StoreError."""
        text = rules.model_dump_json()
        await self._store.ask_alone(("SET", keyspace.SERVING_RULES, text))
        self._use(rules)

    def _use(self, rules: Rules) -> None:
        if rules != self.now:
            self.now = rules
            self.denied, self.allowed = frozenset(rules.deny), frozenset(rules.allow)
