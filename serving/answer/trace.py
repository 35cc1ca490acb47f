"""Where an answer comes from: every candidate with its source, and what removed or moved it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

from pydantic import BaseModel, Field

from serving.answer.filters import FILTERS
from serving.answer.recommender import POOL, Recommender
from serving.answer.strategies.strategy import Strategy
from serving.memory.process_memory import ProcessMemory
from serving.question.candidate import Candidate
from serving.question.list_options import ListOptions
from serving.question.question import Question

DEPTH = 200  # the largest number of candidates that are traced for each strategy


class TracedCandidate(BaseModel):
    """A candidate on its way through an answer."""

    item_id: str
    source: str = Field(description="The first strategy that proposed it")
    score: float
    title: str | None
    removed_by: str | None = Field(description="The filter that left it out")
    places: dict[str, int] = Field(description="Its place after each step")
    rank: int | None = Field(description="Its rank in the answer, null where it is not in it")


class Trace(BaseModel):
    """Where an answer comes from: its candidates, those in the answer first."""

    user_id: str
    model_version: str | None
    stale: bool
    known_items: int
    applied_through: int | None
    proposed: dict[str, int] = Field(description="How many candidates each strategy proposed, to 200")
    candidates: list[TracedCandidate]


async def trace(recommender: Recommender, memory: ProcessMemory, user_id: str, options: ListOptions) -> Trace:
    """Trace all candidates of an answer. It asks every strategy, while an answer stops once it is full.

    Ranks and places come from the code that serves answers: ``Recommender.draw`` with a note at each step.
    """
    user = await recommender.user(user_id, options)
    question = await recommender.question(user, options)
    traced: dict[str, TracedCandidate] = {}
    proposed_counts: dict[str, int] = {}
    chain = recommender.chain_for(user, options)
    for name, strategy in chain.by_name:
        proposed = await _first_candidates(question, strategy)
        proposed_counts[name] = len(proposed)
        await recommender.load(question, [candidate.item_id for candidate in proposed])
        new = [candidate for candidate in proposed if candidate.item_id not in traced]
        traced |= {each.item_id: _untouched_candidate(memory, each) for each in new}
        _note_removed(question, new, traced)

    def note(step: str, candidates: Sequence[Candidate]) -> None:
        for place, candidate in enumerate(candidates, 1):
            row = traced.setdefault(candidate.item_id, _untouched_candidate(memory, candidate))
            row.places[step] = place

    # An answer without re-ranking asks only for what it needs; the trace notes the places of later items too.
    note("chain", await recommender.fill(question, POOL, chain.strategies))
    draw = await recommender.draw(question, note)
    for rank, candidate in enumerate(draw.page, options.offset + 1):
        row = traced.setdefault(candidate.item_id, _untouched_candidate(memory, candidate))
        # An explored item keeps the draw's source and score, even if a strategy proposed it too.
        row.source, row.score, row.rank = candidate.source, candidate.score, rank
    return Trace(
        user_id=user_id,
        model_version=user.model_version,
        stale=user.stale,
        known_items=user.known_count,
        applied_through=user.applied_through,
        proposed=proposed_counts,
        candidates=sorted(traced.values(), key=lambda each: (each.rank is None, each.rank)),
    )


async def _first_candidates(question: Question, strategy: Strategy) -> list[Candidate]:
    found: dict[str, Candidate] = {}
    async with aclosing(strategy(question)) as pages:
        async for page in pages:
            for candidate in page:
                found.setdefault(candidate.item_id, candidate)
            if len(found) >= DEPTH:
                break
    return list(found.values())[:DEPTH]


def _untouched_candidate(memory: ProcessMemory, candidate: Candidate) -> TracedCandidate:
    return TracedCandidate(
        item_id=candidate.item_id,
        source=candidate.source,
        score=candidate.score,
        title=memory.catalogue.get(candidate.item_id).title,
        removed_by=None,
        places={},
        rank=None,
    )


def _note_removed(
    question: Question, candidates: Sequence[Candidate], traced: dict[str, TracedCandidate]
) -> None:
    for apply_filter in FILTERS:
        remaining = apply_filter(question, candidates)
        for item_id in {each.item_id for each in candidates} - {each.item_id for each in remaining}:
            traced[item_id].removed_by = apply_filter.__name__
        candidates = remaining
