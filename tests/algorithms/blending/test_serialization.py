from __future__ import annotations

import numpy as np
import pytest

from algorithms.blending.blend import Blend
from algorithms.blending.serialization import (
    Arrays,
    ServedBlend,
    describe_signal,
    describe_signals,
    read_blend,
    stored_names,
)
from algorithms.blending.signal_options import fit_offered
from algorithms.blending.weights import Candidate
from algorithms.signals.factors import Factors
from algorithms.signals.follower_weights import FollowerWeights
from algorithms.signals.history import Histories
from algorithms.signals.live_transitions import LiveTransitions
from algorithms.signals.transitions import Transitions
from contracts.stored.manifest import BlendRecord, SignalRecord
from tests.algorithms.signals.worlds import HOUR, random_histories

ITEMS = 12


def _factors() -> Factors:
    return Factors(np.random.default_rng(1).standard_normal((ITEMS, 4)).astype(np.float32), 0.1, 0.5)


def _offer_signals() -> list[Candidate]:
    return fit_offered(random_histories(), ITEMS, factors=_factors())


def _publish(offered: list[Candidate]) -> tuple[BlendRecord, Arrays]:
    """Every signal on offer, each with another weight, in the stored form."""
    signals, arrays = describe_signals(offered)
    weights = {name: 0.1 + 0.05 * place for place, name in enumerate(signals)}
    record = BlendRecord(
        hot=weights,
        cold=dict(zip(weights, reversed(weights.values()), strict=True)),
        half_life_hours=8.0,
        with_known_items=True,
        signals=signals,
    )
    return BlendRecord.model_validate_json(record.model_dump_json()), arrays


def _histories() -> Histories:
    histories = random_histories(9, events=150)
    return histories.asked_at(histories.now_ms + np.arange(len(histories)) * HOUR)


def _read_back() -> tuple[ServedBlend, Blend, list[Candidate]]:
    offered = _offer_signals()
    record, arrays = _publish(offered)
    return (
        read_blend(record, arrays, _factors()),
        Blend(dict(record.hot), dict(record.cold), True, record.half_life_hours),
        offered,
    )


def test_these_tests_cover_every_family_of_signals() -> None:
    families = {each.family for each in _offer_signals()}
    assert families == {
        "factors",
        "item_to_item",
        "long_view",
        "transitions",
        "repeats",
        "trend",
        "popularity",
    }


def test_a_signal_that_was_stored_and_read_scores_as_before_up_to_half_precision() -> None:
    served, blend, offered = _read_back()
    fitted = blend.score({each.name: each.signal for each in offered}, _histories())
    read = served.blend.score(served.signals, _histories())
    assert served.blend == blend
    assert read == pytest.approx(fitted, rel=5e-3, abs=5e-3 * float(np.abs(fitted).max()))


def test_each_signal_alone_is_read_with_its_own_settings() -> None:
    served, _, offered = _read_back()
    for each in offered:
        expected = each.signal.score(_histories())
        found = served.signals[each.name].score(_histories())
        assert found == pytest.approx(expected, rel=2e-3, abs=2e-3 * float(np.abs(expected).max() + 1e-9))


def test_only_the_needed_arrays_are_stored_and_each_matrix_once() -> None:
    record, arrays = _publish(_offer_signals())
    needed = stored_names(record)
    assert set(needed.rows) == set(arrays.rows)
    assert set(needed.vectors) == set(arrays.vectors)
    assert "item_to_item" in arrays.rows
    assert not any(name.startswith("item_to_item/") for name in arrays.rows)


def test_a_missing_matrix_and_an_unknown_family_are_errors() -> None:
    record, arrays = _publish(_offer_signals())
    with pytest.raises(KeyError, match="item_to_item"):
        read_blend(record, Arrays({}, arrays.vectors), _factors())
    later = record.with_parts(signals={"s": SignalRecord(family="telepathy")})
    with pytest.raises(ValueError, match="a newer Headwater"):
        read_blend(later, arrays, _factors())


def test_transitions_that_an_earlier_version_stored_keep_their_meaning() -> None:
    record, arrays = _publish(_offer_signals())
    name = next(name for name, each in record.signals.items() if each.family == "transitions")
    later = {"power", "unliked", "unliked_follower", "pairs_half_life_days", "lasting"}
    known = {
        setting: number for setting, number in record.signals[name].settings.items() if setting not in later
    }
    before = record.signals[name].with_parts(settings=known)
    read = read_blend(record.with_parts(signals={name: before}), arrays, _factors()).signals[name]
    assert isinstance(read, Transitions)
    assert (read.settings.power, read.settings.unliked) == (1.0, 1.0)
    assert read.settings.followers == FollowerWeights()


def test_a_signal_of_past_moments_cannot_be_stored() -> None:
    moving = LiveTransitions((), np.zeros(0, np.int64))
    with pytest.raises(TypeError, match="no stored form"):
        describe_signal("transitions/4", "transitions", moving)
