"""The models that the gate compares: the candidate, the champion, and signals of the candidate alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from algorithms.blending.blend import Blend, Signals
from algorithms.signals.factors import Factors
from contracts.settings import TrainingSettings
from contracts.stored.manifest import EvaluationRecord
from training.evaluation.blended_model import BlendedModel, question_times
from training.evaluation.chosen_blend import ChosenBlend, of_record
from training.evaluation.comparison import MakesLists, ServedModel
from training.evaluation.held_out import HeldOut
from training.evaluation.slice import Slice
from training.fit.als import Problem, ranking
from training.fit.factors import Matrix
from training.rounds.champion import Champion

log = logging.getLogger("headwater.training")
_EASE = "item_to_item/0"


@dataclass(frozen=True)
class Contenders:
    """What makes lists, by name ("model" is the candidate), and the candidate's blend, if it has one."""

    models: dict[str, MakesLists]
    items: Matrix  # the candidate's factors of the past
    blend: ChosenBlend | None
    held_out: HeldOut  # the users that are measured, with all that counts as found
    with_known_items: bool  # whether that includes items which they had before


def contenders(
    slice_: Slice,
    settings: TrainingSettings,
    fit_items: Callable[[], Matrix],
    champion: Champion | None,
    warm: bool,
) -> Contenders:
    """Fit on the past the signals by which each contender ranks.

    ``fit_items`` gives the candidate's item factors of the past. The champion's signals are fitted again, to
    the same past, so that neither has seen more than the other; its factors are its own measured ones. Where
    one of the two recommends known items, later events with such items count as found for both.
    """
    problem = ranking(settings)
    chosen = _choose(slice_, settings, champion, warm)
    items = fit_items()
    served = champion if champion and _is_measured_alike(champion, slice_.evaluation) else None
    earlier = of_record(served.manifest.blend).blend if served and served.manifest.blend else None
    factors = Factors(items, problem.reg_param, problem.alpha, problem.nonnegative)
    signals = _fit(slice_, factors, chosen, earlier, warm)
    recommends_known = any(blend.with_known_items for blend in (chosen and chosen.blend, earlier) if blend)
    held_out = slice_.held_out
    if recommends_known and slice_.with_known is not None:
        held_out = slice_.with_known
    alone = ServedModel(items, problem)

    def blended_model(blend: Blend, by: Signals = signals) -> BlendedModel:
        return BlendedModel(blend, by, question_times(held_out), held_out.moments)

    models: dict[str, MakesLists] = {"model": blended_model(chosen.blend) if chosen is not None else alone}
    if served is not None:
        models["champion"] = _champion_lists(served, problem, earlier, signals, blended_model)
    if chosen is not None:
        models |= _parts(chosen.blend, signals, blended_model) | {"als": alone}
    return Contenders(models, items, chosen, held_out, held_out is not slice_.held_out)


def _parts(
    blend: Blend, signals: Signals, blended_model: Callable[[Blend], BlendedModel]
) -> dict[str, MakesLists]:
    """Each signal of the blend alone; and, where the blend recommends known items, the blend without them."""
    allowed = blend.with_known_items
    singles = {name: name for name in blend.names} | ({"ease": _EASE} if _EASE in signals else {})
    parts: dict[str, MakesLists] = {
        shown: blended_model(Blend({name: 1.0}, {name: 1.0}, allowed)) for shown, name in singles.items()
    }
    if allowed:
        parts["without_known_items"] = blended_model(replace(blend, with_known_items=False))
    return parts


def _choose(
    slice_: Slice, settings: TrainingSettings, champion: Champion | None, warm: bool
) -> ChosenBlend | None:
    """A warm round keeps the champion's weights; None where the factors alone rank."""
    if settings.ranking == "als":
        return None
    if slice_.signals is None:
        log.info("RANKING=blend needs the data within TRAIN_MEMORY: this round ranks by the factors alone")
        return None
    if warm and champion is not None and champion.manifest.blend is not None:
        return of_record(champion.manifest.blend)
    return slice_.signals.choose(ranking(settings), settings.seed)


def _fit(
    slice_: Slice, factors: Factors, chosen: ChosenBlend | None, earlier: Blend | None, warm: bool
) -> Signals:
    """All signals that the contenders need, by name, each fitted once."""
    names = {*(chosen.blend.names if chosen else ()), *(earlier.names if earlier else ())}
    if not names or slice_.signals is None:
        return {}
    if not warm or any(name.startswith("item_to_item/") for name in names):
        names.add(_EASE)
    return {each.name: each.signal for each in slice_.signals.fit(factors, names)}


def _champion_lists(
    champion: Champion,
    problem: Problem,
    blend: Blend | None,
    signals: Signals,
    blended_model: Callable[[Blend, Signals], BlendedModel],
) -> MakesLists:
    items, own_problem = champion.measured_items, champion.as_served(problem)
    assert items is not None
    if blend is None or not _has_all(signals, blend.names):
        return ServedModel(items, own_problem)
    with_its_factors = {
        name: replace(
            signal,
            item_factors=items,
            reg_param=own_problem.reg_param,
            alpha=own_problem.alpha,
            nonnegative=own_problem.nonnegative,
        )
        if isinstance(signal, Factors)
        else signal
        for name, signal in signals.items()
    }
    return blended_model(blend, with_its_factors)


def _has_all(signals: Signals, names: Collection[str]) -> bool:
    return all(name in signals for name in names)


def _is_measured_alike(champion: Champion, evaluation: EvaluationRecord) -> bool:
    """Whether the champion was measured by the same split, so that it has not seen what is held out now."""
    if champion.measured_items is None or champion.evaluation is None:
        return False
    return champion.evaluation.split == evaluation.split
