"""The cover's table."""

from __future__ import annotations

from workloads.contract import Run
from workloads.detection.evaluation_report import metric_rows


def test_thresholds_are_met_or_missed_and_one_that_was_not_measured_is_shown():
    thresholds = {"map_50": 0.5, "inference_latency_ms": 30, "ap_2d_easy": 0.2, "recall": None}
    run = Run(spec={"evaluation": {"thresholds": thresholds}})
    results = {"metrics": {"map_50": 0.61, "inference_latency_ms": 35.5}, "champion_metrics": {"map_50": 0.58}}
    assert metric_rows(run, results)[:3] == [
        ("map_50", "0.6100", "0.5800", "0.5000", "met"),
        ("inference_latency_ms", "35.5000", "–", "30", "missed"),
        ("ap_2d_easy", "–", "–", "0.2000", "missed"),
    ]


def test_without_thresholds_nothing_is_judged():
    rows = metric_rows(Run(spec={}), {"metrics": {"map_50": 1}, "champion_metrics": None})
    assert rows == [("map_50", "1", "–", "–", "")]
