from __future__ import annotations

import json

from tests.manifests import a_manifest
from training.report.round_line import as_json, round_line

MANIFEST = a_manifest(
    "v2",
    fit={"warm": False, "why": "", "warm_rounds": 0, "full_interactions": 1200},
    gate={"publish": True, "reason": "the first model", "leads": "model"},
    counts={"users": 3, "items": 4, "interactions": 1200},
    metrics={"ndcg@10": 0.12345, "popularity_ndcg@10": 0.1, "recall@10": 0.2, "rmse": 0.9},
)


def test_a_round_says_what_it_learnt_and_how_it_compares() -> None:
    before = a_manifest(
        counts={"users": 3, "items": 4, "interactions": 1000}, metrics={"ndcg@10": 0.11, "rmse": 0.91}
    )
    line = round_line("published", MANIFEST, before, 12.34)
    assert line == (
        "published v2 (full fit): trained on 200 new events (1,200 in all); "
        "NDCG@10 0.1235 (before 0.1100, popularity 0.1000), RECALL@10 0.2000 (first), "
        "RMSE 0.9000 (before 0.9100); gate: the first model, model leads; 12.3 s"
    )


def test_the_first_round_has_nothing_before_it() -> None:
    assert "trained on 1,200 new events (1,200 in all); NDCG@10 0.1235 (first, popularity" in round_line(
        "published", MANIFEST, None, 1
    )


def test_a_figure_that_is_not_a_number_is_not_shown() -> None:
    manifest = MANIFEST.with_parts(metrics={"ndcg@10": 0.2, "rmse": None})
    line = round_line("published", manifest, a_manifest(metrics={"ndcg@10": None}), 1)
    assert "NDCG@10 0.2000 (first); gate" in line
    assert "RMSE" not in line


def test_a_round_without_a_model_says_why() -> None:
    assert "not enough data" in round_line("not_enough_data", None, None, 1)
    assert "newer lake" in round_line("refused_older", None, None, 1)
    assert json.loads(as_json("not_enough_data", None)) == {"outcome": "not_enough_data", "manifest": None}
