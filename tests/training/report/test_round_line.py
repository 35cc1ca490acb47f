from __future__ import annotations

import json

from tests.manifests import a_manifest
from training.report.round_line import as_json, round_line

MANIFEST = a_manifest(
    "v2",
    fit={"warm": False, "why": "", "warm_rounds": 0, "full_interactions": 1200},
    gate={
        "publish": True,
        "reason": "not worse than the champion",
        "leads": "model",
        "differences": {"champion": [0.0135, -0.002, 0.029]},
    },
    counts={"users": 3, "items": 4, "interactions": 1200},
    metrics={
        "ndcg@10": 0.12345,
        "champion_ndcg@10": 0.11,
        "popularity_ndcg@10": 0.1,
        "recall@10": 0.2,
        "rmse": 0.9,
    },
)


def test_the_line_of_a_round_has_its_data_and_its_comparison_on_the_same_slice() -> None:
    # On its own, older slice the champion had another figure: that is not the one to compare with.
    before = a_manifest(
        counts={"users": 3, "items": 4, "interactions": 1000}, metrics={"ndcg@10": 0.31, "rmse": 0.91}
    )
    line = round_line("published", MANIFEST, before, 12.34)
    assert line == (
        "published v2 (full fit): trained on 200 new events (1,200 in all); "
        "NDCG@10 0.1235 (the served model on the same slice 0.1100, difference +0.0135 [-0.0020, +0.0290], "
        "popularity 0.1000), RECALL@10 0.2000, RMSE 0.9000; "
        "gate: not worse than the champion, model leads; 12.3 s"
    )


def test_the_line_of_the_first_round_has_no_comparison() -> None:
    first = MANIFEST.with_parts(metrics={"ndcg@10": 0.12345, "popularity_ndcg@10": 0.1})
    assert "trained on 1,200 new events (1,200 in all); NDCG@10 0.1235 (first, popularity" in round_line(
        "published", first, None, 1
    )


def test_the_line_of_a_blend_has_its_weights_and_the_figure_of_each_signal_alone() -> None:
    blend = {
        "hot": {"item_to_item/15": 1.0, "transitions/4": 0.7},
        "cold": {"long_view": 1.0},
        "half_life_hours": 8.0,
        "signals": {},
    }
    manifest = a_manifest("v2", blend=blend, metrics={"ndcg@10": 0.2, "transitions/4_ndcg@10": 0.1})
    assert (
        "ranks by 1 item_to_item/15 + 0.7 transitions/4 (alone 0.1000); a day later by 1 long_view;"
        in round_line("published", manifest, None, 1)
    )


def test_a_figure_that_is_not_a_number_is_not_shown() -> None:
    manifest = MANIFEST.with_parts(metrics={"ndcg@10": 0.2, "rmse": None})
    line = round_line("published", manifest, a_manifest(metrics={"ndcg@10": None}), 1)
    assert "NDCG@10 0.2000; gate" in line
    assert "RMSE" not in line


def test_the_line_of_a_round_without_a_model_says_why() -> None:
    assert "not enough data" in round_line("not_enough_data", None, None, 1)
    assert "newer lake" in round_line("refused_older", None, None, 1)
    assert json.loads(as_json("not_enough_data", None)) == {"outcome": "not_enough_data", "manifest": None}
