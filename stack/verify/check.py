"""Checks every invariant on the ledgers, and reports the results as JSON or in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stack.verify.invariants import INVARIANTS, Invariant
from stack.verify.ledgers import Ledgers
from stack.verify.places import places_of_two_topics
from stack.verify.violations import NotChecked, Violation

RUNBOOK = "docs/operations.md"


@dataclass(frozen=True)
class Verdict:
    """The result of one invariant's check."""

    invariant: Invariant
    found: list[Violation] | NotChecked

    @property
    def holds(self) -> bool | None:
        """Whether the invariant holds; None where it was not checked."""
        return None if isinstance(self.found, NotChecked) else not self.found

    def sentences(self) -> Iterator[str]:
        """One sentence for each violation, with the cure; or one that says that the invariant holds."""
        name, title, cure, _ = self.invariant
        if isinstance(self.found, NotChecked):
            yield f"{name} {title}: not checked, {self.found.reason}"
        elif not self.found:
            yield f"{name} {title}: holds"
        else:
            for count, what, examples in self.found:
                example = f" ({'; '.join(examples)})" if examples else ""
                yield f"{name} {title}: {count:,} {what}{example}: {cure} ({name} in {RUNBOOK})"


@dataclass(frozen=True)
class Verified:
    """All verdicts, and the numbers of rows that were checked."""

    counts: dict[str, int]
    verdicts: list[Verdict]

    @property
    def holds(self) -> bool:
        """Whether no invariant is violated."""
        return all(verdict.holds is not False for verdict in self.verdicts)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON, for ``--json``."""
        return {
            "holds": self.holds,
            "counts": self.counts,
            "invariants": {v.invariant.name: _as_dict(v) for v in self.verdicts},
        }


def _as_dict(verdict: Verdict) -> dict[str, Any]:
    found = verdict.found
    return {
        "title": verdict.invariant.title,
        "holds": verdict.holds,
        "violations": [] if isinstance(found, NotChecked) else [violation._asdict() for violation in found],
        "sentences": list(verdict.sentences()),
    }


def _lost_exposures(ledgers: Ledgers) -> dict[str, int]:
    """What killed API processes lost, where the state was given: no violation, but nothing to keep quiet."""
    return {} if ledgers.state is None else {"lost_exposures": ledgers.state.head.lost_exposures}


def _offsets_of_two_topics(ledgers: Ledgers) -> dict[str, int]:
    """Where a topic was deleted and created again: no violation either."""
    found = places_of_two_topics(ledgers.lake).num_rows
    return {"offsets_of_two_topics": found} if found else {}


def verify(ledgers: Ledgers) -> Verified:
    """Check every invariant."""
    counts = {
        "ledger_lines": ledgers.sent.num_rows,
        "acknowledged": ledgers.acknowledged.num_rows,
        "in_lake": ledgers.lake.num_rows,
        "refused": ledgers.refused.num_rows,
        "exposures_in_lake": ledgers.shown.num_rows,
        **_lost_exposures(ledgers),
        **_offsets_of_two_topics(ledgers),
        "outcomes_in_lake": ledgers.outcomes.num_rows,
        "erased_users": len(ledgers.erased),
    }
    return Verified(counts, [Verdict(invariant, invariant.check(ledgers)) for invariant in INVARIANTS])
