"""A model version's manifest: one typed record for everybody who writes or reads it.

It lies as JSON in Redis (keyspace.manifest) and as manifest.json in the version's folder. ``format`` counts
its incompatible changes: a manifest of an earlier format is migrated while it is read, one of a later format
is refused with a sentence. Within one format, fields that are not known here are kept and written back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FORMAT = 1
Record = TypeVar("Record", bound="_Record")
FigureTriple = tuple[float, float, float]  # mean, low, high of the 95 % interval


class ManifestError(ValueError):
    """A manifest that cannot be read; its text names the cure."""


class NewerManifestError(ManifestError):
    """A manifest of a later format: a newer Headwater wrote it."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")

    def with_parts(self: Record, **parts: Any) -> Record:
        """A copy with some fields set."""
        unknown = parts.keys() - type(self).model_fields.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        return self.model_copy(update=parts)


class Parameters(_Record):
    """The settings a version was trained with, by the settings' names in lower case.

    Every recorded setting is here; those that are read again have a type.
    """

    als_rank: int
    als_reg_param: float
    als_alpha: float
    als_nonnegative: bool = False
    explicit_rank: int
    explicit_reg_param: float
    rating_strengths: dict[str, float]  # JSON has text keys: the rating from which on each strength counts
    event_weights: dict[str, float]

    def strength_by_rating(self) -> dict[float, float]:
        """RATING_STRENGTHS with numbers as keys, as the settings have it."""
        return {float(rating): strength for rating, strength in self.rating_strengths.items()}


class Counts(_Record):
    """How much a version was trained on."""

    users: int
    items: int
    interactions: int
    pairs: int = 0  # of user and item
    ratings: int = 0
    sparsity: float = 0.0


class FitRecord(_Record):
    """How a version was fitted; from it the next round sees how long ago the last full fit was."""

    warm: bool
    why: str
    warm_rounds: int
    full_interactions: int


class GateRecord(_Record):
    """What the gate decided; ``leads`` says what answers begin with, "model" or "trending"."""

    publish: bool
    leads: str
    reason: str
    differences: dict[str, FigureTriple] = {}  # candidate - rival, by the rival's name


class RatingBand(_Record):
    """Later ratings from ``lowest`` to ``highest``, and what was predicted for them; None: nothing was."""

    lowest: float
    highest: float
    ratings: int
    mean_prediction: float | None = None
    rmse: float | None = None


class EvaluationRecord(_Record):
    """How a version was measured; without ``figures`` there was nothing to measure on."""

    split: str
    k: int
    seed: int
    split_reason: str | None = None
    cutoff: int | None = None  # epoch ms; what came later was held out
    known_items: bool = False  # whether items that their user had before count too
    users_tested: int = 0
    users_without_positives: int = 0
    cold_users_share: float = 0.0
    cold_items_share: float = 0.0
    recent_half_life_seconds: int = 0
    loss: tuple[float, float] | None = None  # of the champion and of the warm fit that started from it
    figures: dict[str, dict[str, FigureTriple]] | None = None  # by who made the lists, by metric
    segments: dict[str, dict[str, dict[str, FigureTriple]]] = {}
    long_tail: dict[str, list[float]] = {}
    rating_bands: tuple[RatingBand, ...] = ()


class HistoryPoint(_Record):
    """The quality of one version on the way to this one."""

    version: str
    ndcg: float | None = None
    popularity: float | None = None


class ListCounts(_Record):
    """How many users' lists a round wrote, and how many it kept from the version before."""

    written: int
    kept: int


class Sizes(_Record):
    """How many fields each Redis hash of a version has (contracts.stored.completeness counts them)."""

    lists: int
    similar: int
    users: int
    factors: int
    signals: int = 0  # versions without a blend have none


LIVE_TREND = "live"  # in SignalRecord.settings


class SignalRecord(_Record):
    """One signal of a blend: how it is scored from what is stored (algorithms/blending/serialization.py)."""

    family: str
    stored: str | None = None  # the name of its arrays in keyspace.model_signals; None: it needs none
    half_life: float = 0.0  # of the history (entries or sessions), or of a trend (ms); 0: nothing fades
    settings: dict[str, float] = {}  # further numbers, by the names of the family's settings

    @property
    def is_live_trend(self) -> bool:
        """Whether it is a trend that events move in Redis (docs/decisions/0028-live-trends.md)."""
        return bool(self.settings.get(LIVE_TREND))


