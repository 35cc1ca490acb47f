from __future__ import annotations

from html.parser import HTMLParser

from contracts.stored.manifest import BlendRecord, EvaluationRecord
from tests.manifests import a_manifest
from training.report.page import report
from training.report.svg import bars, lines

FIGURES = {"ndcg@10": [0.12, 0.1, 0.14], "gini@10": [0.5, 0.4, 0.6]}
MANIFEST = a_manifest(
    "v2",
    {"als_rank": 16, "note": "<b>"},
    created_at="2026-01-01",
    lake_version=4,
    counts={"interactions": 12_345, "users": 10, "items": 20},
    metrics={"ndcg@10": 0.12, "rmse": 0.9, "users_measured": 8.0},
    fit={"warm": True, "why": "warm round 1", "warm_rounds": 1, "full_interactions": 12_000},
    gate={"publish": True, "leads": "model", "reason": "not worse than the champion"},
    timings={"load": 1.0},
    history=[
        {"version": "v1", "ndcg": 0.1, "popularity": 0.05},
        {"version": "v0", "ndcg": None, "popularity": None},
        {"version": "v2", "ndcg": 0.12, "popularity": 0.05},
    ],
    evaluation={
        "split": "global_time",
        "k": 10,
        "seed": 42,
        "users_tested": 9,
        "users_without_positives": 1,
        "cold_users_share": 0.25,
        "cold_items_share": 0.0,
        "recent_half_life_seconds": 1800,
        "figures": {"model": FIGURES, "item_knn": FIGURES, "popularity": {"ndcg@10": [0.05, 0.04, 0.06]}},
        "segments": {"cold users": {"model": {"ndcg@10": [0.1, 0.0, 0.2]}}},
        "rating_bands": [
            {"lowest": 1.0, "highest": 1.0, "ratings": 1},
            {"lowest": 4.0, "highest": 5.0, "ratings": 3, "mean_prediction": 4.125, "rmse": 0.75},
        ],
        "long_tail": {"interactions": [0.0, 0.8, 1.0], "lists": [0.0, 0.9, 1.0]},
    },
)


class Loads(HTMLParser):
    """Finds the files that a page would fetch, and whether its tags are balanced."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag in ("svg", "table", "div", "style", "text", "tr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()


def test_the_report_is_one_self_contained_page_with_all_figures() -> None:
    page = report(MANIFEST)
    loads = Loads(page)
    assert not loads.fetched
    assert not loads.open
    for text in (
        "Model v2",
        "12,345 interactions",
        "Published: not worse than the champion",
        "split: global_time",
        "NDCG@10",
        "0.1200 [0.1000, 0.1400]",
        "item-kNN",
        "cold users",
        "NDCG over versions",
        "half-life",
        "Share of the most popular items",
        "<td>4 to 5</td><td>3</td><td>75.0%</td><td>4.12</td><td>0.750</td>",
        "<td>1</td><td>1</td><td>25.0%</td><td></td><td></td>",
        "warm (warm round 1)",
        "als_rank",
        "&lt;b&gt;",
    ):
        assert text.lower() in page.lower(), text
    assert "$" not in page


def test_the_report_of_a_model_that_was_not_measured_says_so() -> None:
    not_measured = EvaluationRecord(split="global_time", k=10, seed=42)
    page = report(MANIFEST.with_parts(evaluation=not_measured, metrics={}, history=()))
    assert "Not measured" in page
    assert not Loads(page).open


def test_plots_show_their_numbers_even_without_an_interval() -> None:
    plot = bars("A & B", [("x", 0.5, 0.4, 0.6), ("y", 0.1, float("nan"), float("nan"))])
    assert plot.count("<rect") == 2
    assert plot.count("<line") == 1
    assert "A &amp; B" in plot
    assert "nan" not in plot
    assert "<circle" in lines("one", {"a": [0.3]}, ("v1", "v1"))
    assert "nan" not in lines("none", {"a": []}, ("", ""))


def test_the_page_shows_the_weights_of_both_horizons_and_how_they_were_chosen() -> None:
    blend = {
        "hot": {"item_to_item/15": 1.0, "transitions/4": 0.64},
        "cold": {"long_view": 1.0},
        "half_life_hours": 8.0,
        "signals": {},
        "hot_choice": {
            "why": "chosen on 572 questions of 572 users",
            "ndcg": [0.15, 0.14, 0.17],
            "alone": {"transitions/4": 0.11, "item_to_item/15": 0.12},
        },
        "cold_choice": {"why": "17 users are too few"},
    }
    page = report(MANIFEST.with_parts(blend=BlendRecord.model_validate(blend)))
    assert "1 item_to_item/15 + 0.64 transitions/4" in page
    assert "chosen on 572 questions of 572 users; NDCG 0.1500 [0.1400, 0.1700]" in page
    assert "item_to_item/15 0.1200, transitions/4 0.1100" in page
    assert "17 users are too few" in page
