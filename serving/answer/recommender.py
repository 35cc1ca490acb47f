"""The answer on one screen: user, candidates, filters, refill, re-rankers, titles.

To add a strategy, a filter or a re-ranker: write its file and name it in ``chain.STRATEGIES``,
``filters.FILTERS`` or ``rerankers.RERANKERS``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from serving.answer.chain import Chain, arm_chain, configured_chain, trending_first
from serving.answer.exploration import SOURCE as EXPLORE
from serving.answer.exploration import Draw, Exploration
from serving.answer.filters import FILTERS
from serving.answer.recommendations import Recommendations
from serving.answer.recommended_item import RecommendedItem
from serving.answer.refill import refill
from serving.answer.rerankers import RERANKERS
from serving.answer.strategies.strategy import Strategy
from serving.memory.process_memory import ProcessMemory
from serving.memory.rules import RulesInForce
from serving.question.budget import MOST_RERANKED
from serving.question.candidate import Candidate, User
from serving.question.list_options import ListOptions
from serving.question.question import Question, Vectors
from serving.redis.reads.user import known_among, read_user
from serving.redis.store import StoreError

FULL_LAG_MS = 5000  # a full Redis whose state is further behind no longer takes events
POOL = 200  # the smallest number of candidates that re-rankers choose from
_ARM_CHAINS = 100  # how many chains of experiments' arms are cached

Note = Callable[[str, Sequence[Candidate]], None]  # gets each step's name and its result; for the trace


class Recommender:
    """Lists for users. There is always an answer, and it says where it comes from."""

    def __init__(self, memory: ProcessMemory, rules: RulesInForce) -> None:
        self._memory = memory
        self._rules = rules
        self._chain = configured_chain(memory)
        self._trending_chain = trending_first(memory, self._chain)
        self._arm_chains: dict[tuple[str, ...], Chain] = {}
        self.exploration = Exploration(memory)

    async def recommend(self, user_id: str, options: ListOptions) -> Recommendations:
        """The user's best items: n, or fewer if the catalogue has fewer."""
        return await self.answer(await self.user(user_id, options), options)

    async def answer(self, user: User, options: ListOptions) -> Recommendations:
        """Like `recommend`, for a user whose state was read already, or for a session, which has none."""
        return self.build_answer(user, options, await self.best(user, options))

    async def best(self, user: User, options: ListOptions) -> Sequence[Candidate]:
        """The items of the answer, without their titles; an exploration draw is logged."""
        question = await self.question(user, options)
        draw = await self.draw(question)
        if self.exploration.is_on(options):
            draw.log(question)
        return draw.page

    async def draw(self, question: Question, note: Note | None = None) -> Draw:
        """The page of the answer, with new items in some places if exploration is on."""
        page = await self.select(question, self.chain_for(question.user, question.options).strategies, note)
        if not self.exploration.is_on(question.options):
            return Draw(page, eligible=0)
        return await self.exploration.draw(question, page, self.fill)

    def chain_for(self, user: User, options: ListOptions) -> Chain:
        """The strategies in the order in which this user's answer asks them."""
        if options.strategies is not None:
            return self._arm_chain(options.strategies)
        return self._trending_chain if user.trending_leads else self._chain

    def _arm_chain(self, names: tuple[str, ...]) -> Chain:
        chain = self._arm_chains.get(names)
        if chain is None:
            if len(self._arm_chains) >= _ARM_CHAINS:
                self._arm_chains.clear()
            chain = self._arm_chains[names] = arm_chain(self._memory, names)
        return chain

    def build_answer(self, user: User, options: ListOptions, page: Iterable[Candidate]) -> Recommendations:
        """The answer that holds the items of a page."""
        return Recommendations.model_construct(
            user_id=user.user_id,
            n=options.n,
            offset=options.offset,
            items=self.with_titles(page, options.offset),
            model_version=user.model_version,
            known_items=user.known_count,
            applied_through=user.applied_through,
            arm=options.arm,
            lag_ms=lag_ms(user.applied_through),
            stale=self.stale(user),
        )

    def stale(self, user: User) -> bool:
        """Whether the answer lacks events that Redis has, or that a full Redis could not take."""
        if user.stale or not self._memory.popular_list.loaded:
            return True
        return self._memory.store.state.is_full and (lag_ms(user.applied_through) or 0) > FULL_LAG_MS

    async def select(
        self, question: Question, strategies: Iterable[Strategy], note: Note | None = None
    ) -> Sequence[Candidate]:
        """The items from ``offset`` on, in the chain's order or re-ranked.

        Re-rankers choose from a larger pool than the answer needs.
        """
        options = question.options
        needed = options.offset + options.n
        is_reranked = options.is_reranked or bool(question.rules.boosts)
        pool_size = max(POOL, needed, min(2 * needed, MOST_RERANKED)) if is_reranked else needed
        pool = await self.fill(question, pool_size, strategies)
        if note is not None:
            note("chain", pool)
        candidates: Sequence[Candidate] = pool[:MOST_RERANKED]
        for rerank in RERANKERS if is_reranked else ():
            candidates = rerank(question, candidates)
            if note is not None:
                note(rerank.__name__, candidates)
        return [*candidates, *pool[MOST_RERANKED:]][options.offset : needed]

    async def fill(self, question: Question, n: int, strategies: Iterable[Strategy]) -> list[Candidate]:
        """The first n candidates of the strategies that pass every filter."""
        return await refill(question, n, strategies, FILTERS, self.load)

    async def load(self, question: Question, item_ids: Sequence[str]) -> None:
        """Load what filters need to know about these items. The user becomes stale if Redis fails."""
        user = question.user
        if not user.stale:
            await self._memory.catalogue.load(item_ids)
        if user.long_histories:
            try:
                known = await known_among(self._memory.store, user.long_histories, item_ids)
            except StoreError:
                user.stale, user.long_histories = True, ()
            else:
                user.known_items |= known

    async def list_for_all(self, strategy: Strategy, n: int, offset: int = 0) -> Sequence[Candidate]:
        """The items from ``offset`` on of a list that is the same for all users, after all filters."""
        question = await self.question(User("", stale=not self.holds_state), ListOptions(n=n, offset=offset))
        return (await self.fill(question, offset + n, (strategy,)))[offset:]

    @property
    def holds_state(self) -> bool:
        """Whether Redis held the state at the last round trip."""
        return self._memory.store.state.is_there

    async def question(self, user: User, options: ListOptions) -> Question:
        """A user and the options of a request, with everything that the steps of an answer look up."""
        rules = self._rules
        return Question(
            user=user,
            options=options,
            facts=self._memory.catalogue.get,
            rules=rules.now,
            vectors=await self._vectors() if options.diversity and not user.stale else None,
            denied=rules.denied,
            allowed=rules.allowed,
        )

    async def _vectors(self) -> Vectors | None:
        try:
            factors = await self._memory.factors.get(await self._memory.store.model())
        except StoreError:
            return None
        return factors.vectors if factors else None

    async def user(self, user_id: str, options: ListOptions | None = None) -> User:
        """What Redis knows about a user; a stale user without any data if Redis does not answer."""
        with_shown = options is not None and options.rotation > 0 and self._memory.settings.shown_seconds > 0
        try:
            version = None if options is None else options.model_version
            return await read_user(self._memory.store, user_id, with_shown, version)
        except StoreError:
            return User(user_id, stale=True)

    def with_titles(self, page: Iterable[Candidate], offset: int) -> list[RecommendedItem]:
        """The items of an answer, ranked from ``offset`` + 1."""
        title_of = self._memory.catalogue.get
        items: list[RecommendedItem] = [
            {
                "item_id": item_id,
                "rank": rank,
                "score": round(score, 6),
                "source": source,
                "title": title_of(item_id).title,
            }
            for rank, (item_id, score, source) in enumerate(page, offset + 1)
        ]
        for item in items:
            if item["source"] == EXPLORE:
                item["propensity"] = item["score"]
        return items


def lag_ms(applied_through: int | None) -> int | None:
    """How far the state is behind this machine's clock, in ms; never below 0, as two clocks may differ."""
    return None if applied_through is None else max(0, time.time_ns() // 1_000_000 - applied_through)