class WeightStep(_Record):
    """A signal that entered a blend (or left it: weight 0), and what that changed in NDCG@10."""

    name: str
    weight: float
    gain: FigureTriple


class WeightChoice(_Record):
    """How the weights of one horizon came about."""

    why: str
    ndcg: FigureTriple | None = None  # on the questions that they were chosen on
    alone: dict[str, float] = {}  # NDCG@10 of each signal alone
    steps: tuple[WeightStep, ...] = ()


class BlendRecord(_Record):
    """What ranks in a version; versions without one rank by their factors alone.

    ``hot`` weights hold right after a user's last event, ``cold`` ones long after it.
    """

    hot: dict[str, float]
    cold: dict[str, float]
    half_life_hours: float
    with_known_items: bool = False  # whether items that the user has had may be recommended
    signals: dict[str, SignalRecord]  # by name: those with a weight
    hot_choice: WeightChoice | None = None
    cold_choice: WeightChoice | None = None
    known_items_gain: FigureTriple | None = None  # what recommending known items changes


class Manifest(_Record):
    """One version. Optional parts are absent in a version that was refused, and in early manifests."""

    version: str
    created_at: str  # ISO 8601, UTC
    lake_version: int
    catalog_through: dict[str, int] = {}  # partition of the catalogue's topic -> next offset that was applied
    seed: int = 0
    parameters: Parameters
    metrics: dict[str, float | None]
    counts: Counts
    fit: FitRecord | None = None
    gate: GateRecord | None = None
    evaluation: EvaluationRecord | None = None
    history: tuple[HistoryPoint, ...] = ()
    timings: dict[str, float] = {}  # seconds by phase
    previous: str | None = None  # the version that was served before
    cause: str | None = None  # what asked for its round, where that was drift
    blend: BlendRecord | None = None
    lists: ListCounts | None = None
    sizes: Sizes | None = None
    checksums: dict[str, str] | None = Field(default=None, description="SHA-256 by path within the folder")

    @property
    def created_seconds(self) -> float | None:
        """When it was made, in seconds since 1970; None where ``created_at`` is no date."""
        try:
            return datetime.fromisoformat(self.created_at.replace("Z", "+00:00")).timestamp()
        except ValueError:
            return None

    @property
    def leads(self) -> str:
        """What answers begin with: "model", or "trending" while no model beats popularity."""
        return self.gate.leads if self.gate else "model"

    def to_dict(self) -> dict[str, Any]:
        """The JSON object; a part that was never set is left out."""
        return {"format": FORMAT} | self.model_dump(exclude_unset=True)

    def to_json(self, indent: int | None = None) -> str:
        """The text that is stored."""
        return json.dumps(self.to_dict(), indent=indent)

    @classmethod
    def from_json(cls, text: str | bytes, version: str = "") -> Manifest:
        """Read a manifest of this or an earlier format; ``version`` is named in errors.

        Raises ManifestError for a damaged one, NewerManifestError for one of a later format.
        """
        name = version or "a model"
        try:
            fields = json.loads(text)
        except ValueError as error:
            raise _damage_error(name, f"it is not JSON: {error}") from error
        if not isinstance(fields, dict):
            raise _damage_error(name, "it is not a JSON object")
        written_format = fields.pop("format", 0)
        if not isinstance(written_format, int) or written_format < 0:
            raise _damage_error(name, f"format is {written_format!r}")
        if written_format > FORMAT:
            raise NewerManifestError(
                f"The manifest of {name} has format {written_format}, and this Headwater reads formats up to "
                f"{FORMAT}: a newer Headwater wrote it, so update this one"
            )
        for migrate in _MIGRATIONS[written_format:]:
            fields = migrate(fields)
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise _damage_error(name, _first_problem(error)) from error


def _damage_error(name: str, why: str) -> ManifestError:
    return ManifestError(
        f"The manifest of {name} is damaged ({why}): restore it from a backup, serve another version "
        "(`headwater models promote VERSION`), or train again (`headwater train --once`)"
    )


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"


def _number_the_format(fields: dict[str, Any]) -> dict[str, Any]:
    """Format 0 had no number; its first manifests have a number of seconds as their date."""
    created_at = fields.get("created_at")
    if isinstance(created_at, (int, float)):
        moment = datetime.fromtimestamp(created_at, timezone.utc)
        return fields | {"created_at": moment.isoformat(timespec="seconds")}
    return fields


# The step at place n reads format n and returns format n + 1.
_MIGRATIONS: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = (_number_the_format,)
