from __future__ import annotations

import json

from algorithms.blending.blend import Blend
from algorithms.blending.choice import Choice, Horizon
from algorithms.blending.weights import Step
from algorithms.bootstrap import Figure
from contracts.stored.manifest import BlendRecord, SignalRecord
from training.evaluation.chosen_blend import default_blend, of_choice, of_record

FIGURE = Figure(0.1234567, 0.1, 0.2)
NOTHING = Figure(float("nan"), float("nan"), float("nan"))


def choice(known: Figure | None = None) -> Choice:
    hot = Horizon({"a": 1.0, "b": 0.5}, FIGURE, {"a": 0.11, "b": 0.1}, (Step("b", 0.5, FIGURE),), "chosen")
    cold = Horizon({"a": 1.0}, None, {}, (), "too few")
    return Choice(Blend(hot.weights, cold.weights), hot, cold, known)


def test_a_choice_becomes_a_record_and_the_record_gives_the_weights_again() -> None:
    chosen = of_choice(choice(known=FIGURE))
    record = chosen.record({"a": SignalRecord(family="factors")})
    read = BlendRecord.model_validate(json.loads(record.model_dump_json()))
    again = of_record(read)
    assert again.blend == chosen.blend
    assert again.hot_choice.why == "chosen"
    assert again.hot_choice.ndcg == (0.12346, 0.1, 0.2)
    assert again.hot_choice.steps[0].name == "b"
    assert again.cold_choice.ndcg is None
    assert again.known_items_gain == (0.12346, 0.1, 0.2)


def test_a_figure_that_is_not_a_number_is_left_out() -> None:
    assert of_choice(choice(known=NOTHING)).known_items_gain is None


def test_the_defaults_say_why_they_are_taken() -> None:
    chosen = default_blend("nothing to choose on")
    assert chosen.hot_choice.why == chosen.cold_choice.why == "nothing to choose on"
    assert set(chosen.blend.names) == {"item_to_item/15", "transitions_recent/3", "factors", "long_view"}
